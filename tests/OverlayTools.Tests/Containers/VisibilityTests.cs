using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>A container that runs on an overlay, seen by Get-OverlayImage.</summary>
public class VisibilityTests
{
    private const string Facts = "$i = Get-OverlayImage o.img; \"$($i.Use) $($i.State) $($i.IsStale)\"; "
        + "$i.Users | ForEach-Object { \"$($_.Kind) $($_.Access) $($_.ProcessName) $($_.SlurmJobId)\" }";

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_writer_is_named_and_marked_until_it_ends(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var first = scene.StartUntilReady("$env:SLURM_JOB_ID = '777'", scene.Invoke("-Overlay o.img", "echo ready; cat"));
        var (output, error) = scene.RunBeside(Facts, "\"$($i.WriterMark)\"");
        Assert.Equal(string.Empty, error);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("Writing InUse True", lines[0]);
        Assert.Contains(lines, line => line.StartsWith("OfdLock Write overlaytools-in", StringComparison.Ordinal));
        Assert.Contains(lines, line => who == Who.Root ? line.StartsWith("Mount Write /dev/loop", StringComparison.Ordinal)
            || line.StartsWith("Mount Write overlaytools-in", StringComparison.Ordinal) : line.StartsWith("OfdLock Write fuse2fs 777", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.EndsWith(" 777", StringComparison.Ordinal));
        var supervisor = Scene.SupervisorOf(first);
        Assert.Contains($"host {Environment.MachineName}, process {supervisor}, user ", lines[^1]);
        Assert.Contains(", Slurm job 777, since ", lines[^1]);

        first.StandardInput.Close();
        first.WaitForExit();
        Assert.Equal(["Free Clean False"], scene.Lines(Facts));
        Assert.Equal(["none"], scene.Lines("$i = Get-OverlayImage o.img; if ($i.WriterMark) { 'marked' } else { 'none' }"));
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void A_reader_is_named_and_leaves_no_mark(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var first = scene.StartUntilReady(scene.Invoke("-Overlay o.img:ro", "echo ready; cat"));
        var (output, _) = scene.RunBeside(Facts, "if ($i.WriterMark) { 'marked' } else { 'none' }");
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(("Reading Clean False", "none"), (lines[0], lines[^1]));
        Assert.All(lines[1..^1], line => Assert.Contains(" Read ", line));
        first.StandardInput.Close();
        first.WaitForExit();
        Assert.Equal(["Free Clean False"], scene.Lines(Facts));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void The_writer_of_an_overlay_in_a_SIF_image_has_that_partition_and_no_other(Who who)
    {
        const string show = "Get-OverlayImage c.sif | ForEach-Object { \"$($_.Id) $($_.Use) $([bool]$_.WriterMark)\" }";
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("other.img"), scene.NewOverlay("c.sif"),
            "Add-SifPartition c.sif other.img -DataType 4 -PartFs 2 -PartType 4 -PartArch 2 -GroupId 9");
        using var first = scene.StartUntilReady(scene.Invoke("-Writable", "echo ready; cat"));
        Assert.Equal("2 Writing True\n3 Free False\n", scene.RunBeside(show).Output);
        first.StandardInput.Close();
        first.WaitForExit();
        Assert.Equal(["2 Free False", "3 Free False"], scene.Lines(show));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Apptainer_is_named_too(Who who)
    {
        var apptainer = Machine.NeedApptainer();
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var first = scene.StartUntilReady($"& '{apptainer}' exec --overlay o.img c.sif sh -c 'echo ready; cat'");
        var (output, _) = scene.RunBeside(Facts, "\"[$($i.WriterMark)]\"", "$i.UseText");
        Assert.StartsWith("Writing InUse True\n", output);
        Assert.Contains("OfdLock Write ", output);
        Assert.Contains("[]\n", output);
        Assert.Contains("process ", output);
        first.StandardInput.Close();
        first.WaitForExit();
        Assert.Equal(["Free Clean False"], scene.Lines(Facts));
    }

    [Fact]
    public void A_killed_writer_leaves_a_mark_that_is_known_to_be_stale()
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        using var first = scene.StartUntilReady(scene.Invoke("-Overlay o.img", "echo ready; cat"));
        first.Kill();
        first.WaitForExit();
        // The supervisor ends the container in good order; nobody is left who could take the mark off.
        scene.AssertNothingLeft();
        var lines = scene.Lines(Facts, "$i.UseText; $i.WriterMark.IsStale");
        Assert.Equal("Free Clean False", lines[0]);
        Assert.StartsWith("nobody; a stale mark: host ", lines[1]);
        Assert.Equal("True", lines[2]);
        Assert.Equal(["done"], scene.Lines(scene.Invoke("-Overlay o.img", "echo done")));
        Assert.Equal(["Free Clean False"], scene.Lines(Facts));
    }

    [Fact]
    public void Where_there_are_no_extended_attributes_a_container_runs_all_the_same()
    {
        using var scene = new Scene(Who.Root);
        Directory.CreateDirectory(scene["disk"]);
        // ramfs has none.
        var (exit, _, error) = Machine.Run("mount", "-t", "ramfs", "none", scene["disk"]);
        Assert.SkipUnless(exit == 0, "needs to mount a ramfs: " + error);
        try
        {
            scene.Lines("New-OverlayImage disk/o.img 64MB | Out-Null");
            Assert.Equal(["runs"], scene.Lines(scene.Invoke("-Overlay disk/o.img", "echo runs")));
        }
        finally
        {
            Machine.Run("umount", scene["disk"]);
        }
    }

    [Fact]
    public void A_received_overlay_becomes_writable_for_its_new_user()
    {
        using var scene = new Scene(Who.User);
        // Made, and written, by somebody else.
        scene.Lines("New-OverlayImage o.img 64MB -Owner 4711:4712 -CreateDirectory /data | Out-Null");
        var (_, error) = scene.Run(scene.Invoke("-Overlay o.img", "true"));
        Assert.Contains("belongs to user 4711", error.ReplaceLineEndings(" "));
        Assert.Equal(["FakeRoot"], scene.Lines("\"$((Get-OverlayImage o.img).WritableAs)\""));

        Assert.Equal(["Plain, FakeRoot"], scene.Lines(
            $"\"$((Set-OverlayImage o.img -Owner {OrdinaryUser.Name} -Recurse -PassThru).WritableAs)\""));
        scene.AssertClean("o.img");
        Assert.Equal(["kept"], scene.Lines(
            scene.Invoke("-Overlay o.img", "echo kept >/data/a"), scene.Invoke("-Overlay o.img:ro", "cat /data/a")));
        var user = int.Parse(Machine.Run("id", "-u", OrdinaryUser.Name).Output, CultureInfo.InvariantCulture);
        Assert.Equal(user, ImageFiles.Owner(scene["o.img"], "/upper/data").User);
    }
}
