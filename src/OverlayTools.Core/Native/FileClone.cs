using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>ioctl(2)</c> with <c>FICLONE</c>.</summary>
internal static partial class FileClone
{
    private const nuint Request = 0x40049409; // _IOW(0x94, 9, int), the same on all architectures that .NET has
    private const nuint RangeRequest = 0x4020940D; // _IOW(0x94, 13, struct file_clone_range)

    /// <summary><c>struct file_clone_range</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Range
    {
        public long Source;
        public ulong SourceOffset;
        public ulong Length;
        public ulong TargetOffset;
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Call(SafeFileHandle target, nuint request, nint source);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int CallRange(SafeFileHandle target, nuint request, ref Range range);

    /// <summary>Lets the start of a file share the blocks of a range of another, until one of them is written.</summary>
    /// <returns>False where the file system cannot do it, the two lie on different ones, or the range does not begin and
    /// end with blocks of the file system: the caller copies.</returns>
    public static bool TryRange(SafeFileHandle source, long offset, long length, SafeFileHandle target)
    {
        var range = new Range { Source = source.DangerousGetHandle(), SourceOffset = (ulong)offset, Length = (ulong)length };
        return CallRange(target, RangeRequest, ref range) == 0;
    }

    /// <summary>Lets a file share all the blocks of another, until one of them is written.</summary>
    /// <returns>False where the file system cannot do it, or the two lie on different ones: the caller copies.</returns>
    public static bool Try(SafeFileHandle source, SafeFileHandle target) =>
        Call(target, Request, source.DangerousGetHandle()) == 0;
}
