using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>What Copy-OverlayItem and Remove-OverlayItem do to an overlay in a directory, a container sees: of ours and of
/// Apptainer's.</summary>
public sealed class DirectoryItemTests
{
    private const string Show = "cat /data/new/x; ls -A /data /data/sub";

    private static readonly string[] s_shown = ["copied", "/data:", "new", "sub", "/data/sub:", "mine"];

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_container_sees_what_was_put_in_and_what_was_hidden(Who who)
    {
        using var scene = new Scene(who);
        Change(scene);
        Assert.Equal(s_shown, scene.Lines(scene.Invoke("-Overlay overlay:ro", Show)));
        Assert.Equal(s_shown, scene.Lines(scene.Invoke("-Overlay overlay", Show)));
        // And it goes on writing there.
        scene.Lines(scene.Invoke("-Overlay overlay", "rm /data/new/x; echo 2 >/data/sub/mine"));
        Assert.Equal("2\n", File.ReadAllText(scene["overlay/upper/data/sub/mine"]));
        scene.Lines("Remove-OverlayItem overlay /data -Recurse");
        Assert.Equal(["original", "below"], scene.Lines(scene.Invoke("-Overlay overlay:ro", "cat /data/a /data/sub/b")));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Apptainer_sees_it_too(Who who)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(who);
        Change(scene);
        Assert.Equal(s_shown, scene.Apptainer("--overlay overlay", Show).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void A_running_container_keeps_its_directory_for_itself()
    {
        using var scene = new Scene(Who.Root);
        Directory.CreateDirectory(scene["overlay/upper"]);
        File.WriteAllText(scene["x"], "copied\n");
        var (output, _) = scene.Run(
            scene.Invoke("-Overlay overlay", "echo started; sleep 2")
            + " | ForEach-Object { try { Copy-OverlayItem x -Image overlay -ItemDestination / -ErrorAction Stop } catch { $_.FullyQualifiedErrorId } }");
        Assert.StartsWith(ErrorIds.OverlayInUse, output, StringComparison.Ordinal);
        Assert.False(File.Exists(scene["overlay/upper/x"]));
    }

    // The base has /data/a, and /data/sub with a file: the one is hidden, the other replaced.
    private static void Change(Scene scene)
    {
        foreach (var directory in new[] { "overlay/upper", "overlay/work", "new", "sub" })
            Directory.CreateDirectory(scene[directory]);
        File.WriteAllText(scene["new/x"], "copied\n");
        File.WriteAllText(scene["sub/mine"], "1\n");
        foreach (var name in new[] { "overlay", "new", "sub" })
            scene.Own(scene[name]);
        scene.Lines("Remove-OverlayItem overlay /data/a, /data/sub -Whiteout", "Copy-OverlayItem new, sub -Image overlay -ItemDestination /data -Recurse");
    }
}
