using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>open(2)</c>.</summary>
internal static partial class Open
{
    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int ReadWrite = 2;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int NonBlock = 0x800;
    public const int NoFollow = 0x20000;
    public const int CloseOnExec = 0x80000;
    public const int Directory = 0x10000;
    public const int PathOnly = 0x200000;
    public const int Nameless = 0x400000 | Directory; // O_TMPFILE

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags, uint mode);

    /// <summary>Opens a file; close-on-exec is always set.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static SafeFileHandle File(string path, int flags, uint mode = 0)
    {
        var fd = TryFile(path, flags, mode, out var errno);
        return fd ?? throw new LinuxException("open", errno, path);
    }

    /// <summary>Opens a file, or returns null and the error number.</summary>
    public static SafeFileHandle? TryFile(string path, int flags, uint mode, out int errno)
    {
        int fd;
        do
        {
            fd = OpenFile(path, flags | CloseOnExec, mode);
            errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (errno == Errno.EINTR);

        return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
    }
}
