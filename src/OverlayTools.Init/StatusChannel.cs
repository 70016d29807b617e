using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Tells the engine how it goes: one line a message.</summary>
internal static class StatusChannel
{
    public static void Send(params string[] words)
    {
        var line = Encoding.UTF8.GetBytes(string.Join('\t', words.Select(InitProtocol.Escape)) + "\n");
        try
        {
            using var stream = new FileStream(new SafeFileHandle(InitProtocol.StatusDescriptor, ownsHandle: false), FileAccess.Write, 0);
            stream.Write(line);
        }
        catch (IOException)
        {
            // The engine is gone: there is nobody left to tell.
        }
    }

    /// <summary>Says no more: whoever reads sees the end.</summary>
    public static void Close() => new SafeFileHandle(InitProtocol.StatusDescriptor, ownsHandle: true).Dispose();

    /// <summary>A phase is over: for whoever asks where the time goes.</summary>
    public static void EndPhase(string name) =>
        Send(InitProtocol.Phase, name, PhaseTimes.Now.ToString(CultureInfo.InvariantCulture));

    public static void Warn(string text) => Send(InitProtocol.Warning, text);

    public static void Note(string text) => Send(InitProtocol.Note, text);

    public static void Fail(string errorId, string text) => Send(InitProtocol.Error, errorId, text);

    /// <summary>Reports an exception that ends the container, with its id where it has one.</summary>
    public static void Fail(Exception error) => Fail(
        error switch
        {
            EngineException engine => engine.ErrorId,
            LinuxException { ErrorNumber: Errno.ENOSPC } => ErrorIds.DiskFull,
            _ => ErrorIds.ContainerStartFailed,
        },
        error.Message);
}
