using System.Runtime.InteropServices;

namespace OverlayTools.Host.Native;

/// <summary>What the console needs of the C library and .NET does not offer without taking the terminal over.</summary>
internal static partial class Libc
{
    /// <summary>There is data to read (<c>POLLIN</c>).</summary>
    public const short PollIn = 1;

    // asm-generic/ioctls.h
    private const nuint GetWindowSize = 0x5413;

    /// <summary>The size of the terminal at a file descriptor.</summary>
    /// <returns>Null if it is no terminal, or one that does not know its size.</returns>
    public static (int Columns, int Rows)? WindowSize(int descriptor) =>
        ioctl(descriptor, GetWindowSize, out var size) == 0 && size.Columns > 0 && size.Rows > 0
            ? (size.Columns, size.Rows)
            : null;

    /// <summary>Waits until a read would not block: for data, or the end.</summary>
    /// <param name="descriptor">A file descriptor.</param>
    /// <param name="milliseconds">How long at most.</param>
    /// <returns>False after that time, or when a signal came.</returns>
    public static bool WaitForInput(int descriptor, int milliseconds)
    {
        var item = new PollItem { Descriptor = descriptor, Events = PollIn };
        return poll(ref item, 1, milliseconds) > 0;
    }

    [LibraryImport("libc")]
    private static partial int ioctl(int descriptor, nuint request, out WindowSizeResult result);

    [LibraryImport("libc")]
    private static partial int poll(ref PollItem items, nuint count, int milliseconds);

    // struct winsize
    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSizeResult
    {
        public ushort Rows;
        public ushort Columns;
        public ushort WidthInPixels;
        public ushort HeightInPixels;
    }

    // struct pollfd
    [StructLayout(LayoutKind.Sequential)]
    private struct PollItem
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
