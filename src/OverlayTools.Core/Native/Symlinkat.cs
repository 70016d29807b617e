using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>symlinkat(2)</c>.</summary>
internal static partial class Symlinkat
{
    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true)]
    private static partial int Call(ReadOnlySpan<byte> target, SafeFileHandle directory, ReadOnlySpan<byte> name);

    /// <summary>Makes a symbolic link in a directory.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Make(SafeFileHandle directory, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target, string? describe = null)
    {
        byte[] terminated = [.. name, 0];
        byte[] terminatedTarget = [.. target, 0];
        if (Call(terminatedTarget, directory, terminated) != 0)
            throw LinuxException.Last("symlinkat", describe);
    }
}
