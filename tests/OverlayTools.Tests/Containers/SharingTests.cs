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
}
