using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>llistxattr(2)</c> and <c>lgetxattr(2)</c>.</summary>
internal static partial class ExtendedAttributes
{
    private const int MaxList = 65536;

    [LibraryImport("libc", EntryPoint = "llistxattr", SetLastError = true)]
    private static partial nint List(ReadOnlySpan<byte> path, Span<byte> buffer, nint size);

    [LibraryImport("libc", EntryPoint = "lgetxattr", SetLastError = true)]
    private static partial nint Get(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, Span<byte> buffer, nint size);

    /// <summary>All extended attributes of a file below a directory; a symbolic link's own, not its target's.</summary>
    /// <returns>Nothing where the file system has none.</returns>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static Dictionary<string, byte[]> Read(SafeFileHandle directory, ReadOnlySpan<byte> path, string? describe = null)
    {
        // There is no ...at form before Linux 6.13; the descriptor's link in /proc starts at the same directory.
        var start = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{directory.DangerousGetHandle()}/");
        byte[] full = [.. Encoding.ASCII.GetBytes(start), .. path, 0];
        var attributes = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var buffer = new byte[MaxList];
        var length = List(full, buffer, buffer.Length);
        if (length < 0)
            return Marshal.GetLastPInvokeError() == Errno.EOPNOTSUPP ? attributes : throw LinuxException.Last("llistxattr", describe);
        foreach (var name in Encoding.UTF8.GetString(buffer, 0, (int)length).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            byte[] terminated = [.. Encoding.UTF8.GetBytes(name), 0];
            var size = Get(full, terminated, buffer, buffer.Length);
            if (size >= 0)
                attributes[name] = buffer[..(int)size];
            else if (Marshal.GetLastPInvokeError() != Errno.ENODATA)
                throw LinuxException.Last("lgetxattr", describe);
        }

        return attributes;
    }
}
