using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary><c>mount(2)</c>.</summary>
internal static partial class Mount
{
    /// <summary><c>MS_*</c> of <c>linux/mount.h</c>.</summary>
    [Flags]
    public enum Flags : ulong
    {
        None = 0,
        ReadOnly = 1,
        NoSetUserId = 2,
        NoDevices = 4,
        NoExecute = 8,
        Remount = 32,
        Bind = 4096,
        Recursive = 16384,
        Unbindable = 1 << 17,
        Private = 1 << 18,
        Slave = 1 << 19,
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountAt(string? source, string target, string? type, nuint flags, string? data);

    /// <summary>Mounts, remounts, binds or changes propagation, as the flags say.</summary>
    /// <returns>0 or the error number.</returns>
    public static int Try(string? source, string target, string? type, Flags flags, string? data = null) =>
        MountAt(source, target, type, (nuint)(ulong)flags, data) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>As <see cref="Try"/>, but a failure is an exception.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Do(string? source, string target, string? type, Flags flags, string? data = null)
    {
        var errno = Try(source, target, type, flags, data);
        if (errno != 0)
            throw new LinuxException("mount", errno, source ?? target);
    }
}
