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

    /// <summary>Finds the next byte at or after <paramref name="from"/> that is not in a hole.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="from">Where to begin, in bytes.</param>
    /// <param name="found">Where it is; <see cref="long.MaxValue"/> when only a hole follows.</param>
    /// <returns>False when that cannot be told, as for a device.</returns>
    public static bool TryFindData(SafeFileHandle file, long from, out long found)
    {
        found = LseekFile(file, from, SeekData);
        if (found < 0 && Marshal.GetLastPInvokeError() == Errno.ENXIO)
            found = long.MaxValue;
        return found >= 0;
    }

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
