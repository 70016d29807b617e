using System.Management.Automation;
using System.Management.Automation.Runspaces;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>
/// A PowerShell session with the module loaded from its manifest, as users load it. The assemblies are those in the module
/// folder: a process has room for one copy, so the tests keep none beside them (see the project file).
/// </summary>
internal sealed class ModuleSession : IDisposable
{
    private readonly Runspace _runspace;

    public ModuleSession()
    {
        var state = InitialSessionState.CreateDefault2();
        state.ImportPSModule([Path.Combine(Machine.RepositoryRoot, "OverlayTools.psd1")]);
        state.ThrowOnRunspaceOpenError = true;
        _runspace = RunspaceFactory.CreateRunspace(state);
        _runspace.Open();
    }

    /// <summary>Runs a script to its end; what it throws is thrown.</summary>
    /// <param name="script">The script; it sees <paramref name="input"/> as <c>$input</c>.</param>
    /// <param name="input">Objects for the pipeline.</param>
    public ModuleResult Invoke(string script, params object?[] input)
    {
        using var shell = PowerShell.Create(_runspace);
        shell.AddScript(script);
        var output = shell.Invoke(input);
        var streams = shell.Streams;
        return new ModuleResult(
            [.. output], [.. streams.Error], [.. streams.Warning.Select(record => record.Message)],
            [.. streams.Verbose.Select(record => record.Message)], [.. streams.Progress]);
    }

    public void Dispose() => _runspace.Dispose();
}

/// <summary>What a script gave, stream by stream.</summary>
internal sealed record ModuleResult(
    IReadOnlyList<PSObject> Output,
    IReadOnlyList<ErrorRecord> Errors,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Verbose,
    IReadOnlyList<ProgressRecord> Progress);
