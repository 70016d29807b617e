using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.Ext.Check;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

public sealed class OverlayRepairTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public void A_dirty_journal_is_replayed_and_the_image_is_sound_then()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 24 * MiB);
        DirtyImages.ByTheKernel(image, 2, new Random(1));
        var repair = Assert.Single(Repair(image));
        Assert.True(repair.IsSound && repair.ReplayedTransactions > 0);
        image.AssertClean();
        Assert.Equal(0, Assert.Single(Repair(image)).ReplayedTransactions);
    }

    [Theory]
    [InlineData("freeb 700 40")]
    [InlineData("setb 7000 12")]
    [InlineData("freei <20>")]
    [InlineData("seti <60>")]
    [InlineData("set_bg 0 free_blocks_count 7")]
    [InlineData("set_bg 0 used_dirs_count 99")]
    [InlineData("ssv state 3")]
    public void Bitmaps_counts_and_old_marks_are_made_right(string damage)
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        Ext3Image.Run("debugfs", "-w", "-R", damage, image.Path);
        var repair = Assert.Single(Repair(image));
        Assert.True(repair.IsSound && repair.RepairedBlocks > 0);
        image.AssertClean();
        Assert.False(image.Read(fs => fs.Superblock.HasErrors));
    }

    [Fact]
    public void An_image_that_is_mounted_is_not_repaired_beneath_the_mount()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        image.Mounted("rw", point =>
        {
            File.WriteAllText(point + "/upper/new", "content");
            var error = Assert.Throws<EngineException>(() => Repair(image));
            Assert.Equal(ErrorIds.OverlayInUse, error.ErrorId);
            Assert.Contains("/dev/loop", error.Message, StringComparison.Ordinal);
        });
        image.AssertClean();
        Assert.True(Assert.Single(Repair(image)).IsSound);
    }

    [Fact]
    public void What_needs_a_choice_is_left_alone_without_Full()
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Broken(directory);
        var before = File.ReadAllBytes(image.Path);
        Assert.False(Assert.Single(Repair(image)).IsSound);
        Assert.Equal(before, File.ReadAllBytes(image.Path));
    }

    [Fact]
    public void Full_swaps_in_a_copy_that_e2fsck_repaired()
    {
        Machine.NeedTool("e2fsck");
        using var directory = new TemporaryDirectory();
        var image = Broken(directory);
        File.SetUnixFileMode(image.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        var repair = Assert.Single(Repair(image, full: true));
        Assert.True(repair.IsSound && repair.UsedE2fsck);
        image.AssertClean();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(image.Path));
        Assert.Equal([image.Path], Directory.GetFiles(directory.Path));
    }

    [Fact]
    public void What_e2fsck_cannot_repair_is_left_as_it_was()
    {
        Machine.NeedTool("e2fsck");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        using (var file = image.Open())
            RandomAccess.Write(file, [0x20], 1024 + 0x63); // an incompatible feature that nobody knows
        var before = File.ReadAllBytes(image.Path);
        var error = Assert.Throws<EngineException>(() => Repair(image, full: true));
        Assert.Equal(ErrorIds.OverlayFeatureUnsupported, error.ErrorId);
        Assert.Equal(before, File.ReadAllBytes(image.Path));
    }

    [Fact]
    public void A_dirty_image_is_replayed_before_it_grows()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 24 * MiB);
        DirtyImages.ByTheKernel(image, 2, new Random(2));
        OverlayResizer.Resize(image.Path, 40 * MiB, null, TestContext.Current.CancellationToken);
        image.AssertClean();
        Assert.Equal(40 * MiB / 1024, image.Field("Block count"));
    }

    [Fact]
    public void The_rules_of_overlays_are_named_one_by_one()
    {
        using var directory = new TemporaryDirectory();
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var upper = root.Add("upper", ExtNode.Directory(0x1ED, 1000, 1000));
        upper.Add("etc", ExtNode.Directory(0x1ED, 0, 0)).Add(".wh.passwd", ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0));
        root.Add("work", ExtNode.Directory(0x1ED, 0, 0));
        var check = Test(Ext3Image.Made(directory, 8 * MiB, root));
        Assert.True(check.FileSystem.IsSound);
        Assert.Equal([OverlayRule.OwnersDiffer, OverlayRule.StrayWhiteout], check.Overlay.Select(finding => finding.Rule));
        Assert.Equal("/upper/etc/.wh.passwd", check.Overlay[1].Path);

        var bare = Test(Ext3Image.Made(directory, 8 * MiB, ExtNode.Directory(0x1ED, 0, 0)));
        Assert.Equal([OverlayRule.UpperMissing, OverlayRule.WorkMissing], bare.Overlay.Select(finding => finding.Rule));
    }

    [Fact]
    public void A_finding_names_the_path_of_its_file()
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        Ext3Image.Run("debugfs", "-w", "-R", "sif /upper/small blocks 1", image.Path);
        var finding = Assert.Single(Test(image).FileSystem.Findings);
        Assert.Equal((ExtFindingId.InodeSectors, "/upper/small"), (finding.Id, finding.Path));
    }

    private static Ext3Image Broken(TemporaryDirectory directory)
    {
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        Ext3Image.Run("debugfs", "-w", "-R", "sif /upper links_count 17", image.Path);
        Ext3Image.Run("debugfs", "-w", "-R", "sif /upper/large block[3] 999999", image.Path);
        return image;
    }

    private static IReadOnlyList<OverlayRepair> Repair(Ext3Image image, bool full = false) =>
        OverlayRepairer.Repair(image.Path, null, full, null, TestContext.Current.CancellationToken);

    private static OverlayCheck Test(Ext3Image image) =>
        Assert.Single(OverlayTester.Test(image.Path, null, null, TestContext.Current.CancellationToken));
}
