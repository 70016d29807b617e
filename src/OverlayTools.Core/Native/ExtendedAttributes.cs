using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>llistxattr(2)</c>, <c>lgetxattr(2)</c>, and those for one attribute of an open file.</summary>
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

    [LibraryImport("libc", EntryPoint = "getxattr", SetLastError = true)]
    private static partial nint GetFollowed(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, Span<byte> buffer, nint size);

    [LibraryImport("libc", EntryPoint = "setxattr", SetLastError = true)]
    private static partial int Set(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, nint size, int flags);

    [LibraryImport("libc", EntryPoint = "removexattr", SetLastError = true)]
    private static partial int Remove(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name);

    /// <summary>Reads an attribute of an open file, which may be open for its path only.</summary>
    /// <returns>Its bytes; null when there is none, or it is longer than <paramref name="most"/>.</returns>
    public static byte[]? TryGet(SafeFileHandle file, string name, int most)
    {
        var buffer = new byte[most];
        var size = GetFollowed(PathOf(file), Terminated(name), buffer, buffer.Length);
        return size < 0 ? null : buffer[..(int)size];
    }

    /// <summary>Sets an attribute of an open file, which may be open for its path only.</summary>
    /// <returns>0, or the error number.</returns>
    public static int TrySet(SafeFileHandle file, string name, ReadOnlySpan<byte> value) =>
        Set(PathOf(file), Terminated(name), value, value.Length, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Removes an attribute of an open file, which may be open for its path only.</summary>
    /// <returns>0, or the error number.</returns>
    public static int TryRemove(SafeFileHandle file, string name) =>
        Remove(PathOf(file), Terminated(name)) == 0 ? 0 : Marshal.GetLastPInvokeError();

    // fsetxattr does not take a descriptor that was opened for its path; the link in /proc leads to the file itself.
    private static byte[] PathOf(SafeFileHandle file) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}\0"));

    private static byte[] Terminated(string name) => Encoding.UTF8.GetBytes(name + "\0");

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
