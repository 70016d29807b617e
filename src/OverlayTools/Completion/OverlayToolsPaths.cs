using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace OverlayTools.Completion;

/// <summary>Where a completer looks: it has no cmdlet, and so no session of its own.</summary>
internal static class OverlayToolsPaths
{
    /// <summary>The session's directory in the file system; null without a session.</summary>
    public static string? Current => Runspace.DefaultRunspace is null
        ? null
        : PowerShell.Create(RunspaceMode.CurrentRunspace)
            .AddScript("$ExecutionContext.SessionState.Path.CurrentFileSystemLocation.ProviderPath")
            .Invoke<string>().FirstOrDefault();
}
