using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>openat2(2)</c> with <c>RESOLVE_IN_ROOT</c>: paths and links inside a directory never lead outside it.</summary>
internal static unsafe partial class RootedPath
{
    private const nint SystemCall = 437; // the same number on every architecture
    private const ulong ResolveInRoot = 0x10;

    [StructLayout(LayoutKind.Sequential)]
    private struct How
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenAt2(nint number, int directory, string path, ref How how, nuint size);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint ReadLinkAt(int directory, string path, byte* buffer, nuint size);

    /// <summary>Opens a path below the root directory.</summary>
    /// <param name="root">The directory that <c>/</c> and <c>..</c> cannot leave.</param>
    /// <param name="path">Absolute or relative, both counted from the root.</param>
    /// <param name="flags">As for <c>open(2)</c>.</param>
    /// <param name="errno">0 or the error number.</param>
    public static SafeFileHandle? TryOpen(SafeFileHandle root, string path, int flags, out int errno)
    {
        var how = new How { Flags = (uint)(flags | Open.CloseOnExec), Resolve = ResolveInRoot };
        var descriptor = OpenAt2(SystemCall, root.DangerousGetHandle().ToInt32(), path, ref how, (nuint)sizeof(How));
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, true);
    }

    /// <summary>What a symbolic link, opened with <see cref="Open.PathOnly"/> and <see cref="Open.NoFollow"/>, points to;
    /// null when the handle is no link.</summary>
    public static string? LinkTarget(SafeFileHandle link)
    {
        var buffer = stackalloc byte[4096];
        var length = ReadLinkAt(link.DangerousGetHandle().ToInt32(), string.Empty, buffer, 4096);
        return length < 0 ? null : System.Text.Encoding.UTF8.GetString(buffer, (int)length);
    }
}
