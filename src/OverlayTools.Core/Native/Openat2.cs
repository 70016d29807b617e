using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>openat2(2)</c>, which glibc before 2.43 has no function for.</summary>
internal static partial class Openat2
{
    private const nint SystemCall = 437; // the same number on all architectures
    private const ulong NoMagicLinks = 0x02;
    private const ulong NoSymlinks = 0x04;
    private const ulong StayBeneath = 0x08;
    private const ulong InRoot = 0x10;

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, SafeFileHandle directory, ReadOnlySpan<byte> path, in OpenHow how, nint size);

    /// <summary>Opens a path below a directory; it fails if any component is a symbolic link or leads out.</summary>
    /// <param name="directory">Where the path starts.</param>
    /// <param name="path">Relative, without a final NUL.</param>
    /// <param name="flags">As for <see cref="Open"/>; close-on-exec is added.</param>
    /// <param name="describe">The path for the error.</param>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static SafeFileHandle Beneath(SafeFileHandle directory, ReadOnlySpan<byte> path, int flags, string? describe = null)
    {
        var resolve = StayBeneath | NoSymlinks | NoMagicLinks;
        return Try(directory, path, flags | Open.NoFollow, resolve) ?? throw LinuxException.Last("openat2", describe);
    }

    /// <summary>Opens a path below a directory, through no symbolic link.</summary>
    /// <returns>Null, and the error number.</returns>
    public static SafeFileHandle? TryBeneath(SafeFileHandle directory, ReadOnlySpan<byte> path, int flags, out int errno)
    {
        var handle = Try(directory, path, flags | Open.NoFollow, StayBeneath | NoSymlinks | NoMagicLinks);
        errno = handle is null ? Marshal.GetLastPInvokeError() : 0;
        return handle;
    }

    /// <summary>Opens a path in a tree as a process would whose root directory it is: no link, and no <c>..</c>, leads out.</summary>
    /// <param name="root">The directory that is <c>/</c>.</param>
    /// <param name="path">Absolute or relative, both counted from the root.</param>
    /// <param name="flags">As for <see cref="Open"/>; close-on-exec is added.</param>
    /// <param name="errno">0 or the error number.</param>
    public static SafeFileHandle? TryInRoot(SafeFileHandle root, string path, int flags, out int errno)
    {
        var handle = Try(root, Encoding.UTF8.GetBytes(path), flags, InRoot);
        errno = handle is null ? Marshal.GetLastPInvokeError() : 0;
        return handle;
    }

    private static SafeFileHandle? Try(SafeFileHandle directory, ReadOnlySpan<byte> path, int flags, ulong resolve)
    {
        var how = new OpenHow { Flags = (ulong)(flags | Open.CloseOnExec), Resolve = resolve };
        byte[] terminated = [.. path, 0];
        nint fd;
        do
        {
            fd = Call(SystemCall, directory, terminated, how, Marshal.SizeOf<OpenHow>());
        }
        while (fd < 0 && Marshal.GetLastPInvokeError() is Errno.EINTR or Errno.EAGAIN);

        return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
    }
}
