using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>fchownat(2)</c>.</summary>
internal static partial class Fchownat
{
    private const int EmptyPath = 0x1000;

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true)]
    private static partial int Call(SafeFileHandle file, ReadOnlySpan<byte> path, uint userId, uint groupId, int flags);

    /// <summary>Gives an open file, which may be open for its path only, to another owner.</summary>
    /// <returns>0, or the error number.</returns>
    public static int Try(SafeFileHandle file, uint userId, uint groupId) =>
        Call(file, "\0"u8, userId, groupId, EmptyPath) == 0 ? 0 : Marshal.GetLastPInvokeError();
}
