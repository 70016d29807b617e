using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace OverlayTools.Benchmarks;

/// <summary>A running PowerShell session with the module loaded: what a user's console is.</summary>
internal sealed class Session : IDisposable
{
    private readonly Runspace _runspace;

    /// <param name="location">The current directory.</param>
    public Session(string location)
    {
        var state = InitialSessionState.CreateDefault2();
        state.ImportPSModule([ModuleAssemblies.Manifest]);
        state.ThrowOnRunspaceOpenError = true;
        _runspace = RunspaceFactory.CreateRunspace(state);
        // As in a console, which makes no thread for each line.
        _runspace.ThreadOptions = PSThreadOptions.UseCurrentThread;
        _runspace.Open();
        _runspace.SessionStateProxy.Path.SetLocation(location);
    }

    /// <summary>Runs a line as a user types it, and fails on any error.</summary>
    public void Run(string script)
    {
        using var shell = PowerShell.Create(_runspace);
        shell.AddScript(script).Invoke();
        if (shell.Streams.Error is [var error, ..])
            throw new InvalidOperationException($"{script}: {error}", error.Exception);
    }

    /// <summary>Runs a line, and returns what it says to curious users.</summary>
    public IReadOnlyList<string> Verbose(string script)
    {
        using var shell = PowerShell.Create(_runspace);
        shell.AddScript(script).Invoke();
        return [.. shell.Streams.Verbose.Select(record => record.Message)];
    }

    /// <summary>Whether a command has a parameter.</summary>
    public bool HasParameter(string command, string parameter)
    {
        using var shell = PowerShell.Create(_runspace);
        return shell.AddScript($"(Get-Command {command}).Parameters.ContainsKey('{parameter}')").Invoke<bool>().Single();
    }

    public void Dispose() => _runspace.Dispose();
}
