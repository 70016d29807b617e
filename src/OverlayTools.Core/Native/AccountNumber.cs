using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>The numbers of users and groups by name (<c>getpwnam_r(3)</c>, <c>getgrnam_r(3)</c>).</summary>
internal static unsafe partial class AccountNumber
{
    private const int LargestBuffer = 1 << 20;
    private const int EntrySize = 64; // more than either structure has
    private const int IdAt = 16; // behind two pointers, in both
    private const int ERANGE = 34;

    [LibraryImport("libc", EntryPoint = "getpwnam_r", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int GetPwNam(string name, byte* entry, byte* buffer, nuint size, byte** result);

    [LibraryImport("libc", EntryPoint = "getgrnam_r", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int GetGrNam(string name, byte* entry, byte* buffer, nuint size, byte** result);

    /// <summary>The number of a user, or null when the system knows none of the name.</summary>
    public static uint? OfUser(string name) => Find(name, isGroup: false);

    /// <summary>The number of a group, or null when the system knows none of the name.</summary>
    public static uint? OfGroup(string name) => Find(name, isGroup: true);

    private static uint? Find(string name, bool isGroup)
    {
        var entry = stackalloc byte[EntrySize];
        for (var size = 4096; size <= LargestBuffer; size *= 4)
        {
            fixed (byte* start = new byte[size])
            {
                byte* found;
                var error = isGroup
                    ? GetGrNam(name, entry, start, (nuint)size, &found)
                    : GetPwNam(name, entry, start, (nuint)size, &found);
                if (error == ERANGE)
                    continue;
                return error != 0 || found is null ? null : *(uint*)(found + IdAt);
            }
        }

        return null;
    }
}
