using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>mkdirat(2)</c>.</summary>
internal static partial class Mkdirat
{
    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    private static partial int Call(SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode);

    /// <summary>Makes a directory in another.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Make(SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode, string? describe = null)
    {
        byte[] terminated = [.. name, 0];
        if (Call(directory, terminated, mode) != 0)
            throw LinuxException.Last("mkdirat", describe);
    }
}
