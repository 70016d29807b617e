using System.Management.Automation;
using System.Management.Automation.Runspaces;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>
/// A PowerShell session with the module loaded from its manifest, as users load it. The assemblies are those in the
/// module folder: a process has room for one copy, so the tests keep none beside them (see the project file).
/// </summary>
internal sealed class ModuleSession : IDisposable
{
    private readonly Runspace _runspace;

    /// <summary>Opens a session.</summary>
    /// <param name="location">Its current directory.</param>
    public ModuleSession(string location = "/")
    {
        var state = InitialSessionState.CreateDefault2();
        state.ImportPSModule([Path.Combine(Machine.RepositoryRoot, "OverlayTools.psd1")]);
        state.ThrowOnRunspaceOpenError = true;
        _runspace = RunspaceFactory.CreateRunspace(state);
        _runspace.Open();
        _runspace.SessionStateProxy.Path.SetLocation(location);
    }

    /// <summary>What the last run wrote to the error stream.</summary>
    public IReadOnlyList<ErrorRecord> Errors { get; private set; } = [];

    /// <summary>What the last run wrote to the warning stream.</summary>
    public IReadOnlyList<string> Warnings { get; private set; } = [];

    /// <summary>What the last run wrote to the verbose stream.</summary>
    public IReadOnlyList<string> Verbose { get; private set; } = [];

    /// <summary>What the last run wrote to the progress stream.</summary>
    public IReadOnlyList<ProgressRecord> Progress { get; private set; } = [];

    /// <summary>The exit code that the last container left.</summary>
    public int LastExitCode => Convert.ToInt32(
        _runspace.SessionStateProxy.GetVariable("LASTEXITCODE"), System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Runs a script as a user types it; what it emits is returned, what it throws is thrown.</summary>
    /// <param name="script">The script.</param>
    /// <param name="arguments">What it sees as <c>$args</c>.</param>
    public IReadOnlyList<PSObject> Run(string script, params object[] arguments)
    {
        using var shell = PowerShell.Create(_runspace);
        shell.AddScript(script);
        foreach (var argument in arguments)
            shell.AddArgument(argument);
        try
        {
            return [.. shell.Invoke()];
        }
        finally
        {
            Errors = [.. shell.Streams.Error];
            Warnings = [.. shell.Streams.Warning.Select(record => record.Message)];
            Verbose = [.. shell.Streams.Verbose.Select(record => record.Message)];
            Progress = [.. shell.Streams.Progress];
        }
    }

    /// <summary>Runs a script whose only output is text, and returns its lines.</summary>
    public IReadOnlyList<string> Lines(string script, params object[] arguments) =>
        [.. Run(script, arguments).Select(line => line.ToString())];

    /// <summary>Starts a script, waits until the condition holds, and stops it as Ctrl+C does.</summary>
    /// <param name="script">The script.</param>
    /// <param name="whenToStop">Polled; it should hold soon after the start.</param>
    public void RunAndStop(string script, Func<bool> whenToStop)
    {
        using var shell = PowerShell.Create(_runspace);
        var running = shell.AddScript(script).BeginInvoke();
        while (!whenToStop() && !running.IsCompleted)
            running.AsyncWaitHandle.WaitOne(5);
        shell.Stop();
    }

    /// <summary>What Tab offers at the end of a line.</summary>
    public IReadOnlyList<CompletionResult> Complete(string input)
    {
        using var shell = PowerShell.Create(_runspace);
        return [.. CommandCompletion.CompleteInput(input, input.Length, null, shell).CompletionMatches];
    }

    public void Dispose() => _runspace.Dispose();
}
