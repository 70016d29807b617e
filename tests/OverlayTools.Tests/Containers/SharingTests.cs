using System.Globalization;

namespace OverlayTools.Tests.Containers;

/// <summary>Two containers on one overlay.</summary>
public class SharingTests
{
    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void A_writer_keeps_everybody_else_out_and_is_named(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var first = scene.StartUntilReady(scene.Invoke("-Overlay o.img", "echo ready; cat; echo last >/data/a"));

        var (output, error) = scene.RunBeside(
            scene.Invoke("-Overlay o.img", "true"), "\"$($Error[0].FullyQualifiedErrorId) $LASTEXITCODE\"",
            scene.Invoke("-Overlay o.img:ro", "true"), "\"$($Error[0].FullyQualifiedErrorId) $LASTEXITCODE\"");
        Assert.Equal(2, output.Split('\n').Count(line => line.StartsWith("OverlayInUse") && line.EndsWith(" 255")));
        Assert.Contains("cannot be opened for writing: it is in use by process ", error.ReplaceLineEndings(" "));
        Assert.Contains("cannot be opened for reading: it is in use by process ", error.ReplaceLineEndings(" "));
        var holder = int.Parse(error.Split("by process ")[1].Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.Contains(File.ReadAllText($"/proc/{holder}/comm").Trim() + ", writing)", error.ReplaceLineEndings(" "));

        first.StandardInput.Close();
        first.WaitForExit();
        Assert.Equal(["last"], scene.Lines(scene.Invoke("-Overlay o.img", "cat /data/a")));
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Readers_share_and_keep_writers_out(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", "echo changed >/data/a"));
        var before = scene.Hash("o.img");
        using var first = scene.StartUntilReady(scene.Invoke("-Overlay o.img:ro", "echo ready; cat; cat /data/a"));

        var (output, error) = scene.RunBeside(
            scene.Invoke("-Overlay o.img:ro", "cat /data/a"),
            scene.Invoke("-Overlay o.img", "true"), "$Error[0].FullyQualifiedErrorId");
        Assert.StartsWith("changed\nOverlayInUse,", output);
        Assert.Contains(", reading)", error.ReplaceLineEndings(" "));

        first.StandardInput.Close();
        Assert.Equal("changed\n", first.StandardOutput.ReadToEnd());
        first.WaitForExit();
        scene.AssertNothingLeft();
        Assert.Equal(before, scene.Hash("o.img"));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void A_directory_is_locked_as_an_image_is(Who who)
    {
        using var scene = new Scene(who);
        Directory.CreateDirectory(scene["overlay"]);
        scene.Own(scene["overlay"]);
        using (var first = scene.StartUntilReady(scene.Invoke("-Overlay overlay", "echo ready; cat")))
        {
            var (output, error) = scene.RunBeside(
                scene.Invoke("-Overlay overlay", "true"), "$Error[0].FullyQualifiedErrorId",
                scene.Invoke("-Overlay overlay:ro", "true"), "$Error[0].FullyQualifiedErrorId");
            Assert.Equal(2, output.Split('\n').Count(line => line.StartsWith("OverlayInUse,", StringComparison.Ordinal)));
            Assert.Contains("overlay' cannot be opened for writing: it is in use by process ", error.ReplaceLineEndings(" "));
            first.StandardInput.Close();
            first.WaitForExit();
        }

        using var reader = scene.StartUntilReady(scene.Invoke("-Overlay overlay:ro", "echo ready; cat"));
        Assert.Equal("read\n", scene.RunBeside(scene.Invoke("-Overlay overlay:ro", "echo read")).Output);
        Assert.StartsWith("OverlayInUse,", scene.RunBeside(scene.Invoke("-Overlay overlay", "true"), "$Error[0].FullyQualifiedErrorId").Output);
        reader.StandardInput.Close();
        reader.WaitForExit();
        scene.AssertNothingLeft();
    }

    [Theory]
    [InlineData("o.img")]
    [InlineData("overlay")]
    public async Task Who_waits_for_a_lock_goes_on_when_it_is_free(string overlay)
    {
        using var scene = new Scene(Who.User);
        Directory.CreateDirectory(scene["overlay"]);
        scene.Own(scene["overlay"]);
        scene.Lines(scene.NewOverlay("o.img"));
        using var first = scene.StartUntilReady(scene.Invoke("-Overlay " + overlay, "echo ready; cat; echo first >/data/a"));
        var second = Task.Run(() => scene.RunBeside(scene.Invoke($"-WaitForLock 0:1:0 -Overlay {overlay}", "cat /data/a")));
        // It fails once for those who do not wait: the other has begun to wait or will.
        Assert.Contains("OverlayInUse", scene.RunBeside(scene.Invoke("-Overlay " + overlay, "true"), "$Error[0].FullyQualifiedErrorId").Output);
        first.StandardInput.Close();
        first.WaitForExit();
        var (output, error) = await second;
        Assert.Equal("", error);
        Assert.EndsWith("first\n", output);
        scene.AssertNothingLeft();
    }

    [Fact]
    public void Who_has_waited_long_enough_is_told_for_whom()
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        using var first = scene.StartUntilReady(scene.Invoke("-Overlay o.img", "echo ready; cat"));
        var (output, error) = scene.RunBeside(
            scene.Invoke("-WaitForLock 0:0:1 -Overlay o.img", "true"), "\"$($Error[0].FullyQualifiedErrorId) $LASTEXITCODE\"");
        Assert.StartsWith("OverlayInUse,", output);
        Assert.Contains("it is in use by process ", error.ReplaceLineEndings(" "));
        first.StandardInput.Close();
        first.WaitForExit();
        scene.AssertNothingLeft();
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void An_overlay_given_twice_is_refused_when_it_is_to_be_written_and_else_shown_once(Who who)
    {
        using var scene = new Scene(who);
        Directory.CreateDirectory(scene["overlay/upper"]);
        File.WriteAllText(scene["overlay/upper/in"], "x\n");
        scene.Own(scene["overlay"]);
        scene.Lines(scene.NewOverlay("o.img"));
        File.CreateSymbolicLink(scene["other"], scene["o.img"]);
        foreach (var twice in new[] { "o.img, ./other:ro", "other:ro, o.img", "overlay, ./overlay:ro" })
        {
            var (_, error) = scene.Run(scene.Invoke("-Overlay " + twice, "true"));
            Assert.Contains("is given twice, and is to be written", error.ReplaceLineEndings(" "));
        }

        Assert.Equal(["x"], scene.Lines(scene.Invoke("-Overlay overlay:ro, o.img:ro, overlay:ro, other:ro", "cat /in")));
    }
}
