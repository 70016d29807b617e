using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers.Engines;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>How a container ended.</summary>
/// <param name="ExitCode">The command's exit code; 128 + signal when a signal ended it; 255 when the container could not
/// be run, 127 when the command does not exist.</param>
/// <param name="Failure">Why the container could not be run; null when the command ran.</param>
public sealed record ContainerOutcome(int ExitCode, EngineException? Failure);

/// <summary>
/// A running container: the plan is being carried out by <c>overlaytools-init</c> in namespaces that <c>unshare(1)</c>
/// made. A .NET process has several threads, and so cannot enter a user namespace itself.
/// </summary>
public sealed class ContainerProcess : IRunningContainer
{
    private readonly ContainerPlan _plan;
    private readonly bool _joined;
    private readonly SafeFileHandle _control;
    private readonly WriterMarks? _marks;
    private readonly PhaseTimes _times;
    private readonly ConcurrentQueue<string> _warnings = new();
    private readonly ConcurrentQueue<string> _notes = new();
    private readonly TaskCompletionSource<int?> _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EngineException? _failure;
    private int? _commandId;
    private bool _hasEntered;
    private bool _stopped;

    private ContainerProcess(ContainerPlan plan, int processId, SafeFileHandle control, WriterMarks? marks, PhaseTimes times, bool joined)
    {
        _marks = marks;
        _times = times;
        _plan = plan;
        _joined = joined;
        ProcessId = processId;
        _control = control;
    }

    /// <inheritdoc/>
    public ContainerEngineKind Engine => ContainerEngineKind.Native;

    /// <summary>The supervising process on the host.</summary>
    public int ProcessId { get; }

    /// <summary>What is being carried out.</summary>
    public ContainerPlan Plan => _plan;

    /// <inheritdoc/>
    public IReadOnlyList<LayerPlan> Layers => _plan.Layers;

    /// <summary>The command's standard input; null when it has the caller's.</summary>
    public Stream? Input { get; private init; }

    /// <summary>The command's standard output; null when it has the caller's.</summary>
    public Stream? Output { get; private init; }

    /// <summary>The command's standard error; null when it has the caller's.</summary>
    public Stream? Error { get; private init; }

    /// <summary>Completes when the command has ended and nothing is mounted any more.</summary>
    public Task<ContainerOutcome> Completion { get; private set; } = null!;

    /// <summary>Completes when the command runs, with the id of the process that it runs in, or when that has failed,
    /// with null.</summary>
    public Task<int?> Entered => _entered.Task;

    /// <summary>Takes the oldest message that the user should see and that was not taken yet.</summary>
    public bool TryTakeWarning([NotNullWhen(true)] out string? text) => _warnings.TryDequeue(out text);

    /// <summary>Takes the oldest message for curious users that was not taken yet.</summary>
    public bool TryTakeNote([NotNullWhen(true)] out string? text) => _notes.TryDequeue(out text);

    /// <summary>Starts a container.</summary>
    /// <param name="plan">What to do.</param>
    /// <param name="images">The open images that the plan's layers name by index. Their locks stay with the container
    /// after the caller has closed them.</param>
    /// <param name="streams">What its command reads and writes.</param>
    /// <param name="marks">Put on the overlays now, and taken off at the end.</param>
    /// <param name="times">Goes on measuring; null to begin here.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.RuntimeNotFound"/>.</exception>
    /// <exception cref="LinuxException">The program could not be started.</exception>
    internal static ContainerProcess Start(
        ContainerPlan plan, IReadOnlyList<SafeFileHandle> images, ContainerStreams streams, WriterMarks marks, PhaseTimes? times = null)
    {
        var init = InitProgram.Find();
        string[] arguments = [init, InitProtocol.RunMode];
        // A mount namespace the program makes itself; a user namespace needs a process of one thread.
        if (plan.Identity.InUserNamespace)
        {
            var unshare = HelperProgram.Unshare.Find() ?? throw HelperProgram.NotFound([HelperProgram.Unshare]);
            arguments = [unshare, "--user", "--keep-caps", "--mount", "--propagation", "slave", "--", .. arguments];
        }

        using var planFile = InitProgram.Write(JsonSerializer.SerializeToUtf8Bytes(plan, ContainerPlanJson.Default.ContainerPlan));
        return Launch(arguments[0], arguments, planFile, plan, images, streams, marks, times ?? new PhaseTimes(), joined: false);
    }

    /// <summary>Runs a command in a container that is already there.</summary>
    /// <param name="plan">Which container, and what to run in it.</param>
    /// <param name="streams">What the command reads and writes.</param>
    internal static ContainerProcess Join(JoinPlan plan, ContainerStreams streams)
    {
        var init = InitProgram.Find();
        using var planFile = InitProgram.Write(JsonSerializer.SerializeToUtf8Bytes(plan, JoinPlanJson.Default.JoinPlan));
        return Launch(init, [init, InitProtocol.JoinMode], planFile, plan.Container, [], streams, null, new PhaseTimes(), joined: true);
    }

    /// <summary>Asks the container to end: the command gets SIGTERM, then SIGKILL; <see cref="Completion"/> follows when
    /// everything is written and unmounted.</summary>
    public void Stop()
    {
        lock (_control)
        {
            _stopped = true;
            _control.Dispose();
        }
    }

    /// <summary>As <see cref="Stop()"/>, with another signal, and another time.</summary>
    /// <param name="signal">The number of the signal that the command gets first.</param>
    /// <param name="grace">How long it then has time before SIGKILL.</param>
    public void Stop(int signal, TimeSpan grace)
    {
        var message = new byte[6];
        (message[0], message[1]) = (InitProtocol.End, (byte)signal);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(2), (int)Math.Clamp(grace.TotalMilliseconds, 0, int.MaxValue));
        Tell(message);
    }

    /// <summary>Stops the container if it still runs, and waits for its end.</summary>
    public void Dispose()
    {
        try
        {
            Input?.Dispose();
        }
        catch (IOException)
        {
            // The command did not read it all.
        }

        Stop();
        Completion.Wait();
        Output?.Dispose();
        Error?.Dispose();
    }

    private static ContainerProcess Launch(
        string program, string[] arguments, SafeFileHandle planFile, ContainerPlan plan,
        IReadOnlyList<SafeFileHandle> images, ContainerStreams streams, WriterMarks? marks, PhaseTimes times, bool joined)
    {
        using var childEnds = new InheritedHandles();
        using var parentEnds = new HandleBag();
        var (statusReader, statusWriter) = Descriptors.Pipe();
        childEnds.PassAndClose(statusWriter, InitProtocol.StatusDescriptor);
        parentEnds.Add(statusReader);
        var (controlReader, controlWriter) = Descriptors.Pipe();
        childEnds.PassAndClose(controlReader, InitProtocol.ControlDescriptor);
        parentEnds.Add(controlWriter);
        childEnds.Pass(planFile, InitProtocol.PlanDescriptor);
        Stream? input = null, output = null, error = null;
        if (streams.PipesOutput)
        {
            output = parentEnds.Reader(childEnds, 1);
            error = parentEnds.Reader(childEnds, 2);
        }

        if (streams.PipesInput)
            input = parentEnds.Writer(childEnds, 0);
        for (var i = 0; i < images.Count; i++)
            childEnds.Pass(images[i], InitProtocol.FirstImageDescriptor + i);

        // The command shares the caller's terminal, and expects it as a shell would leave it.
        var terminal = plan.TakesTerminal ? TerminalMode.ForAnother() : streams.PipesInput ? null : TerminalMode.ForLines();
        int processId;
        try
        {
            processId = Spawn.Program(program, arguments, OwnEnvironment.Variables(), childEnds.Mapping);
        }
        catch
        {
            terminal?.Dispose();
            throw;
        }

        parentEnds.Keep();
        times.End("launch");
        marks?.Put(processId);
        var container = new ContainerProcess(plan, processId, controlWriter, marks, times, joined)
        {
            Input = input,
            Output = output,
            Error = error,
        };
        container.Completion = Task.Factory.StartNew(
            () => container.Watch(statusReader, terminal), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return container;
    }

    private ContainerOutcome Watch(SafeFileHandle status, TerminalMode? terminal)
    {
        using var restored = terminal;
        var ready = false;
        var orderly = false;
        using (var reader = new StreamReader(new FileStream(status, FileAccess.Read, bufferSize: 0), Encoding.UTF8))
        {
            while (reader.ReadLine() is { } line)
            {
                ready = true;
                orderly |= Take([.. line.Split('\t').Select(InitProtocol.Unescape)]);
            }
        }

        var ended = Processes.Wait(ProcessId, block: true);
        _times.End("exit");
        _notes.Enqueue(_times.ToString());
        if (ready && !orderly)
        {
            _failure ??= new EngineException(ErrorIds.HelperFailed, "The process that supervises the container was killed.",
                "Check a writable overlay with Test-OverlayImage before you use it again.", _plan.Layers[0].Path);
            if (!_joined)
                Leftovers.Kill(_plan.SessionDirectory);
        }

        _marks?.Dispose();
        if (!_joined)
            RemoveSession();
        if (!ready)
            _failure ??= _joined ? NotJoined() : NoNamespace();
        _entered.TrySetResult(null);
        return new ContainerOutcome(ended?.ExitCode ?? InitProtocol.FailureExitCode, _failure);
    }

    // Returns whether nothing is mounted any more.
    private bool Take(string[] words)
    {
        switch (words)
        {
            case [InitProtocol.NamespacesReady]:
                AdmitToNamespace();
                break;
            case [InitProtocol.Started, var id]:
                _commandId = int.Parse(id, CultureInfo.InvariantCulture);
                NoteEntered();
                break;
            case [InitProtocol.Entered]:
                _hasEntered = true;
                NoteEntered();
                break;
            case [InitProtocol.Warning, var text]:
                _warnings.Enqueue(text);
                break;
            case [InitProtocol.Phase, var name, var at]:
                _times.End(name, long.Parse(at, CultureInfo.InvariantCulture));
                break;
            case [InitProtocol.Note, var text]:
                _notes.Enqueue(text);
                break;
            case [InitProtocol.Error, var id, var text]:
                _failure ??= new EngineException(id, text, target: _plan.Layers[0].Path);
                break;
            default:
                break;
        }

        return words[0] == InitProtocol.Ended;
    }

    // The supervisor says the one, the command the other: whoever is quicker comes first.
    private void NoteEntered()
    {
        if (_hasEntered && _commandId is { } id)
            _entered.TrySetResult(id);
    }

    private void AdmitToNamespace()
    {
        try
        {
            IdMapWriter.Write(ProcessId, _plan.Identity);
            Tell(InitProtocol.Go);
        }
        catch (Exception error)
        {
            // Whatever it was: the container waits for us, and must not wait for ever.
            _failure = error as EngineException
                ?? new EngineException(ErrorIds.NamespaceUnavailable, $"The user namespace could not be set up: {error.Message}", inner: error);
            Stop();
        }
    }

    private void Tell(params ReadOnlySpan<byte> message)
    {
        lock (_control)
        {
            if (_stopped)
                return;
            try
            {
                Descriptors.Write(_control, message);
            }
            catch (LinuxException)
            {
                // It has ended: there is nobody to tell.
            }
        }
    }

    private EngineException NotJoined() =>
        new(ErrorIds.ContainerStartFailed, "The instance could not be joined: the program that does it was killed.",
            target: _plan.Layers[0].Path);

    private EngineException NoNamespace() => _plan.Identity.InUserNamespace
        ? new EngineException(ErrorIds.NamespaceUnavailable, "The kernel does not let this user make a user namespace.",
            "Ask the administrator for 'sysctl -w user.max_user_namespaces=15000' "
            + "(on Debian before 11 also 'kernel.unprivileged_userns_clone=1').")
        : new EngineException(ErrorIds.NamespaceUnavailable, "A mount namespace could not be made.",
            "Root needs the capability CAP_SYS_ADMIN; inside another container it may lack it.");

    private void RemoveSession()
    {
        try
        {
            Directory.Delete(_plan.SessionDirectory);
        }
        catch (DirectoryNotFoundException)
        {
            // The supervisor removed it.
        }
    }
}
