using System.Collections;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Containers.Engines;

/// <summary>A container that Apptainer or Singularity runs.</summary>
internal sealed class ForeignContainer : IRunningContainer
{
    private const int GraceMilliseconds = 3000;
    private const int LastGraceMilliseconds = 10_000;

    private static readonly TimeSpan s_patienceForErrors = TimeSpan.FromSeconds(1);

    private readonly ContainerRequest _request;
    private readonly WatchedErrorStream? _error;
    private readonly bool _ownGroup;
    private readonly CancellationTokenSource _ended = new();
    private int _stopping;

    private ForeignContainer(ContainerEngine engine, ContainerRequest request, int processId, bool ownGroup, Stream? error)
    {
        Engine = engine.Engine;
        ProcessId = processId;
        _request = request;
        _ownGroup = ownGroup;
        _error = error is null ? null : new WatchedErrorStream(error);
    }

    /// <inheritdoc/>
    public ContainerEngineKind Engine { get; }

    /// <inheritdoc/>
    public int ProcessId { get; }

    /// <inheritdoc/>
    public Stream? Input { get; private init; }

    /// <inheritdoc/>
    public Stream? Output { get; private init; }

    /// <inheritdoc/>
    public Stream? Error => _error;

    /// <inheritdoc/>
    public Task<ContainerOutcome> Completion { get; private set; } = null!;

    /// <inheritdoc/>
    public IReadOnlyList<LayerPlan> Layers => [];

    /// <inheritdoc/>
    public bool TryTakeWarning([NotNullWhen(true)] out string? text)
    {
        text = null; // they are among the lines of standard error
        return false;
    }

    /// <inheritdoc/>
    public bool TryTakeNote([NotNullWhen(true)] out string? text)
    {
        text = null;
        return false;
    }

    /// <summary>Starts the engine's program.</summary>
    /// <param name="engine">An available engine.</param>
    /// <param name="request">What to run.</param>
    /// <param name="line">The request in the engine's words.</param>
    /// <param name="streams">What the command reads and writes.</param>
    /// <exception cref="LinuxException">The program could not be started.</exception>
    public static ForeignContainer Start(
        ContainerEngine engine, ContainerRequest request, ForeignCommandLine line, ContainerStreams streams)
    {
        var program = engine.Path!;
        var descriptors = new List<(int From, int To)>();
        var childEnds = new List<SafeFileHandle>();
        Stream? input = null, output = null, error = null;

        // A terminal's foreground group gets its signals; for the engine to pass on ours, it has to be in another one.
        var ownGroup = streams.PipesInput || Console.IsInputRedirected;
        var terminal = ownGroup ? null : streams.PipesOutput ? TerminalMode.ForLines() : TerminalMode.ForAnother();
        try
        {
            if (streams.PipesInput)
                input = new FileStream(Pass(0, childReads: true), FileAccess.Write, bufferSize: 0);
            if (streams.PipesOutput)
            {
                output = new FileStream(Pass(1, childReads: false), FileAccess.Read, bufferSize: 0);
                error = new FileStream(Pass(2, childReads: false), FileAccess.Read, bufferSize: 0);
            }

            var processId = Spawn.Program(
                program, [program, .. line.Arguments], Environment(line), descriptors, ownGroup, request.CurrentDirectory);
            var container = new ForeignContainer(engine, request, processId, ownGroup, error) { Input = input, Output = output };
            container.Completion = Task.Factory.StartNew(
                () => container.Watch(terminal), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            return container;
        }
        catch
        {
            terminal?.Dispose();
            input?.Dispose();
            output?.Dispose();
            error?.Dispose();
            throw;
        }
        finally
        {
            childEnds.ForEach(end => end.Dispose());
        }

        SafeFileHandle Pass(int target, bool childReads)
        {
            var (reader, writer) = Descriptors.Pipe();
            var (theirs, ours) = childReads ? (reader, writer) : (writer, reader);
            using (theirs)
            {
                // Clear of the numbers that are also targets.
                var high = Descriptors.DuplicateAbove(theirs.DangerousGetHandle().ToInt32(), InitProtocol.LeastSourceDescriptor);
                childEnds.Add(high);
                descriptors.Add((high.DangerousGetHandle().ToInt32(), target));
            }

            return ours;
        }
    }

    /// <inheritdoc/>
    public void Stop()
    {
        if (Completion.IsCompleted || Interlocked.Exchange(ref _stopping, 1) != 0)
            return;
        _ = Task.Factory.StartNew(EndIt, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Input?.Dispose();
        Stop();
        Completion.Wait();
        Output?.Dispose();
        Error?.Dispose();
        _ended.Dispose();
    }

    private void EndIt()
    {
        // In the terminal's foreground group, the engine keeps the signal to itself.
        if (_ownGroup)
            Processes.Signal(ProcessId, Processes.Terminate);
        else
            ForeignProcesses.SignalPayload(ProcessId, Processes.Terminate);
        if (HasEndedWithin(GraceMilliseconds))
            return;

        // The command, not the engine: that has still to unmount.
        ForeignProcesses.SignalPayload(ProcessId, Processes.Kill);
        if (HasEndedWithin(LastGraceMilliseconds))
            return;
        var below = ForeignProcesses.Descendants(ProcessId).ToList();
        Processes.Signal(ProcessId, Processes.Kill);
        ForeignProcesses.SignalFusePrograms(below, Processes.Terminate);
    }

    private bool HasEndedWithin(int milliseconds)
    {
        try
        {
            return _ended.Token.WaitHandle.WaitOne(milliseconds);
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    private ContainerOutcome Watch(TerminalMode? terminal)
    {
        using var restored = terminal;
        var exitCode = Processes.Wait(ProcessId, block: true)?.ExitCode ?? InitProtocol.FailureExitCode;
        _ended.Cancel();
        var fatal = exitCode == 0 ? null : _error?.WaitForFatal(s_patienceForErrors);
        return ForeignFailure.Understand(exitCode, fatal, _request);
    }

    private static List<string> Environment(ForeignCommandLine line)
    {
        var variables = System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(pair => (string)pair.Key, pair => (string?)pair.Value, StringComparer.Ordinal);
        foreach (var (name, value) in line.Variables)
            variables[name] = value;
        return [.. variables.Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={pair.Value}")];
    }
}
