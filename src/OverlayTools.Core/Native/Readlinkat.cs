using System.Runtime.InteropServices;
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
    public static byte[] Target(SafeFileHandle directory, ReadOnlySpan<byte> name, string? describe = null)
    {
        var buffer = new byte[MaxTarget];
        byte[] path = [.. name, 0];
        var length = Call(directory, path, buffer, buffer.Length);
        return length < 0 ? throw LinuxException.Last("readlinkat", describe) : buffer[..(int)length];
    }
}
