using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary><c>umount2(2)</c>.</summary>
internal static partial class Unmount
{
    private const int DetachFlag = 2;

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountAt(string target, int flags);

    /// <summary>Unmounts.</summary>
    /// <returns>0 or the error number, for example EBUSY.</returns>
    public static int Try(string target) => UnmountAt(target, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Takes the mount out of the tree now; it ends when nobody uses it any more.</summary>
    /// <returns>0 or the error number.</returns>
    public static int Detach(string target) => UnmountAt(target, DetachFlag) == 0 ? 0 : Marshal.GetLastPInvokeError();
}
