using System.Collections.Concurrent;
using System.Management.Automation;
using System.Text;
using OverlayTools.Containers;
using OverlayTools.Containers.Engines;

namespace OverlayTools.Commands;

/// <summary>Runs a command in a container on top of overlays.</summary>
/// <remarks>Reader tasks fill one queue; only the pipeline's thread writes to the pipeline.</remarks>
[Cmdlet(VerbsLifecycle.Invoke, "ContainerWithOverlay", SupportsShouldProcess = true)]
[OutputType(typeof(string))]
public sealed class InvokeContainerWithOverlayCommand : ContainerCommand
{
    private readonly BlockingCollection<(string Text, bool IsError)> _lines = [];
    private IRunningContainer? _container;
    private Task _readers = Task.CompletedTask;
    private StreamWriter? _input;

    /// <summary>The command and its arguments, best after <c>--</c>.</summary>
    [Parameter(Position = 1, ValueFromRemainingArguments = true)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public object?[] Command { get; set; } = [];

    /// <summary>The command's standard input: a line for each object.</summary>
    [Parameter(ValueFromPipeline = true)]
    [AllowNull]
    [AllowEmptyString]
    public PSObject? InputObject { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (!TryDescribe(out var described))
            return;

        var command = NativeArguments.FromBound(Command, MyInvocation);
        if (command.Count == 0)
        {
            ThrowTerminatingError(new ErrorRecord(
                new PSArgumentException("No command was given. Write it after '--', for example: -- ls -l /", nameof(Command)),
                "ContainerCommandMissing", ErrorCategory.InvalidArgument, Path));
        }

        var request = described with { Command = command };
        if (!ShouldProcess(request.ImagePath, $"Run {string.Join(' ', command)}"))
            return;
        ForTarget(request.ImagePath, () => Start(request));
        if (_container is null)
            SetLastExitCode(InitProtocol.FailureExitCode);
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (_container is null || _input is null)
            return;
        try
        {
            WriteInput(InputObject);
        }
        catch (IOException)
        {
            CloseInput(); // the command does not read any further
        }

        while (_lines.TryTake(out var line))
            Emit(line);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_container is null)
            return;
        CloseInput();
        foreach (var line in _lines.GetConsumingEnumerable(CancellationToken.None))
            Emit(line);

        var outcome = _container.Completion.GetAwaiter().GetResult();
        foreach (var note in _container.Notes)
            WriteVerbose(note);
        foreach (var warning in _container.Warnings)
            WriteWarning(warning);
        SetLastExitCode(outcome.ExitCode);
        if (Stopped.IsCancellationRequested)
            throw new PipelineStoppedException();
        if (outcome.Failure is { } failure)
            WriteError(ErrorMapping.ToErrorRecord(failure, Path));
    }

    /// <inheritdoc/>
    protected override void StopProcessing()
    {
        base.StopProcessing();
        _container?.Stop();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // Reached without EndProcessing when the pipeline was stopped, or a later command wanted no more.
            _container?.Dispose();
            _readers.Wait();
            _lines.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Start(ContainerRequest request)
    {
        var warnings = new List<string>();
        var notes = new List<string>();
        var piped = MyInvocation.ExpectingInput;
        var container = ContainerEngines.Start(
            request, native => ContainerRunner.Start(native, piped, warnings), piped, pipesOutput: true, notes);
        _container = container;
        notes.ForEach(WriteVerbose);
        warnings.ForEach(WriteWarning);
        if (container.Input is { } input)
            _input = new StreamWriter(input, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };

        // Both have to be read to their ends before the queue is complete.
        _readers = Task.WhenAll(
                Task.Factory.StartNew(() => Read(container.Output!, isError: false), TaskCreationOptions.LongRunning),
                Task.Factory.StartNew(() => Read(container.Error!, isError: true), TaskCreationOptions.LongRunning))
            .ContinueWith(_ => _lines.CompleteAdding(), TaskScheduler.Default);
    }

    private void Read(Stream stream, bool isError)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (reader.ReadLine() is { } line)
            _lines.Add((line, isError));
    }

    private void WriteInput(PSObject? value)
    {
        _input!.WriteLine(LanguagePrimitives.ConvertTo<string>(value));
        _input.Flush();
    }

    private void CloseInput()
    {
        try
        {
            _input?.Dispose();
        }
        catch (IOException)
        {
            // The command has ended without reading what was left.
        }

        _input = null;
    }

    private void Emit((string Text, bool IsError) line)
    {
        if (!line.IsError)
        {
            WriteObject(line.Text);
            return;
        }

        // As PowerShell itself does with the standard error of a native command.
        WriteError(new ErrorRecord(new RemoteException(line.Text), "NativeCommandError", ErrorCategory.NotSpecified, Path));
    }

    private void SetLastExitCode(int exitCode) =>
        SessionState.PSVariable.Set(new PSVariable("global:LASTEXITCODE", exitCode));
}
