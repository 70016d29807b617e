using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>Overlays that are not as New-OverlayImage makes them.</summary>
public class LayerTests
{
    public static TheoryData<Who> Everybody { get; } = new(Who.Root, Who.User, Who.FakeRoot);

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Eight_readers_at_once_change_no_byte(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", "echo changed >/data/a; rm -r /data/sub"));
        var before = scene.Hash("o.img");
        var readers = Enumerable.Range(0, 8)
            .Select(_ => scene.StartUntilReady(scene.Invoke("-Overlay o.img:ro", "echo ready; cat; cat /data/a; ls /data"))).ToList();
        foreach (var reader in readers)
        {
            reader.StandardInput.Close();
            Assert.Equal("changed\na\n", reader.StandardOutput.ReadToEnd());
            reader.WaitForExit();
            reader.Dispose();
        }

        scene.AssertNothingLeft();
        Assert.Equal(before, scene.Hash("o.img"));
    }

    [Theory]
    [MemberData(nameof(Everybody))]
    public void An_overlay_with_a_full_journal_is_read_from_a_copy_and_replayed_when_it_is_written(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        MakeDirty(scene, "o.img");
        var before = scene.Hash("o.img");

        var (output, error) = scene.Run(scene.Invoke("-Overlay o.img:ro", "cat /srv/new; echo x >/srv/no || echo refused"));
        Assert.Contains("in the journal\nrefused\n", output);
        Assert.Contains("a private copy of it is read", output.ReplaceLineEndings(" "));
        Assert.Contains("Read-only file system", error);
        Assert.Equal(before, scene.Hash("o.img"));

        Assert.Equal(["in the journal", "and more"], scene.Lines(scene.Invoke("-Overlay o.img", "echo and more >>/srv/new; cat /srv/new")));
        scene.AssertClean("o.img");
    }

    [Fact]
    public void Without_room_for_a_copy_the_repair_is_named()
    {
        using var scene = new Scene(Who.Root);
        scene.Lines(scene.NewOverlay("o.img"));
        MakeDirty(scene, "o.img");
        Directory.CreateDirectory(scene["small"]);
        Do("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", scene["small"]);
        try
        {
            File.Copy(scene["o.img"], scene["copy"]);
            Do("sh", "-c", $"truncate -s 30m '{scene["small"]}/o.img'; dd if='{scene["o.img"]}' of='{scene["small"]}/o.img' bs=64k conv=sparse status=none");
            var (_, error) = scene.Run(
                $"$env:TMPDIR = '{scene["small"]}'", scene.Invoke("-Overlay small/o.img:ro", "true"));
            Assert.Contains("was not unmounted cleanly", error.ReplaceLineEndings(" "));
            Assert.Contains("no room for a copy", error.ReplaceLineEndings(" "));
        }
        finally
        {
            Do("umount", scene["small"]);
        }
    }

    [Theory]
    [InlineData("ssv state 3")]
    [InlineData("ssv error_count 2")]
    public void Errors_that_were_recorded_refuse_the_overlay_and_name_the_repair(string damage)
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        Do("debugfs", "-w", "-R", damage, scene["o.img"]);
        var before = scene.Hash("o.img");
        foreach (var mode in new[] { "", ":ro" })
        {
            var (output, _) = scene.Run(
                "$ErrorActionPreference = 'SilentlyContinue'", scene.Invoke("-Overlay o.img" + mode, "true"),
                "$Error[0].FullyQualifiedErrorId; $Error[0].ErrorDetails.RecommendedAction");
            Assert.StartsWith("OverlayCorrupt,", output);
            Assert.Contains("Repair-OverlayImage '", output);
        }

        Assert.Equal(before, scene.Hash("o.img"));
    }

    [Theory]
    [MemberData(nameof(Everybody))]
    public void What_is_missing_in_an_overlay_is_made_or_named(Who who)
    {
        using var scene = new Scene(who);
        var owner = who == Who.User ? Id() : "0";
        scene.Lines(scene.NewOverlay("o.img"));
        Do("debugfs", "-w", "-R", "rmdir work", scene["o.img"]);
        Assert.Equal(["w"], scene.Lines(scene.Invoke("-Overlay o.img", "echo w >/srv; cat /srv")));
        scene.AssertClean("o.img");

        Do("sh", "-c", $"truncate -s 16m '{scene["flat.img"]}'; mkdir '{scene["tree"]}'; echo flat >'{scene["tree"]}/f'");
        Do("chown", "-R", $"{owner}:{owner}", scene["tree"]);
        Do("mke2fs", "-q", "-t", "ext3", "-E", $"root_owner={owner}:{owner}", "-d", scene["tree"], scene["flat.img"]);
        scene.Own(scene["flat.img"]);
        Assert.Equal(["flat"], scene.Lines(scene.Invoke("-Overlay flat.img:ro", "cat /f")));
        var (output, error) = scene.Run(scene.Invoke("-Overlay flat.img", "cat /f || echo hidden; echo x >/g; cat /g"));
        Assert.Contains("hidden\nx\n", output);
        Assert.Contains("No such file", error);
        scene.AssertClean("flat.img");

        Do("sh", "-c", $"truncate -s 16m '{scene["empty.img"]}'; mke2fs -q -t ext3 '{scene["empty.img"]}'");
        scene.Own(scene["empty.img"]);
        (_, error) = scene.Run(scene.Invoke("-Overlay empty.img:ro", "true"));
        Assert.Contains("has no directory 'upper'", error.ReplaceLineEndings(" "));
    }

    [Fact]
    public void A_killed_fuse2fs_leaves_an_overlay_that_is_checked_before_the_next_writes()
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        using (var first = scene.StartUntilReady(scene.Invoke("-Overlay o.img", "echo kept >/data/a; rm -r /data/sub; sync; echo ready; cat")))
        {
            var supervisor = Scene.SupervisorOf(first).ToString(CultureInfo.InvariantCulture);
            foreach (var child in Machine.Run("pgrep", "-P", supervisor, "fuse2fs").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                Machine.Run("kill", "-9", child);
            first.StandardInput.Close();
            first.WaitForExit();
        }

        scene.AssertNothingLeft();
        var (_, error) = scene.Run(scene.Invoke("-Overlay o.img", "true"));
        Assert.DoesNotContain("not unmounted", error);
        scene.AssertClean("o.img");
    }

    [Theory]
    [MemberData(nameof(Everybody))]
    public void A_path_may_hold_spaces_commas_and_colons(Who who)
    {
        using var scene = new Scene(who);
        const string name = "an overlay, with: signs";
        Directory.CreateDirectory(scene["a,b: c"]);
        scene.Own(scene["a,b: c"]);
        Assert.Equal(["x", "x", "y"], scene.Lines(
            scene.NewOverlay($"./a,b: c/{name}.img"),
            scene.Invoke($"-Overlay './a,b: c/{name}.img'", "echo x >/srv; cat /srv"),
            scene.Invoke($"-Overlay './a,b: c/{name}.img:ro'", "cat /srv"),
            scene.Invoke("-Overlay './a,b: c'", "echo y >/srv; cat /srv")));
    }

    [Theory]
    [InlineData(Who.User)]
    public void An_embedded_overlay_may_lie_beyond_two_gibibytes(Who who)
    {
        using var scene = new Scene(who);
        // A hole, as an object of the image.
        Do("truncate", "-s", "2200M", scene["hole"]);
        Do("siftool", "add", "--datatype", "7", "--groupid", "1", scene["c.sif"], scene["hole"]);
        File.Delete(scene["hole"]);
        Assert.Equal(["x", "x"], scene.Lines(
            "New-OverlayImage c.sif 64MB " + scene.Identity + " | Out-Null",
            scene.Invoke("-Writable", "echo x >/srv; cat /srv"), scene.Invoke("", "cat /srv")));
    }

    [Theory]
    [MemberData(nameof(Everybody))]
    public void Of_several_embedded_overlays_the_first_takes_the_changes_and_all_are_seen(Who who)
    {
        using var scene = new Scene(who);
        var owner = who == Who.User ? Id() : "0";
        foreach (var (name, content) in new[] { ("one", "1"), ("two", "2") })
        {
            Do("sh", "-c", $"mkdir -p '{scene[name]}/upper' '{scene[name]}/work'; echo {content} >'{scene[name]}/upper/{name}'; "
                + $"chown -R {owner}:{owner} '{scene[name]}'; truncate -s 16m '{scene[name]}.img'; mke2fs -q -t ext3 -d '{scene[name]}' '{scene[name]}.img'");
            Do("siftool", "add", "--datatype", "4", "--parttype", "4", "--partfs", "2", "--partarch", "2", "--groupid", "1",
                scene["c.sif"], scene[name + ".img"]);
        }

        Assert.Equal(["1", "2", "changed", "2", "changed"], scene.Lines(
            scene.Invoke("-Writable", "cat /one /two; echo changed >/one; echo new >/three"),
            scene.Invoke("-Writable", "cat /one"),
            scene.Invoke("", "cat /two; cat /one")));
        scene.Extract("c.sif", 2, "first");
        scene.Extract("c.sif", 3, "second");
        Assert.Contains("three", Machine.Run("debugfs", "-R", "ls -p /upper", scene["first"]).Output);
        Assert.Equal("0", Field(scene["second"], "Mount count"));
    }

    [Theory]
    [MemberData(nameof(Everybody))]
    public void An_image_with_squashfs_overlays_only_is_read_only_by_itself(Who who)
    {
        using var scene = new Scene(who);
        Do("sh", "-c", $"mkdir '{scene["layer"]}'; echo sealed >'{scene["layer"]}/sealed'; mksquashfs '{scene["layer"]}' '{scene["l.sqfs"]}' -quiet -no-progress -all-root");
        File.Copy(scene["c.sif"], scene["s.sif"]);
        Do("siftool", "add", "--datatype", "4", "--parttype", "4", "--partfs", "1", "--partarch", "2", "--groupid", "1", scene["s.sif"], scene["l.sqfs"]);
        scene.Own(scene["s.sif"]);
        Assert.Equal(["sealed"], scene.Lines(scene.Invoke("-Overlay s.sif", "cat /sealed")));
    }

    [Theory]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void The_kernel_stacks_directories_of_a_user_with_attributes_of_the_user(Who who)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["overlay"]);
        scene.Own(scene["overlay"]);
        Assert.Equal(["n", "userxattr", "n"], scene.Lines(
            scene.Invoke("-Overlay overlay", "rm -r /data/sub; mkdir /data/sub; echo n >/data/sub/n; ls /data/sub; "
                + "grep -q userxattr /proc/self/mounts && echo userxattr", "root"),
            scene.Invoke("-Overlay overlay:ro", "ls /data/sub", "root")));
        Assert.Contains("user.overlay.opaque=\"y\"", Machine.Run("getfattr", "-d", "-m", "-", scene["overlay/upper/data/sub"]).Output);
    }

    private static string Id() => Machine.Run("id", "-u", OrdinaryUser.Name).Output.Trim();

    private static string Field(string image, string name) =>
        Machine.Run("dumpe2fs", "-h", image).Output.Split('\n').Single(line => line.StartsWith(name + ":", StringComparison.Ordinal))
            .Split(':')[1].Trim();

    // A copy of what the kernel has on the disk while it is writing: the newest is in the journal only.
    private static void MakeDirty(Scene scene, string name)
    {
        Machine.NeedRoot();
        Directory.CreateDirectory(scene["mounted"]);
        Do("unshare", "-m", "--propagation", "private", "sh", "-c",
            "mount -o loop,data=journal,commit=300 \"$0\" \"$1\" && mkdir \"$1/upper/srv\" && echo in the journal >\"$1/upper/srv/new\""
            + " && chown -R --reference=\"$1/upper\" \"$1/upper/srv\" && sync \"$1/upper/srv/new\" \"$1/upper/srv\" && cp --sparse=always \"$0\" \"$0.dirty\" && umount \"$1\"",
            scene[name], scene["mounted"]);
        Do("mv", scene[name] + ".dirty", scene[name]);
        scene.Own(scene[name]);
        Assert.Contains("needs_recovery", Machine.Run("dumpe2fs", "-h", scene[name]).Output);
    }

    private static void Do(string program, params string[] arguments)
    {
        var (exitCode, output, error) = Machine.Run(program, arguments);
        Assert.True(exitCode == 0, output + error);
    }
}
