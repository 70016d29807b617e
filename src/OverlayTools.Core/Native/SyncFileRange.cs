using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>sync_file_range(2)</c>.</summary>
internal static partial class SyncFileRange
{
    private const uint Write = 2;

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int Call(SafeFileHandle file, long offset, long count, uint flags);

    /// <summary>Lets the kernel begin to write a range, without waiting: it is a hint, and its failure means
    /// nothing.</summary>
    public static void Start(SafeFileHandle file, long offset, long count) => _ = Call(file, offset, count, Write);
}
