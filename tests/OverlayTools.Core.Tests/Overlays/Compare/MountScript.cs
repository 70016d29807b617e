using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays.Compare;

/// <summary>
/// Runs a script of root's that mounts, in a mount namespace of its own: a process that starts elsewhere meanwhile, in a
/// namespace copied from ours, would keep the mounts, and what was written would not be in the image yet.
/// </summary>
internal static class MountScript
{
    // A free loop device may be somebody else's a moment later: then the next one is asked for.
    private const string Start = """
        set -e
        loop() { for _ in 1 2 3 4 5 6 7 8 9; do mount -o "loop,$3" "$1" "$2" && break; sleep 0.1; done; mountpoint -q "$2"; }

        """;

    /// <summary>Runs bash in the directory; <c>loop FILE DIRECTORY OPTIONS</c> mounts an image.</summary>
    public static void Run(TemporaryDirectory directory, string script, params string[] arguments)
    {
        Machine.NeedRoot();
        Machine.NeedTool("unshare");
        var (exitCode, output, error) = Machine.RunWith(
            "unshare", ["--mount", "--propagation", "private", "bash", "-c", Start + script, "run", .. arguments], null, directory.Path);
        Assert.True(exitCode == 0, output + error);
    }
}
