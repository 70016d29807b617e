using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>A user as the system knows it (<c>getpwuid_r(3)</c>, <c>getpwnam_r(3)</c>), be it from a file or a directory service.</summary>
/// <param name="Name">Login name.</param>
/// <param name="UserId">User id.</param>
/// <param name="GroupId">Primary group id.</param>
/// <param name="FullName">The comment field.</param>
/// <param name="Home">Home directory.</param>
/// <param name="Shell">Login shell.</param>
internal sealed unsafe partial record PasswordEntry(
    string Name, uint UserId, uint GroupId, string FullName, string Home, string Shell)
{
    private const int LargestBuffer = 1 << 20;
    private const int ERANGE = 34;

    /// <summary><c>struct passwd</c> of Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Raw
    {
        public byte* Name;
        public byte* Password;
        public uint UserId;
        public uint GroupId;
        public byte* FullName;
        public byte* Home;
        public byte* Shell;
    }

    [LibraryImport("libc", EntryPoint = "getpwuid_r")]
    private static partial int GetPwUid(uint userId, Raw* entry, byte* buffer, nuint size, Raw** result);

    [LibraryImport("libc", EntryPoint = "getpwnam_r", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int GetPwName(string name, Raw* entry, byte* buffer, nuint size, Raw** result);

    /// <summary>The entry of a user, or null when the system knows none.</summary>
    public static PasswordEntry? Find(uint userId) => Find(userId, null);

    /// <summary>The entry of the user with this login name, or null when the system knows none.</summary>
    public static PasswordEntry? Find(string name) => Find(0, name);

    private static PasswordEntry? Find(uint userId, string? name)
    {
        for (var size = 4096; size <= LargestBuffer; size *= 4)
        {
            var buffer = new byte[size];
            fixed (byte* start = buffer)
            {
                Raw raw;
                Raw* found;
                var error = name is null
                    ? GetPwUid(userId, &raw, start, (nuint)size, &found)
                    : GetPwName(name, &raw, start, (nuint)size, &found);
                if (error == ERANGE)
                    continue;
                return error != 0 || found is null ? null : From(raw);
            }
        }

        return null;
    }

    private static PasswordEntry From(in Raw raw) =>
        new(Text(raw.Name), raw.UserId, raw.GroupId, Text(raw.FullName), Text(raw.Home), Text(raw.Shell));

    private static string Text(byte* bytes) => Marshal.PtrToStringUTF8((nint)bytes) ?? string.Empty;
}
