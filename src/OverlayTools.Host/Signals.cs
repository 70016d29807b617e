using System.Runtime.InteropServices;

namespace OverlayTools.Host;

/// <summary>
/// Ctrl+C stops what is running and nothing else. A request to end stops it too, so that it can clean up, and then ends
/// the program; a second request does not wait for that.
/// </summary>
internal sealed class Signals : IDisposable
{
    // A shell's number for a program that a signal ended.
    private const int SignalExitCode = 128;
    private const int Keyboard = 2;
    private const int Hangup = 1;
    private const int Terminate = 15;

    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Lock _lock = new();
    private Session? _session;
    private StandardInput? _input;

    public Signals()
    {
        Handle(PosixSignal.SIGINT, Interrupt);
        Handle(PosixSignal.SIGTERM, () => End(SignalExitCode + Terminate));
        Handle(PosixSignal.SIGHUP, () => End(SignalExitCode + Hangup));
    }

    /// <summary>The code to exit with, once the program was asked to end.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>From now on there is something to stop.</summary>
    public void Watch(Session session, StandardInput input)
    {
        lock (_lock)
        {
            _session = session;
            _input = input;
        }
    }

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void Handle(PosixSignal signal, Action action) =>
        _registrations.Add(PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            action();
        }));

    private void Interrupt()
    {
        lock (_lock)
        {
            if (_session is null)
                Environment.Exit(SignalExitCode + Keyboard);
            StopWork();
        }
    }

    private void End(int code)
    {
        lock (_lock)
        {
            var isRepeated = ExitCode is not null;
            ExitCode = code;
            if (_session is null || isRepeated)
                Environment.Exit(code);
            _session.Host.EndWith(code);
            StopWork();
        }
    }

    private void StopWork()
    {
        _session?.Stop();
        _input?.Interrupt();
    }
}
