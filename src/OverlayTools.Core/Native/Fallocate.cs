using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>fallocate(2)</c>.</summary>
internal static partial class Fallocate
{
    private const int KeepSize = 1;
    private const int PunchHole = 2;

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FallocateFile(SafeFileHandle file, int mode, long offset, long length);

    /// <summary>Gives the range real blocks that read as zeros.</summary>
    /// <returns>False when the file system cannot (<c>EOPNOTSUPP</c>): the caller writes zeros instead.</returns>
    /// <exception cref="LinuxException">With the error number of the call, for example ENOSPC.</exception>
    public static bool TryAllocate(SafeFileHandle file, long offset, long length, string? path = null) =>
        Try(file, 0, offset, length, path);

    /// <summary>Takes the blocks of the range away, which then reads as zeros; the file keeps its length.</summary>
    /// <returns>False when the file system cannot.</returns>
    public static bool TryPunchHole(SafeFileHandle file, long offset, long length, string? path = null) =>
        Try(file, KeepSize | PunchHole, offset, length, path);

    private static bool Try(SafeFileHandle file, int mode, long offset, long length, string? path)
    {
        int errno;
        do
        {
            if (FallocateFile(file, mode, offset, length) == 0)
                return true;
            errno = Marshal.GetLastPInvokeError();
        }
        while (errno == Errno.EINTR);

        return errno is Errno.EOPNOTSUPP or Errno.ENOSYS ? false : throw new LinuxException("fallocate", errno, path);
    }
}
