using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>What the engine says while the container runs; the pipe's end says that the engine wants it gone, or is gone
/// itself.</summary>
internal static class ControlPipe
{
    /// <summary>The next byte, or -1 at the end.</summary>
    public static int Read()
    {
        using var stream = OpenStream();
        return stream.ReadByte();
    }

    /// <summary>Calls back when the command is to end, on a thread of its own.</summary>
    /// <param name="end">Gets the signal, and for how many milliseconds the command then has time. A later call counts
    /// too.</param>
    public static void Follow(Action<int, int> end) => new Thread(() =>
    {
        using var stream = OpenStream();
        Span<byte> message = stackalloc byte[6];
        while (stream.ReadAtLeast(message, message.Length, throwOnEndOfStream: false) == message.Length)
        {
            var (signal, grace) = (message[1], BinaryPrimitives.ReadInt32LittleEndian(message[2..]));
            new Thread(() => end(signal, grace)) { IsBackground = true }.Start();
        }

        end(Processes.Terminate, InitProtocol.GraceMilliseconds);
    })
    { IsBackground = true }.Start();

    private static FileStream OpenStream() =>
        new(new SafeFileHandle(InitProtocol.ControlDescriptor, ownsHandle: false), FileAccess.Read, bufferSize: 0);
}
