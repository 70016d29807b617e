using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>ftruncate(2)</c>.</summary>
internal static partial class Ftruncate
{
    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int FtruncateFile(SafeFileHandle file, long length);

    /// <summary>Sets the length of a file, in bytes; a longer file gets a hole at its end.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void File(SafeFileHandle file, long length, string? path = null)
    {
        if (FtruncateFile(file, length) != 0)
            throw LinuxException.Last("ftruncate", path);
    }
}
