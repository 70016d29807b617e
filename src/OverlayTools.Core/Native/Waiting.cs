using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary>Waits for events of descriptors (<c>poll(2)</c>, <c>pidfd_open(2)</c>) instead of asking again and again.</summary>
internal static unsafe partial class Waiting
{
    /// <summary>A process's descriptor: it has ended. <c>POLLIN</c>.</summary>
    public const short Readable = 1;

    /// <summary>An open <c>/proc/self/mountinfo</c>: something was mounted or unmounted. <c>POLLPRI</c>.</summary>
    public const short Changed = 2;

    private const nint PidFdOpen = 434; // the same number on every architecture

    /// <summary><c>struct pollfd</c>.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 8)]
    private struct Polled
    {
        public int Descriptor;
        public short Events;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(Polled* polled, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint OpenProcess(nint number, int processId, uint flags);

    /// <summary>A close-on-exec descriptor of a process; null where the kernel, or a filter, has none.</summary>
    public static SafeFileHandle? ProcessDescriptor(int processId)
    {
        var descriptor = OpenProcess(PidFdOpen, processId, 0);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : null;
    }

    /// <summary>Waits until one of two has an event, or the time is over.</summary>
    /// <param name="first">A descriptor; null is never ready.</param>
    /// <param name="firstEvent">What to wait for there.</param>
    /// <param name="second">Another one; null is never ready.</param>
    /// <param name="secondEvent">What to wait for there.</param>
    /// <param name="milliseconds">At most so long.</param>
    public static void For(SafeFileHandle? first, short firstEvent, SafeFileHandle? second, short secondEvent, int milliseconds)
    {
        var polled = stackalloc Polled[2];
        polled[0] = new Polled { Descriptor = Number(first), Events = firstEvent };
        polled[1] = new Polled { Descriptor = Number(second), Events = secondEvent };
        _ = Poll(polled, 2, milliseconds);
        GC.KeepAlive(first);
        GC.KeepAlive(second);
    }

    // poll(2) passes over a negative one.
    private static int Number(SafeFileHandle? handle) => handle?.DangerousGetHandle().ToInt32() ?? -1;
}
