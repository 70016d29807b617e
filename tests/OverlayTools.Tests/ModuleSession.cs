using System.Management.Automation;
using System.Management.Automation.Runspaces;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>A PowerShell session with the built module, as a host would have it.</summary>
internal sealed class ModuleSession : IDisposable
{
    private readonly Runspace _runspace;

    public ModuleSession(string location)
    {
        var state = InitialSessionState.CreateDefault2();
        state.ImportPSModule([Path.Combine(Machine.RepositoryRoot, "OverlayTools.psd1")]);
        _runspace = RunspaceFactory.CreateRunspace(state);
        _runspace.Open();
        _runspace.SessionStateProxy.Path.SetLocation(location);
    }

    public IReadOnlyList<ErrorRecord> Errors { get; private set; } = [];

    public IReadOnlyList<string> Warnings { get; private set; } = [];

    /// <summary>Runs a line as a user types it; what it emits is returned.</summary>
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
            Warnings = [.. shell.Streams.Warning.Select(warning => warning.Message)];
        }
    }

    public IReadOnlyList<CompletionResult> Complete(string input)
    {
        using var shell = PowerShell.Create(_runspace);
        return [.. CommandCompletion.CompleteInput(input, input.Length, null, shell).CompletionMatches];
    }

    public void Dispose() => _runspace.Dispose();
}
