using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>lseek(2)</c>, for finding the holes of a sparse file.</summary>
internal static partial class Lseek
{
    private const int SeekData = 3;
    private const int SeekHole = 4;

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long LseekFile(SafeFileHandle file, long offset, int whence);

    /// <summary>The next data run at or after <paramref name="from"/>: its start and end; null when only a hole follows.</summary>
    /// <remarks>A file system without holes reports one run up to the end of the file.</remarks>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static (long Start, long End)? NextData(SafeFileHandle file, long from, string? path = null)
    {
        var start = LseekFile(file, from, SeekData);
        if (start < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            return errno == Errno.ENXIO ? null : throw new LinuxException("lseek", errno, path);
        }

        var end = LseekFile(file, start, SeekHole);
        return end < 0 ? throw LinuxException.Last("lseek", path) : (start, end);
    }
}
