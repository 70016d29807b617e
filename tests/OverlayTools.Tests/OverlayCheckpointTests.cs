using System.Management.Automation;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Checkpoint-, Restore- and Optimize-OverlayImage, as they are typed.</summary>
public sealed class OverlayCheckpointTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public OverlayCheckpointTests()
    {
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["source/data"]);
        File.WriteAllText(_directory["source/data/small"], "content");
        var large = new byte[20 << 20];
        new Random(1).NextBytes(large);
        File.WriteAllBytes(_directory["source/data/large"], large);
        _session.Run("New-OverlayImage a.img 96MB -Source source -Sparse");
        Assert.Empty(_session.Errors);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void A_checkpoint_brings_back_every_byte()
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        var made = (OverlayCheckpoint)Assert.Single(_session.Run("Checkpoint-OverlayImage a.img before")).BaseObject;
        Assert.Equal((_directory["a.img"], "before", null, 96L << 20), (made.ImagePath, made.Name, made.Id, made.SizeBytes));
        _session.Run("Remove-OverlayItem a.img /data -Recurse; Resize-OverlayImage a.img 80MB");
        Assert.Empty(_session.Errors);
        Assert.NotEqual(before, ImageFiles.Digest(_directory["a.img"]));

        var restored = (OverlayImage)Assert.Single(_session.Run("Restore-OverlayImage a.img before -Confirm:$false -PassThru")).BaseObject;
        Assert.Equal(96L << 20, restored.SizeBytes);
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
        Assert.Equal(["a.img", "a.img.before.checkpoint", "source"], ImageFiles.Names(_directory));
        ImageFiles.AssertClean(_directory["a.img"]);
    }

    [Fact]
    public void Checkpoints_are_listed_by_age_and_piped_into_restore()
    {
        _session.Run("Checkpoint-OverlayImage a.img one; Remove-OverlayItem a.img /data/small; Checkpoint-OverlayImage a.img two; Remove-OverlayItem a.img /data/large");
        File.Copy(_directory["a.img"], _directory["a.img.other.x.checkpoint"]);
        Assert.Equal(["one", "two"], _session.Lines("(Get-OverlayImage a.img -Checkpoint).Name"));
        _session.Run("(Get-OverlayImage a.img -Checkpoint)[1] | Restore-OverlayImage -Confirm:$false");
        Assert.Empty(_session.Errors);
        Assert.Equal("/data/large", Items());
        _session.Run("Restore-OverlayImage a.img one -Confirm:$false");
        Assert.Equal("/data/large /data/small", Items());
        Assert.Equal(["one", "two"], _session.Lines("(Get-OverlayImage a.img -Checkpoint).Name"));
    }

    [Fact]
    public void A_lost_image_is_restored_too()
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        _session.Run("Checkpoint-OverlayImage a.img one");
        File.Delete(_directory["a.img"]);
        _session.Run("Restore-OverlayImage a.img one -Confirm:$false");
        Assert.Empty(_session.Errors);
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void An_embedded_overlay_goes_back_and_its_neighbours_stay()
    {
        Machine.NeedTool("siftool");
        Directory.CreateDirectory(_directory["root/bin"]);
        File.WriteAllText(_directory["note"], "a note");
        _session.Run("$null = New-SifImage c.sif root; $null = Add-SifPartition c.sif a.img; $null = Add-SifObject c.sif note -DataType Generic");
        var made = (OverlayCheckpoint)Assert.Single(_session.Run("Checkpoint-OverlayImage c.sif one")).BaseObject;
        Assert.Equal(2u, made.Id);
        Assert.Equal(ImageFiles.Digest(_directory["a.img"]), ImageFiles.Digest(made.Path));
        _session.Run("Remove-OverlayItem c.sif /data -Recurse; Restore-OverlayImage c.sif one -Confirm:$false");
        Assert.Empty(_session.Errors);
        Assert.Equal("/data/large /data/small", Items("c.sif"));
        Assert.Equal(["True", "True"], _session.Lines("Test-SifImage c.sif; Test-OverlayImage c.sif"));
        Assert.Contains("Ext3/Overlay", Machine.Run("siftool", "list", _directory["c.sif"]).Output, StringComparison.Ordinal);
        _session.Run("Export-SifObject c.sif -Id 3 -Destination out");
        Assert.Equal("a note", File.ReadAllText(_directory["out"]));
    }

    [Theory]
    [InlineData("Checkpoint-OverlayImage a.img 'a.b'", "CheckpointNameInvalid", ErrorCategory.InvalidArgument)]
    [InlineData("Checkpoint-OverlayImage a.img '../x'", "CheckpointNameInvalid", ErrorCategory.InvalidArgument)]
    [InlineData("$null = Checkpoint-OverlayImage a.img x; Checkpoint-OverlayImage a.img x", "OverlayAlreadyExists", ErrorCategory.ResourceExists)]
    [InlineData("Restore-OverlayImage a.img none -Confirm:$false", "CheckpointNotFound", ErrorCategory.ObjectNotFound)]
    [InlineData("Checkpoint-OverlayImage none.img x", "OverlayFileNotFound", ErrorCategory.ObjectNotFound)]
    public void What_cannot_be_done_is_said_and_changes_nothing(string script, string id, ErrorCategory category)
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        _session.Run(script);
        ErrorAssert.Single(_session, id, category);
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void A_writer_keeps_all_three_out_and_WhatIf_does_nothing()
    {
        _session.Run("$null = Checkpoint-OverlayImage a.img one");
        var before = ImageFiles.Digest(_directory["a.img"]);
        _session.Run("Checkpoint-OverlayImage a.img two -WhatIf; Restore-OverlayImage a.img one -WhatIf; Optimize-OverlayImage a.img -WhatIf");
        Assert.Empty(_session.Errors);
        using (var file = File.OpenHandle(_directory["a.img"], FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            IO.RangeLock.Acquire(file, "a.img", exclusive: true, 0, 0);
            foreach (var script in new[]
            {
                "Checkpoint-OverlayImage a.img two", "Restore-OverlayImage a.img one -Confirm:$false", "Optimize-OverlayImage a.img",
            })
            {
                _session.Run(script);
                ErrorAssert.Single(_session, "OverlayInUse", ErrorCategory.ResourceBusy);
            }
        }

        Assert.Equal(["a.img", "a.img.one.checkpoint", "source"], ImageFiles.Names(_directory));
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void Optimizing_gives_back_what_removed_files_took()
    {
        Assert.True(ImageFiles.AllocatedBytes(_directory["a.img"]) > 20 << 20);
        _session.Run("Remove-OverlayItem a.img /data/large");
        Assert.True(ImageFiles.AllocatedBytes(_directory["a.img"]) > 20 << 20);
        var won = (OverlayOptimization)Assert.Single(_session.Run("Optimize-OverlayImage a.img")).BaseObject;
        Assert.True(won.ReclaimedBytes >= 20 << 20, $"{won}");
        Assert.True(ImageFiles.AllocatedBytes(_directory["a.img"]) < 4 << 20);
        // The file system's own blocks for a file are not the image's.
        Assert.InRange(won.AllocatedBytes, ImageFiles.AllocatedBytes(_directory["a.img"]) - 65536, ImageFiles.AllocatedBytes(_directory["a.img"]));
        ImageFiles.AssertClean(_directory["a.img"]);
        Assert.Equal("content", ImageFiles.Debugfs(_directory["a.img"], "cat /upper/data/small"));
    }

    [Fact]
    public void Optimizing_makes_holes_of_what_mkfs_wrote_out_and_the_kernel_mounts_it()
    {
        Machine.NeedRoot();
        Machine.NeedTool("mke2fs");
        Directory.CreateDirectory(_directory["tree/upper"]);
        Directory.CreateDirectory(_directory["tree/work/work"]);
        File.WriteAllText(_directory["tree/upper/f"], "kept");
        File.WriteAllText(_directory["tree/work/work/#1"], "half copied");
        Machine.Run("dd", "if=/dev/zero", "of=" + _directory["m.img"], "bs=1M", "count=96");
        Machine.Run("mke2fs", "-q", "-t", "ext3", "-E", "nodiscard,lazy_itable_init=0", "-d", _directory["tree"], _directory["m.img"]);
        Assert.True(ImageFiles.AllocatedBytes(_directory["m.img"]) >= 96 << 20);
        var won = (OverlayOptimization)Assert.Single(_session.Run("Optimize-OverlayImage m.img")).BaseObject;
        Assert.Equal(2, won.RemovedWorkItems);
        Assert.True(won.AllocatedBytes < 2 << 20, $"{won}");
        ImageFiles.AssertClean(_directory["m.img"]);
        Directory.CreateDirectory(_directory["point"]);
        var script = "mount -o loop \"$0\" \"$1\" && cat \"$1/upper/f\" && dd if=/dev/urandom of=\"$1/upper/g\" bs=1M count=8 2>/dev/null && ls \"$1/work\" && umount \"$1\"";
        var (exitCode, output, error) = Machine.Run("unshare", "-m", "sh", "-c", script, _directory["m.img"], _directory["point"]);
        Assert.True(exitCode == 0, error);
        Assert.Equal("kept", output);
        ImageFiles.AssertClean(_directory["m.img"]);
    }

    [Fact]
    public void An_image_that_is_not_sound_is_not_optimized()
    {
        Machine.NeedTool("debugfs");
        // The large file's blocks are called free: as holes they would be lost.
        var before = ImageFiles.Debugfs(_directory["a.img"], "blocks /upper/data/large").Split(' ')[100];
        Machine.Run("debugfs", "-w", "-R", $"freeb {before} 500", _directory["a.img"]);
        var digest = ImageFiles.Digest(_directory["a.img"]);
        _session.Run("Optimize-OverlayImage a.img");
        ErrorAssert.Single(_session, "OverlayCorrupt", ErrorCategory.InvalidData);
        Assert.Equal(digest, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void Names_are_completed()
    {
        _session.Run("$null = Checkpoint-OverlayImage a.img before-upgrade");
        Assert.Contains("before-upgrade", _session.Complete("Restore-OverlayImage a.img b").Select(found => found.CompletionText));
    }

    private string Items(string image = "a.img") =>
        string.Join(' ', _session.Lines($"Get-OverlayItem {image} '/data/*' | & {{ process {{ $_.ItemPath }} }}"));
}
