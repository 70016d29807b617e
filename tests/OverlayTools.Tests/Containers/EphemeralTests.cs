using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>-Ephemeral: a run on a copy that is forgotten.</summary>
public class EphemeralTests
{
    private const string Change = "cat /data/a; echo gone >/data/a; rm -r /data/sub; cat /data/a; ls /data";

    [Theory]
    [InlineData(Who.Root, "o.img")]
    [InlineData(Who.User, "o.img")]
    [InlineData(Who.FakeRoot, "o.img")]
    [InlineData(Who.Root, "overlay")]
    [InlineData(Who.User, "overlay")]
    [InlineData(Who.FakeRoot, "overlay")]
    public void What_is_changed_is_seen_and_forgotten(Who who, string overlay)
    {
        using var scene = new Scene(who);
        Directory.CreateDirectory(scene["overlay"]);
        scene.Own(scene["overlay"]);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay " + overlay, "echo kept >/data/a"));
        var before = overlay == "o.img" ? scene.Hash(overlay) : null;

        Assert.Equal(["kept", "gone", "a"], scene.Lines(scene.Invoke($"-Ephemeral -Overlay {overlay}", Change)));
        Assert.Equal(["kept", "a", "sub"], scene.Lines(scene.Invoke($"-Overlay {overlay}:ro", "cat /data/a; ls /data")));
        Assert.Equal(before, before is null ? null : scene.Hash(overlay));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void The_overlay_in_an_image_can_be_tried_too(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines("New-OverlayImage c.sif 64MB | Out-Null", scene.Invoke("-Writable", "echo kept >/data/a"));
        var before = scene.Hash("c.sif");
        Assert.Equal(["kept", "gone", "a", "kept"], scene.Lines(
            scene.Invoke("-Writable -Ephemeral", Change), scene.Invoke("", "cat /data/a")));
        Assert.Equal(before, scene.Hash("c.sif"));
    }

    [Fact]
    public void Others_may_write_meanwhile_and_a_killed_run_leaves_no_file()
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        var files = Files(scene);
        using (var first = scene.StartUntilReady(scene.Invoke("-Ephemeral -Overlay o.img", "echo mine >/data/a; echo ready; cat; cat /data/a")))
        {
            Assert.Equal("yours\n", scene.RunBeside(scene.Invoke("-Overlay o.img", "echo yours >/data/a; cat /data/a")).Output);
            Machine.Run("kill", "-9", Scene.SupervisorOf(first).ToString(CultureInfo.InvariantCulture));
            first.Kill();
            first.WaitForExit();
        }

        // Nobody was left who could remove the run's empty directory; the next one does.
        Assert.Equal(["yours"], scene.Lines(scene.Invoke("-Overlay o.img:ro", "cat /data/a; sleep 0.2")));
        scene.AssertNothingLeft();
        Assert.Equal(files, Files(scene));
    }

    [Theory]
    [InlineData("-Ephemeral")]
    [InlineData("-Ephemeral -Overlay o.img:ro")]
    [InlineData("-Ephemeral -WritableTmpfs")]
    public void Without_a_writable_overlay_there_is_nothing_to_copy(string options)
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        var (output, _) = scene.Run("$ErrorActionPreference = 'SilentlyContinue'", scene.Invoke(options, "true"), "$Error[0].FullyQualifiedErrorId");
        Assert.StartsWith("OptionConflict,", output);
    }

    private static IEnumerable<string> Files(Scene scene) =>
        [.. Directory.EnumerateFileSystemEntries(scene.Folder).Order(StringComparer.Ordinal)];
}
