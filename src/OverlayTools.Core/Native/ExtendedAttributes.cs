using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>llistxattr(2)</c> and <c>lgetxattr(2)</c>.</summary>
internal static partial class ExtendedAttributes
{
    private const int MaxList = 65536;
    private const nint ListAtCall = 465; // listxattrat(2), the same number on all architectures
    private const int NoFollow = 0x100;

    private static bool s_hasListAt = OperatingSystem.IsOSPlatformVersionAtLeast("Linux", 6, 13);

    [LibraryImport("libc", EntryPoint = "llistxattr", SetLastError = true)]
    private static partial nint List(ReadOnlySpan<byte> path, Span<byte> buffer, nint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint ListAt(
        nint number, SafeFileHandle directory, ReadOnlySpan<byte> path, nint flags, Span<byte> buffer, nint size);

    [LibraryImport("libc", EntryPoint = "lgetxattr", SetLastError = true)]
    private static partial nint Get(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, Span<byte> buffer, nint size);

    /// <summary>All extended attributes of a file below a directory; a symbolic link's own, not its target's.</summary>
    /// <returns>Null without any, or where the file system has none.</returns>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static Dictionary<string, byte[]>? Read(SafeFileHandle directory, ReadOnlySpan<byte> path, string? describe = null)
    {
        if (s_hasListAt && HasNone(directory, path))
            return null;
        // There is no ...at form before Linux 6.13; the descriptor's link in /proc starts at the same directory.
        var start = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{directory.DangerousGetHandle()}/");
        byte[] full = [.. Encoding.ASCII.GetBytes(start), .. path, 0];
        // Most files have none, which asking for the length alone says.
        var length = List(full, [], 0);
        if (length <= 0)
            return length == 0 || Marshal.GetLastPInvokeError() == Errno.EOPNOTSUPP ? null : throw LinuxException.Last("llistxattr", describe);
        var buffer = ArrayPool<byte>.Shared.Rent(MaxList);
        try
        {
            return Read(full, buffer, describe);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Most files have none, and the way through /proc takes as long as all else that is asked of a small file.
    private static bool HasNone(SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        byte[] terminated = [.. path, 0];
        var length = ListAt(ListAtCall, directory, terminated, NoFollow, [], 0);
        if (length < 0 && Marshal.GetLastPInvokeError() is Errno.ENOSYS or Errno.EPERM)
            s_hasListAt = false;
        return length == 0;
    }

    private static Dictionary<string, byte[]> Read(byte[] full, byte[] buffer, string? describe)
    {
        var attributes = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var length = List(full, buffer, buffer.Length);
        if (length < 0)
            throw LinuxException.Last("llistxattr", describe);
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
