using System.Diagnostics.CodeAnalysis;
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
    private readonly SafeFileHandle _control;
    private readonly WriterMarks _marks;
    private readonly List<string> _warnings = [];
    private readonly List<string> _notes = [];
    private EngineException? _failure;
    private bool _stopped;

    private ContainerProcess(ContainerPlan plan, int processId, SafeFileHandle control, WriterMarks marks)
    {
        _marks = marks;
        _plan = plan;
        ProcessId = processId;
        _control = control;
    }

    /// <inheritdoc/>
    public ContainerEngineKind Engine => ContainerEngineKind.Native;

    /// <summary>The supervising process on the host.</summary>
    public int ProcessId { get; }

    /// <summary>The command's standard input; null when it has the caller's.</summary>
    public Stream? Input { get; private init; }

    /// <summary>The command's standard output.</summary>
    public Stream? Output { get; init; }

    /// <summary>The command's standard error.</summary>
    public Stream? Error { get; init; }

    /// <summary>Completes when the command has ended and nothing is mounted any more.</summary>
    public Task<ContainerOutcome> Completion { get; private set; } = null!;

    /// <summary>What the user should know, in the order in which it happened; complete with <see cref="Completion"/>.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>What only a curious user wants to know; complete with <see cref="Completion"/>.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Starts a container.</summary>
    /// <param name="plan">What to do.</param>
    /// <param name="images">The open images that the plan's layers name by index. Their locks stay with the container
    /// after the caller has closed them.</param>
    /// <param name="redirectInput">Whether <see cref="Input"/> feeds the command; otherwise it reads the caller's own
    /// standard input.</param>
    /// <param name="marks">Put on the overlays now, and taken off at the end.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.RuntimeNotFound"/>.</exception>
    /// <exception cref="LinuxException">The program could not be started.</exception>
    internal static ContainerProcess Start(
        ContainerPlan plan, IReadOnlyList<SafeFileHandle> images, bool redirectInput, WriterMarks marks)
    {
        var init = FindInit();
        var unshare = HelperProgram.Unshare.Find() ?? throw HelperProgram.NotFound([HelperProgram.Unshare]);
        string[] arguments = plan.Identity.InUserNamespace
            ? [unshare, "--user", "--keep-caps", "--mount", "--propagation", "slave", "--", init, InitProtocol.RunMode]
            : [unshare, "--mount", "--propagation", "slave", "--", init, InitProtocol.RunMode];

        using var childEnds = new HandleList();
        using var planFile = WritePlan(plan);
        var (statusReader, statusWriter) = Descriptors.Pipe();
        var (controlReader, controlWriter) = Descriptors.Pipe();
        var (outputReader, outputWriter) = Descriptors.Pipe();
        var (errorReader, errorWriter) = Descriptors.Pipe();
        childEnds.Pass(planFile, InitProtocol.PlanDescriptor);
        childEnds.PassAndClose(statusWriter, InitProtocol.StatusDescriptor);
        childEnds.PassAndClose(controlReader, InitProtocol.ControlDescriptor);
        childEnds.PassAndClose(outputWriter, 1);
        childEnds.PassAndClose(errorWriter, 2);
        Stream? input = null;
        if (redirectInput)
        {
            var (inputReader, inputWriter) = Descriptors.Pipe();
            childEnds.PassAndClose(inputReader, 0);
            input = new FileStream(inputWriter, FileAccess.Write, bufferSize: 0);
        }

        for (var i = 0; i < images.Count; i++)
            childEnds.Pass(images[i], InitProtocol.FirstImageDescriptor + i);

        // The command shares the caller's terminal, and expects it as a shell would leave it.
        var terminal = redirectInput ? null : TerminalMode.ForLines();
        int processId;
        try
        {
            processId = Spawn.Program(unshare, arguments, OwnEnvironment.Variables(), childEnds.Mapping);
        }
        catch
        {
            terminal?.Dispose();
            input?.Dispose();
            foreach (var end in new[] { statusReader, controlWriter, outputReader, errorReader })
                end.Dispose();
            throw;
        }

        marks.Put(processId);
        var container = new ContainerProcess(plan, processId, controlWriter, marks)
        {
            Input = input,
            Output = new FileStream(outputReader, FileAccess.Read, bufferSize: 0),
            Error = new FileStream(errorReader, FileAccess.Read, bufferSize: 0),
        };
        container.Completion = Task.Factory.StartNew(
            () => container.Watch(statusReader, terminal), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return container;
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

    /// <summary>Stops the container if it still runs, and waits for its end.</summary>
    public void Dispose()
    {
        Input?.Dispose();
        Stop();
        Completion.Wait();
        Output?.Dispose();
        Error?.Dispose();
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
                var words = line.Split('\t').Select(InitProtocol.Unescape).ToArray();
                ready = true;
                switch (words)
                {
                    case [InitProtocol.NamespacesReady]:
                        AdmitToNamespace();
                        break;
                    case [InitProtocol.Warning, var text]:
                        _warnings.Add(text);
                        break;
                    case [InitProtocol.Note, var text]:
                        _notes.Add(text);
                        break;
                    case [InitProtocol.Error, var id, var text]:
                        _failure ??= new EngineException(id, text, target: _plan.Layers[0].Path);
                        break;
                    case [InitProtocol.Ended, ..]:
                        orderly = true;
                        break;
                    default:
                        break;
                }
            }
        }

        var ended = Processes.Wait(ProcessId, block: true);
        if (ready && !orderly)
        {
            Leftovers.Kill(_plan.SessionDirectory);
            _failure ??= new EngineException(ErrorIds.HelperFailed, "The process that supervises the container was killed.",
                "Check a writable overlay with Test-OverlayImage before you use it again.", _plan.Layers[0].Path);
        }

        _marks.Dispose();
        RemoveSession();
        if (!ready)
            _failure ??= NoNamespace();
        return new ContainerOutcome(ended?.ExitCode ?? InitProtocol.FailureExitCode, _failure);
    }

    private void AdmitToNamespace()
    {
        try
        {
            IdMapWriter.Write(ProcessId, _plan.Identity);
            lock (_control)
            {
                if (!_stopped)
                    Descriptors.Write(_control, "g"u8);
            }
        }
        catch (Exception error)
        {
            // Whatever it was: the container waits for us, and must not wait for ever.
            _failure = error as EngineException
                ?? new EngineException(ErrorIds.NamespaceUnavailable, $"The user namespace could not be set up: {error.Message}", inner: error);
            Stop();
        }
    }

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

    private static SafeFileHandle WritePlan(ContainerPlan plan)
    {
        var file = Descriptors.Memory("overlaytools-plan");
        RandomAccess.Write(file, JsonSerializer.SerializeToUtf8Bytes(plan, ContainerPlanJson.Default.ContainerPlan), 0);
        return file;
    }

    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "The module is never bundled into one file.")]
    private static string FindInit()
    {
        var path = Path.Combine(
            Path.GetDirectoryName(typeof(ContainerProcess).Assembly.Location) ?? string.Empty, InitProtocol.ProgramName);
        return File.Exists(path)
            ? path
            : throw new EngineException(ErrorIds.RuntimeNotFound, $"'{path}' is missing.",
                "Build or install the module again: the program is part of it.", path);
    }

    /// <summary>What the child inherits: duplicates with high numbers, so that no source is also a target.</summary>
    private sealed class HandleList : IDisposable
    {
        private readonly List<SafeFileHandle> _owned = [];

        public List<(int From, int To)> Mapping { get; } = [];

        public void Pass(SafeFileHandle handle, int target)
        {
            var duplicate = Descriptors.DuplicateAbove(
                handle.DangerousGetHandle().ToInt32(), InitProtocol.LeastSourceDescriptor);
            _owned.Add(duplicate);
            Mapping.Add((duplicate.DangerousGetHandle().ToInt32(), target));
        }

        public void PassAndClose(SafeFileHandle handle, int target)
        {
            using (handle)
                Pass(handle, target);
        }

        public void Dispose()
        {
            foreach (var handle in _owned)
                handle.Dispose();
        }
    }
}
