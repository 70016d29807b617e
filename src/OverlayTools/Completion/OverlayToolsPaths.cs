using System.Collections;
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

    /// <summary>The first path that was given to the first of some parameters that has one, as it was typed.</summary>
    /// <param name="bound">The parameters that are bound so far.</param>
    /// <param name="names">Names of parameters.</param>
    public static string? First(IDictionary bound, params string[] names) =>
        names.Select(name => bound[name]).FirstOrDefault(value => value is not null) switch
        {
            string path => path,
            IEnumerable paths => paths.OfType<object>().FirstOrDefault()?.ToString(),
            _ => null,
        };
}
