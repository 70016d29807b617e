using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>fchown(2)</c>: gives a file to another owner.</summary>
internal static partial class Fchown
{
    /// <exception cref="LinuxException">EPERM: only root may give files away.</exception>
    public static void File(SafeFileHandle file, uint userId, uint groupId, string path)
    {
        if (Call(file, userId, groupId) != 0)
            throw new LinuxException("fchown", Marshal.GetLastPInvokeError(), path);
    }

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int Call(SafeFileHandle file, uint userId, uint groupId);
}
