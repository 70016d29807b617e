using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace OverlayTools.Host;

/// <summary>The program cannot start; the message says why.</summary>
internal sealed class StartException(string message) : Exception(message);

/// <summary>A PowerShell session with the module in it: runs one thing at a time and shows what comes out.</summary>
internal sealed class Session : IDisposable
{
    private readonly Runspace _runspace;
    private readonly ConcurrentStack<Pipeline> _running = new();

    private Session(ConsoleHost host, Runspace runspace)
    {
        Host = host;
        _runspace = runspace;
    }

    public ConsoleHost Host { get; }

    /// <summary>The code given to <c>exit</c>, once there was one.</summary>
    public int? ExitCode => Host.ExitCode;

    /// <summary>The value of <c>$?</c>.</summary>
    public bool LastStatementSucceeded => Evaluate("$global:?") is true;

    /// <summary>What the prompt function returns.</summary>
    public string PromptText => Evaluate("prompt") as string ?? "PS> ";

    /// <summary>Starts the engine and imports the module.</summary>
    /// <exception cref="StartException">The module is not found, or does not load.</exception>
    public static Session Open(ConsoleHost host)
    {
        var manifest = ModuleLocation.Find();
        var runspace = RunspaceFactory.CreateRunspace(host, InitialSessionState.CreateDefault2());
        // One thread for all pipelines: variables of the thread stay, and none is started for each statement.
        runspace.ThreadOptions = PSThreadOptions.ReuseThread;
        runspace.Open();
        var session = new Session(host, runspace);
        host.Session = session;
        session.Import(manifest);
        return session;
    }

    /// <summary>Runs something; its output, its errors and what ended it are shown.</summary>
    /// <returns>Whether it ran to its end, or to an <c>exit</c>.</returns>
    public bool Execute(Invocation invocation)
    {
        using var pipeline = CreatePipeline(invocation.History);
        pipeline.Commands.Add(invocation.Command);
        ShowResults(pipeline);
        if (invocation.IsMainScript)
            LetExitEndTheSession();
        var error = Invoke(pipeline, invocation.Input);
        Host.Console.Progress.Clear();
        if (error is null)
            return true;
        if (error is IncompleteParseException && invocation.History is { } text)
            error = Explain(text);
        if (error is not PipelineStoppedException)
            ShowError(error);
        return false;
    }

    /// <summary>Asks what is running to stop; does not wait.</summary>
    /// <returns>Whether there was something running.</returns>
    public bool Stop()
    {
        if (!_running.TryPeek(out var pipeline))
            return false;
        pipeline.StopAsync();
        return true;
    }

    public void Dispose() => _runspace.Dispose();

    private void Import(string manifest)
    {
        using var pipeline = _runspace.CreatePipeline();
        var import = new Command("Import-Module");
        import.Parameters.Add("Name", manifest);
        import.Parameters.Add("ErrorAction", ActionPreference.Stop);
        pipeline.Commands.Add(import);
        if (Invoke(pipeline, null) is not { } error)
            return;
        // The session's thread would keep the program alive.
        Dispose();
        throw new StartException($"The module '{manifest}' does not load: {error.Message}");
    }

    private Pipeline CreatePipeline(string? history = null)
    {
        if (history is null)
            return _running.IsEmpty ? _runspace.CreatePipeline() : _runspace.CreateNestedPipeline();
        var pipeline = _running.IsEmpty
            ? _runspace.CreatePipeline(history, addToHistory: true)
            : _runspace.CreateNestedPipeline(history, addToHistory: true);
        // The text was for the history alone: the command comes from the caller.
        pipeline.Commands.Clear();
        return pipeline;
    }

    /// <summary>
    /// Everything that comes out, errors among it and in order, goes through the formatting views to the host.
    /// </summary>
    private static void ShowResults(Pipeline pipeline)
    {
        if (pipeline.Commands.Count > 0)
            pipeline.Commands[0].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        pipeline.Commands.Add(new Command("Out-Default", isScript: false, useLocalScope: true));
    }

    private Exception? Invoke(Pipeline pipeline, StandardInput? input)
    {
        try
        {
            if (pipeline.IsNested)
                InvokeNested(pipeline);
            else
                InvokeOuter(pipeline, input);
        }
        catch (RuntimeException error)
        {
            return error;
        }
        finally
        {
            _running.TryPop(out _);
        }

        var state = pipeline.PipelineStateInfo;
        return state.State == PipelineState.Stopped ? new PipelineStoppedException() : state.Reason;
    }

    private void InvokeNested(Pipeline pipeline)
    {
        // It runs on the thread of the pipeline around it, this one.
        _running.Push(pipeline);
        pipeline.Invoke();
    }

    private void InvokeOuter(Pipeline pipeline, StandardInput? input)
    {
        using var finished = new ManualResetEventSlim();
        pipeline.StateChanged += (_, change) =>
        {
            var state = change.PipelineStateInfo.State;
            if (state is PipelineState.Completed or PipelineState.Failed or PipelineState.Stopped)
                finished.Set();
        };
        if (input is null)
            pipeline.Input.Close();
        pipeline.InvokeAsync();
        _running.Push(pipeline);
        // The request to end may have come just before there was something to stop.
        if (Host.IsEnding)
            pipeline.StopAsync();
        input?.FeedLines(pipeline.Input);
        finished.Wait();
    }

    private object? Evaluate(string script)
    {
        using var pipeline = CreatePipeline();
        pipeline.Commands.AddScript(script);
        try
        {
            return pipeline.Invoke().FirstOrDefault()?.BaseObject;
        }
        catch (RuntimeException)
        {
            return null;
        }
    }

    /// <summary>The engine's own exception for a text that ends too early is empty: a prompt would read on.</summary>
    private static ParseException Explain(string text)
    {
        Parser.ParseInput(text, out _, out var errors);
        return new ParseException(errors);
    }

    private void ShowError(Exception error)
    {
        var record = (error as IContainsErrorRecord)?.ErrorRecord
            ?? new ErrorRecord(error, "HostFailure", ErrorCategory.NotSpecified, null);
        using var pipeline = CreatePipeline();
        pipeline.Commands.Add(new Command("Out-Default"));
        pipeline.Input.Write(record);
        pipeline.Input.Close();
        try
        {
            // The engine's mark on an object that it is an error, not output, is not public.
            Host.Console.WritesErrors = true;
            pipeline.Invoke();
        }
        catch (RuntimeException)
        {
            Host.UI.WriteErrorLine(error.Message);
        }
        finally
        {
            Host.Console.WritesErrors = false;
        }
    }

    /// <summary>
    /// A script file's <c>exit</c> ends only that script, and leaves no trace that tells it from the exit code of a
    /// native program. The engine has a switch for the main script, which pwsh sets, but which is not public.
    /// </summary>
    private void LetExitEndTheSession()
    {
        const BindingFlags Internal = BindingFlags.Instance | BindingFlags.NonPublic;
        var context = typeof(Runspace).GetProperty("ExecutionContext", Internal)!.GetValue(_runspace)!;
        context.GetType().GetProperty("ScriptCommandProcessorShouldRethrowExit", Internal)!.SetValue(context, true);
    }
}
