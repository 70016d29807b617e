using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>readlinkat(2)</c>.</summary>
internal static partial class Readlinkat
{
    private const int MaxTarget = 4096;

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    private static partial nint Call(SafeFileHandle directory, ReadOnlySpan<byte> path, Span<byte> buffer, nint size);

    /// <summary>The target of a symbolic link in a directory, byte for byte.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static byte[] Target(SafeFileHandle directory, ReadOnlySpan<byte> name, string? describe = null) =>
        Try(directory, name) ?? throw LinuxException.Last("readlinkat", describe);

    /// <summary>The target of a link that was opened with <see cref="Open.PathOnly"/> and <see cref="Open.NoFollow"/>;
    /// null when the handle is no link.</summary>
    public static string? TargetOf(SafeFileHandle link) =>
        Try(link, []) is { } target ? Encoding.UTF8.GetString(target) : null;

    private static byte[]? Try(SafeFileHandle directory, ReadOnlySpan<byte> name)
    {
        var buffer = new byte[MaxTarget];
        byte[] path = [.. name, 0];
        var length = Call(directory, path, buffer, buffer.Length);
        return length < 0 ? null : buffer[..(int)length];
    }
}
