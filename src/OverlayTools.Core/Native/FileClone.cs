using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>ioctl(2)</c> with <c>FICLONE</c>.</summary>
internal static partial class FileClone
{
    private const nuint Request = 0x40049409; // _IOW(0x94, 9, int), the same on all architectures that .NET has

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Call(SafeFileHandle target, nuint request, nint source);

    /// <summary>Lets a file share all the blocks of another, until one of them is written.</summary>
    /// <returns>False where the file system cannot do it, or the two lie on different ones: the caller copies.</returns>
    public static bool Try(SafeFileHandle source, SafeFileHandle target) =>
        Call(target, Request, source.DangerousGetHandle()) == 0;
}
