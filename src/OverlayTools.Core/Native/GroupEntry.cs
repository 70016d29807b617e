using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>A group as the system knows it (<c>getgrnam_r(3)</c>, <c>getgrgid_r(3)</c>), be it from a file or a directory service.</summary>
/// <param name="Name">The group's name.</param>
/// <param name="GroupId">Its id.</param>
internal sealed unsafe partial record GroupEntry(string Name, uint GroupId)
{
    private const int LargestBuffer = 1 << 24; // a group may list very many members
    private const int ERANGE = 34;

    /// <summary><c>struct group</c> of Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Raw
    {
        public byte* Name;
        public byte* Password;
        public uint GroupId;
        public byte** Members;
    }

    [LibraryImport("libc", EntryPoint = "getgrnam_r", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int GetGrName(string name, Raw* entry, byte* buffer, nuint size, Raw** result);

    [LibraryImport("libc", EntryPoint = "getgrgid_r")]
    private static partial int GetGrGid(uint groupId, Raw* entry, byte* buffer, nuint size, Raw** result);

    /// <summary>The entry of the group with this name, or null when the system knows none.</summary>
    public static GroupEntry? Find(string name) => Find(0, name);

    /// <summary>The entry of the group with this id, or null when the system knows none.</summary>
    public static GroupEntry? Find(uint groupId) => Find(groupId, null);

    private static GroupEntry? Find(uint groupId, string? name)
    {
        for (var size = 4096; size <= LargestBuffer; size *= 4)
        {
            var buffer = new byte[size];
            fixed (byte* start = buffer)
            {
                Raw raw;
                Raw* found;
                var error = name is null
                    ? GetGrGid(groupId, &raw, start, (nuint)size, &found)
                    : GetGrName(name, &raw, start, (nuint)size, &found);
                if (error == ERANGE)
                    continue;
                return error != 0 || found is null
                    ? null
                    : new GroupEntry(Marshal.PtrToStringUTF8((nint)raw.Name) ?? string.Empty, raw.GroupId);
            }
        }

        return null;
    }
}
