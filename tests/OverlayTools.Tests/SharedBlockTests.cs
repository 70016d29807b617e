using System.Management.Automation;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Copies on disks that can have files share blocks, and on one that cannot: each disk has room for the image and
/// half of it again.</summary>
public sealed class SharedBlockTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public SharedBlockTests()
    {
        Machine.NeedRoot();
        _session = new ModuleSession(_directory.Path);
    }

    public void Dispose()
    {
        _session.Dispose();
        Machine.Run("umount", "-l", _directory["disk"]);
        _directory.Dispose();
    }

    [Theory]
    [InlineData("xfs", "-q")]
    [InlineData("btrfs", "-q")]
    public void Clones_and_checkpoints_share_the_blocks_of_the_image_where_the_disk_can(string kind, string options)
    {
        Mount(kind, options);
        var free = FreeBytes();
        Assert.Empty(Errors("Copy-OverlayImage disk/a.img disk/b.img, disk/c.img, disk/d.img; Copy-OverlayImage disk/a.img disk/e.img -Keep Uuid; "
            + "Checkpoint-OverlayImage disk/a.img one | Out-Null; Checkpoint-OverlayImage disk/a.img two | Out-Null"));
        Assert.InRange(free - FreeBytes(), 0, 32 << 20);
        Assert.Contains("shared", Machine.Run("filefrag", "-v", _directory["disk/b.img"]).Output, StringComparison.Ordinal);
        Assert.Equal(ImageFiles.Digest(_directory["disk/a.img"]), ImageFiles.Digest(_directory["disk/e.img"]));
        foreach (var name in new[] { "b", "c", "d" })
            ImageFiles.AssertClean(_directory[$"disk/{name}.img"]);

        // What shares blocks is a file of its own all the same.
        var before = ImageFiles.Digest(_directory["disk/a.img"]);
        Assert.Empty(Errors("Remove-OverlayItem disk/b.img /data"));
        Assert.Equal(before, ImageFiles.Digest(_directory["disk/a.img"]));
        ImageFiles.AssertClean(_directory["disk/b.img"]);
        Assert.Empty(Errors("Remove-OverlayItem disk/a.img /data; Restore-OverlayImage disk/a.img one -Confirm:$false"));
        Assert.Equal(before, ImageFiles.Digest(_directory["disk/a.img"]));
    }

    [Fact]
    public void Elsewhere_they_are_copied_and_one_for_which_there_is_no_room_leaves_nothing()
    {
        Mount("ext4", "-q");
        var names = Directory.GetFiles(_directory["disk"]);
        _session.Run("Copy-OverlayImage disk/a.img disk/b.img");
        ErrorAssert.Single(_session, ErrorIds.DiskFull, ErrorCategory.ResourceUnavailable);
        Assert.Equal(names, Directory.GetFiles(_directory["disk"]));

        Assert.Empty(Errors("Copy-OverlayImage disk/a.img b.img -Keep Uuid"));
        Assert.Equal(ImageFiles.Digest(_directory["disk/a.img"]), ImageFiles.Digest(_directory["b.img"]));
    }

    // An image with 300 MB in it, that no compression makes smaller, on a disk of 450 MB and what the file system needs itself.
    private void Mount(string kind, string options)
    {
        Machine.NeedTool("mkfs." + kind);
        Machine.Run("sh", "-c", $"modprobe {kind}");
        Assert.SkipUnless(File.ReadLines("/proc/filesystems").Any(line => line.Trim() == kind), $"needs a kernel with {kind}");
        var (exitCode, output, error) = Machine.RunWith("bash", ["-ec", $"""
            mkdir disk; truncate -s 600M disk.img; mkfs.{kind} {options} disk.img; mount -o loop disk.img disk
            head -c 300M /dev/urandom >data
            """], null, _directory.Path);
        Assert.True(exitCode == 0, output + error);
        Assert.Empty(Errors("New-OverlayImage disk/a.img 400MB | Out-Null; Copy-OverlayItem data -Image disk/a.img -ItemDestination /"));
    }

    private long FreeBytes()
    {
        Machine.Run("sync", "-f", _directory["disk"]);
        return new DriveInfo(_directory["disk"]).AvailableFreeSpace;
    }

    private IEnumerable<string> Errors(string script)
    {
        _session.Run(script);
        return _session.Errors.Select(error => error.ToString());
    }
}
