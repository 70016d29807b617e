using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>Read-only means that the bytes do not change.</summary>
public class ReadOnlyTests
{
    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_read_only_overlay_refuses_writes_and_is_the_same_file_afterwards(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", "echo changed >/data/a"));
        var before = scene.Hash("o.img");

        var (output, error) = scene.Run(scene.Invoke("-Overlay o.img:ro", "cat /data/a; echo x >/data/a || echo no"));
        Assert.Equal("changed\nno\n", output);
        Assert.Contains("Read-only file system", error);
        Assert.Equal(before, scene.Hash("o.img"));

        File.SetUnixFileMode(scene["o.img"], (UnixFileMode)0b100_100_100);
        Assert.Equal(["changed"], scene.Lines(scene.Invoke("-Overlay o.img:ro", "cat /data/a")));
        Assert.Equal(before, scene.Hash("o.img"));
    }

    [Theory]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void The_program_that_serves_a_read_only_image_is_kept_from_opening_it_for_writing(Who who)
    {
        using var scene = new Scene(who);
        // Something is deleted, so that the image is served below fuse-overlayfs.
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", "rm /data/a"));
        var look = "for p in /proc/[0-9]*; do if grep -q \"TMP/overlaytools-[0-9a-f]\" $p/cmdline 2>/dev/null; then read n <$p/comm; "
            + "echo $n $(grep -E \"^(Seccomp|NoNewPrivs):\" $p/status | cut -f2); fi; done";
        string[] Helpers(string overlay) =>
            [.. scene.Lines(scene.Invoke("-Overlay " + overlay, look.Replace("TMP", scene["tmp"], StringComparison.Ordinal))).Order(StringComparer.Ordinal)];
        Assert.Equal(["fuse-overlayfs 0 0", "fuse2fs 1 2", "squashfuse_ll 0 0"], Helpers("o.img:ro"));
        Assert.Equal(["fuse-overlayfs 0 0", "fuse2fs 0 0", "squashfuse_ll 0 0"], Helpers("o.img"));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void An_overlay_on_a_disk_that_is_mounted_read_only_can_be_read(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", "echo changed >/data/a"));
        var before = scene.Hash("o.img");
        Directory.CreateDirectory(scene["disk"]);
        Mount("--bind", scene.Folder, scene["disk"]);
        try
        {
            Mount("-o", "remount,bind,ro", scene["disk"]);
            Assert.Equal(["changed"], scene.Lines(scene.Invoke("-Overlay disk/o.img:ro", "cat /data/a")));
            var (_, error) = scene.Run(scene.Invoke("-Overlay disk/o.img", "cat /data/a"), "$Error[0].FullyQualifiedErrorId");
            Assert.Contains("disk/o.img' is not writable", error);
        }
        finally
        {
            Machine.Run("umount", scene["disk"]);
        }

        Assert.Equal(before, scene.Hash("o.img"));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Without_an_overlay_the_container_is_read_only(Who who)
    {
        using var scene = new Scene(who);
        var (output, error) = scene.Run(scene.Invoke("", "echo x >/data/a || echo no"));
        Assert.Equal("no\n", output);
        Assert.Contains("Read-only file system", error);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void A_squashfs_image_is_an_image_and_a_read_only_overlay(Who who)
    {
        using var scene = new Scene(who);
        File.Copy(ContainerImages.Squashfs, scene["root.sqfs"]);
        scene.MakeDirectoryImage();
        File.WriteAllText(scene["root/data/a"], "below the overlay");
        var output = scene.Lines(
            scene.Invoke("", "cat /data/a", "root.sqfs"),
            scene.Invoke("-Overlay root.sqfs:ro", "cat /data/a", "root"));
        Assert.Equal(["original", "original"], output);
    }

    private static void Mount(params string[] arguments)
    {
        var (exitCode, _, error) = Machine.Run("mount", arguments);
        Assert.True(exitCode == 0, error);
    }
}
