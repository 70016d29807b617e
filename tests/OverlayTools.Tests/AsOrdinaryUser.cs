using OverlayTools.Tests.Host;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Runs a script in the host as a user who is not root; only root can become one.</summary>
internal static class AsOrdinaryUser
{
    /// <summary>An id that nobody needs to have: it owns nothing.</summary>
    public const int Id = 54321;

    public static string Owner => $"{Id}:{Id}";

    public static void Need()
    {
        Machine.NeedRoot();
        Machine.NeedTool("setpriv");
        var reached = Machine.Run("setpriv", [.. s_identity, "test", "-x", HostProgram.Path]);
        Assert.SkipUnless(reached.ExitCode == 0, "needs a checkout that every user can read");
    }

    /// <summary>Runs a script in a directory; both streams come back trimmed.</summary>
    public static (string Output, string Error) Run(TemporaryDirectory directory, string script)
    {
        var (_, output, error) = Machine.RunWith(
            "setpriv", [.. s_identity, HostProgram.Path, "-NoProfile", "-Command", script], null, directory.Path,
            ("HOME", "/nonexistent"));
        return (output.Trim(), error.Trim());
    }

    private static readonly string[] s_identity =
        [$"--reuid={Id}", $"--regid={Id}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--"];
}
