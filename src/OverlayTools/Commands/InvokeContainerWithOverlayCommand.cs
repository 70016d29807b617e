using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Text;
using OverlayTools.Completion;
using OverlayTools.Containers;
using OverlayTools.Containers.Engines;
using OverlayTools.Containers.Instances;

namespace OverlayTools.Commands;

/// <summary>Runs a command, the run script or a shell in a container on top of overlays, or in an instance.</summary>
/// <remarks>Threads read the command's output; only the pipeline's thread writes to the pipeline.</remarks>
[Cmdlet(VerbsLifecycle.Invoke, "ContainerWithOverlay", DefaultParameterSetName = CommandSet, SupportsShouldProcess = true)]
[OutputType(typeof(string), typeof(byte[]), typeof(ContainerResult), typeof(ContainerPlan))]
public sealed class InvokeContainerWithOverlayCommand : ContainerCommand
{
    private const string CommandSet = "Command";
    private const string ShellSet = "Shell";
    private const string InstanceSet = "Instance";
    private const string InstanceShellSet = "InstanceShell";

    // These are the command's, in an instance too.
    private static readonly string[] s_ofCommand =
        [nameof(CleanEnvironment), nameof(Environment), nameof(EnvironmentFile), nameof(WorkingDirectory)];

    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(200);

    private readonly List<string> _lines = [];
    private readonly List<string> _errorLines = [];
    private readonly MemoryStream _bytes = new();
    private readonly Stopwatch _time = new();
    private IReadOnlyList<string> _command = [];
    private IRunningContainer? _container;
    private ContainerExchange? _exchange;
    private Timer? _timer;
    private volatile bool _timedOut;

    /// <inheritdoc/>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = CommandSet)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ShellSet)]
    [Alias("Image")]
    [ValidateNotNullOrEmpty]
    public override string Path { get; set; } = string.Empty;

    /// <summary>The instance to run in, in place of a container of its own.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InstanceSet)]
    [Parameter(Mandatory = true, ParameterSetName = InstanceShellSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(InstanceNameCompleter))]
    public string Instance { get; set; } = string.Empty;

    /// <summary>The command and its arguments, best after <c>--</c>; with <c>-Run</c>, the arguments of the run script.</summary>
    [Parameter(Position = 1, ValueFromRemainingArguments = true, ParameterSetName = CommandSet)]
    [Parameter(Position = 1, ValueFromRemainingArguments = true, ParameterSetName = ShellSet)]
    [Parameter(Position = 0, ValueFromRemainingArguments = true, ParameterSetName = InstanceSet)]
    [Parameter(Position = 0, ValueFromRemainingArguments = true, ParameterSetName = InstanceShellSet)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public object?[] Command { get; set; } = [];

    /// <summary>Run the image's run script.</summary>
    [Parameter(ParameterSetName = CommandSet)]
    [Parameter(ParameterSetName = InstanceSet)]
    public SwitchParameter Run { get; set; }

    /// <summary>Start a shell on the caller's terminal.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ShellSet)]
    [Parameter(Mandatory = true, ParameterSetName = InstanceShellSet)]
    public SwitchParameter Shell { get; set; }

    /// <summary>The shell, a path in the container.</summary>
    [Parameter(ParameterSetName = ShellSet)]
    [Parameter(ParameterSetName = InstanceShellSet)]
    [ValidateNotNullOrEmpty]
    public string? ShellPath { get; set; }

    /// <summary>The command's standard input: a line for each object, bytes as they are.</summary>
    [Parameter(ValueFromPipeline = true, ParameterSetName = CommandSet)]
    [Parameter(ValueFromPipeline = true, ParameterSetName = InstanceSet)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public PSObject? InputObject { get; set; }

    /// <summary>Emit all output as one text, or, with <c>-AsByteStream</c>, as one array.</summary>
    [Parameter(ParameterSetName = CommandSet)]
    [Parameter(ParameterSetName = InstanceSet)]
    public SwitchParameter Raw { get; set; }

    /// <summary>Emit the output as bytes, exactly as they were written.</summary>
    [Parameter(ParameterSetName = CommandSet)]
    [Parameter(ParameterSetName = InstanceSet)]
    public SwitchParameter AsByteStream { get; set; }

    /// <summary>Emit one object, with exit code, output and more.</summary>
    [Parameter(ParameterSetName = CommandSet)]
    [Parameter(ParameterSetName = InstanceSet)]
    public SwitchParameter AsObject { get; set; }

    /// <summary>Treat an exit code other than 0 as an error.</summary>
    [Parameter]
    public SwitchParameter ErrorOnExit { get; set; }

    /// <summary>End the command after so many seconds.</summary>
    [Parameter]
    [ValidateRange(0.001, 2_000_000)]
    public double TimeoutSeconds { get; set; }

    private bool InInstance => ParameterSetName is InstanceSet or InstanceShellSet;

    private object Target => InInstance ? Instance : Path;

    private bool Collects => Raw || AsObject;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (!TryDescribeAll(out var request))
            return;
        if (!(InInstance ? ShouldProcess($"instance {Instance}", Describe(request)) : ShouldStart(request, Describe(request))))
            return;
        ForTarget(Target, () => Start(request));
        if (_container is null)
            SetLastExitCode(InitProtocol.FailureExitCode);
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (_exchange is null || !FeedsInput)
            return;
        // A list that was given as a parameter is one object here, and several in the pipeline.
        if (!MyInvocation.ExpectingInput && InputObject?.BaseObject is not byte[]
            && LanguagePrimitives.GetEnumerable(InputObject) is { } list)
        {
            foreach (var item in list)
                Feed(item);
            return;
        }

        Feed(InputObject);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_container is null)
            return;
        _exchange?.EndInput();
        while (_exchange?.TakeFor(Take, s_patience) == true)
            WriteMessages(_container);

        var outcome = WaitForEnd(_container);
        SetLastExitCode(outcome.ExitCode);
        if (Stopped.IsCancellationRequested)
            throw new PipelineStoppedException();
        EmitCollected(_container, outcome);
        WriteFailure(outcome);
    }

    /// <inheritdoc/>
    protected override void StopProcessing()
    {
        base.StopProcessing();
        _container?.Stop();
        _exchange?.Discard();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // Reached without EndProcessing when the pipeline was stopped, or a later command wanted no more.
            _timer?.Dispose();
            _exchange?.Discard();
            _container?.Stop();
            _exchange?.Dispose();
            _container?.Dispose();
            _bytes.Dispose();
        }

        base.Dispose(disposing);
    }

    private bool FeedsInput => MyInvocation.ExpectingInput || MyInvocation.BoundParameters.ContainsKey(nameof(InputObject));

    private bool TryDescribeAll([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ContainerRequest? request)
    {
        request = null;
        var action = Run ? ContainerAction.Run : Shell ? ContainerAction.Shell : ContainerAction.Command;
        _command = NativeArguments.FromBound(Command, MyInvocation);
        if (action == ContainerAction.Command && _command.Count == 0)
        {
            const string message = "No command was given. Write it after '--', for example: -- ls -l /. -Run runs the "
                + "image's run script, -Shell starts a shell.";
            const string id = "ContainerCommandMissing";
            const string advice = "Give a command after '--', or -Run, or -Shell.";
            ThrowTerminatingError(new ErrorRecord(new EngineException(id, message, advice), id, ErrorCategory.InvalidArgument, Target)
            {
                ErrorDetails = new ErrorDetails(message) { RecommendedAction = advice },
            });
        }

        if (action == ContainerAction.Shell && MyInvocation.ExpectingInput)
            throw Conflict("-Shell and input from the pipeline", "A shell reads the terminal. Without -Shell, pipe into: -- sh");
        if (InInstance)
            RefuseSetup();
        if (!(InInstance ? TryDescribeJoin(Instance, out request) : TryDescribe(out request)))
            return false;

        request = request with { Action = action, Command = _command, ShellPath = ShellPath };
        return true;
    }

    // How a container is set up was said when the instance was started.
    private void RefuseSetup()
    {
        var setup = typeof(ContainerCommand).GetProperties()
            .Where(property => property.DeclaringType == typeof(ContainerCommand) && property.Name != nameof(Path)
                && property.IsDefined(typeof(ParameterAttribute), inherit: false))
            .Select(property => property.Name)
            .Except(s_ofCommand)
            .FirstOrDefault(MyInvocation.BoundParameters.ContainsKey);
        if (setup is not null)
            throw Conflict($"-Instance and -{setup}", $"Give -{setup} to Start-ContainerInstance.");
    }

    private PipelineStoppedException Conflict(string what, string action)
    {
        ThrowTerminatingError(ErrorMapping.ToErrorRecord(
            new EngineException(ErrorIds.OptionConflict, $"{what} exclude each other.", action), Target));
        return new PipelineStoppedException();
    }

    private static string Describe(ContainerRequest request) => request.Action switch
    {
        ContainerAction.Run => $"Run the run script {string.Join(' ', request.Command)}".TrimEnd(),
        ContainerAction.Shell => $"Start a shell {request.ShellPath}".TrimEnd(),
        _ => $"Run {string.Join(' ', request.Command)}",
    };

    private void Start(ContainerRequest request)
    {
        var streams = request.Action == ContainerAction.Shell
            ? ContainerStreams.Inherited
            : new ContainerStreams(FeedsInput, PipesOutput: true);
        var warnings = new List<string>();
        var notes = new List<string>();
        _time.Start();
        _container = InInstance
            ? InstanceJoiner.Start(Instance, request, streams, warnings)
            : ContainerEngines.Start(request, native => ContainerRunner.Start(native, streams, warnings, Progress, Stopped), streams, notes);
        notes.ForEach(WriteVerbose);
        warnings.ForEach(WriteWarning);
        if (streams.PipesOutput)
            _exchange = new ContainerExchange(_container, AsByteStream || Raw);
        if (TimeoutSeconds > 0)
            _timer = new Timer(_ => EndByTimeout(), null, TimeSpan.FromSeconds(TimeoutSeconds), Timeout.InfiniteTimeSpan);
        // Stopped in the meantime: there was nothing to stop yet.
        if (Stopped.IsCancellationRequested)
            _container.Stop();
    }

    private void EndByTimeout()
    {
        _timedOut = true;
        _container?.Stop();
    }

    private void Feed(object? value)
    {
        var bare = value is PSObject wrapped ? wrapped.BaseObject : value;
        var bytes = ContainerExchange.Encode(bare, _ => LanguagePrimitives.ConvertTo<string>(value));
        _exchange?.Give(bytes, Take);
    }

    private void Take(ContainerOutput output)
    {
        switch (output)
        {
            case { IsError: true, Value: string line } when AsObject:
                _errorLines.Add(line);
                break;
            case { IsError: true, Value: string line }:
                // As PowerShell itself does with the standard error of a native command.
                WriteError(new ErrorRecord(new RemoteException(line), "NativeCommandError", ErrorCategory.NotSpecified, Target));
                break;
            case { Value: byte[] bytes } when Collects:
                _bytes.Write(bytes);
                break;
            case { Value: string line } when Collects:
                _lines.Add(line);
                break;
            default:
                WriteObject(output.Value, enumerateCollection: false);
                break;
        }
    }

    // What it wrote may still be on its way to the disk. For that there is no limit: nothing is lost.
    private ContainerOutcome WaitForEnd(IRunningContainer container)
    {
        var waiting = Stopwatch.StartNew();
        ForTarget(Target, () =>
        {
            while (!container.Completion.Wait(s_patience))
            {
                WriteMessages(container);
                if (_exchange is not null && waiting.Elapsed.TotalSeconds >= 1 && !Stopped.IsCancellationRequested)
                    Progress.Report(new EngineProgress("Waiting for the container's changes to be written", (long)waiting.Elapsed.TotalSeconds, 0, "seconds"));
            }
        });
        _time.Stop();
        WriteMessages(container);
        return container.Completion.GetAwaiter().GetResult();
    }

    private void WriteMessages(IRunningContainer container)
    {
        if (Stopped.IsCancellationRequested)
            return;
        while (container.TryTakeNote(out var note))
            WriteVerbose(note);
        while (container.TryTakeWarning(out var warning))
            WriteWarning(warning);
    }

    private void EmitCollected(IRunningContainer container, ContainerOutcome outcome)
    {
        if (!Collects)
            return;
        object output = AsByteStream ? _bytes.ToArray()
            : Raw ? Encoding.UTF8.GetString(_bytes.GetBuffer(), 0, (int)_bytes.Length)
            : _lines.ToArray();
        if (!AsObject)
        {
            WriteObject(output, enumerateCollection: false);
            return;
        }

        WriteObject(new ContainerResult
        {
            ExitCode = outcome.ExitCode,
            Output = output,
            Error = [.. _errorLines],
            Duration = _time.Elapsed,
            TimedOut = _timedOut,
            Engine = container.Engine.ToString(),
            Path = InInstance ? container.Layers[0].Path : Path,
            Instance = InInstance ? Instance : null,
            Command = [.. _command],
            Layers = [.. container.Layers],
        });
    }

    private void WriteFailure(ContainerOutcome outcome)
    {
        var error = outcome.Failure;
        if (_timedOut)
            error ??= new EngineException(ErrorIds.ContainerTimeout,
                string.Create(CultureInfo.InvariantCulture, $"The command did not end within {TimeoutSeconds} seconds, and was ended."),
                "Give it more time with -TimeoutSeconds.", Target);
        if (ErrorOnExit && outcome.ExitCode != 0)
            error ??= new EngineException(ErrorIds.ContainerCommandFailed,
                string.Create(CultureInfo.InvariantCulture, $"The command ended with exit code {outcome.ExitCode}: {string.Join(' ', _command)}"),
                target: Target) { Data = { ["ExitCode"] = outcome.ExitCode } };
        if (error is not null)
            WriteError(ErrorMapping.ToErrorRecord(error, Target));
    }

    private void SetLastExitCode(int exitCode) =>
        SessionState.PSVariable.Set(new PSVariable("global:LASTEXITCODE", exitCode));
}
