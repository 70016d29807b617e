using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>flock(2)</c>: the lock that a directory can have, too.</summary>
internal static partial class Flock
{
    private const int Shared = 1;
    private const int Exclusive = 2;
    private const int NonBlocking = 4;
    private const int Unlock = 8;

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Call(SafeFileHandle file, int operation);

    /// <summary>Tries to lock without waiting. The lock lives as long as any duplicate of the handle.</summary>
    /// <returns>0, or the error number: EAGAIN when somebody else has it.</returns>
    public static int Try(SafeFileHandle file, bool exclusive) =>
        Call(file, (exclusive ? Exclusive : Shared) | NonBlocking) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Gives the lock back, for all duplicates of the handle.</summary>
    public static void Release(SafeFileHandle file) => _ = Call(file, Unlock);
}
