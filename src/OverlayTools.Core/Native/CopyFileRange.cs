using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>copy_file_range(2)</c>.</summary>
internal static partial class CopyFileRange
{
    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint Copy(
        SafeFileHandle source, ref long sourceOffset, SafeFileHandle target, ref long targetOffset, nint count, uint flags);

    /// <summary>Copies bytes from file to file within the kernel.</summary>
    /// <returns>The bytes copied, at least one; null when the kernel cannot do it between these two: the caller
    /// reads and writes.</returns>
    /// <exception cref="LinuxException">With the error number of the call, for example ENOSPC.</exception>
    public static long? TryCopy(SafeFileHandle source, long from, SafeFileHandle target, long to, long count)
    {
        nint copied;
        do
        {
            copied = Copy(source, ref from, target, ref to, (nint)count, 0);
        }
        while (copied < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);

        if (copied > 0)
            return copied;
        // Nothing copied and no error is what some file systems answer that make up their files while they are read.
        if (copied == 0)
            return null;
        return Marshal.GetLastPInvokeError() is Errno.EXDEV or Errno.EINVAL or Errno.EOPNOTSUPP or Errno.ENOSYS
            or Errno.EPERM or Errno.EBADF
            ? null
            : throw LinuxException.Last("copy_file_range");
    }
}
