using System.Globalization;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Files that were in use without a name, or half cut, when their system stopped.</summary>
public sealed class OrphanTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData("1024")]
    [InlineData("4096")]
    public void What_the_kernel_had_to_delete_is_deleted(string blockSize)
    {
        Machine.NeedRoot();
        Machine.NeedTool("setfattr");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 48 * MiB, "-b", blockSize);
        image.Mounted("rw", point =>
        {
            File.WriteAllBytes(point + "/stays", SampleTree.Bytes(1, 5000));
            File.WriteAllBytes(point + "/late", []);
        });
        var (blocks, inodes) = (image.Field("Free blocks"), image.Field("Free inodes"));
        DirtyImages.WithOrphans(image);

        var before = File.ReadAllBytes(image.Path);
        Assert.True(Assert.Single(OverlayTester.Test(image.Path, null, null, TestContext.Current.CancellationToken)).FileSystem.IsSound);
        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)), "the image changed");
        var e2fsck = directory["by-e2fsck"];
        Ext3Image.Run("cp", "--sparse=always", image.Path, e2fsck);
        Assert.InRange(Machine.Run("e2fsck", "-p", e2fsck).ExitCode, 0, 1);

        var refused = Assert.Throws<EngineException>(() => Replayed(image, window => ExtEditor.Open(window)));
        Assert.Equal(ErrorIds.OverlayDirtyJournal, refused.ErrorId);
        var edited = new Ext3Image(directory["edited"]);
        Ext3Image.Run("cp", "--sparse=always", image.Path, edited.Path);
        using (var file = edited.Open())
        {
            using var editor = ExtEditor.OpenRecovered(new FileWindow(file), null, TestContext.Current.CancellationToken);
            Assert.Equal(blocks, editor.FreeBytes / long.Parse(blockSize, CultureInfo.InvariantCulture));
        }

        edited.AssertClean();
        var resized = new Ext3Image(directory["resized"]);
        Ext3Image.Run("cp", "--sparse=always", image.Path, resized.Path);
        OverlayResizer.Resize(resized.Path, 40 * MiB, null, TestContext.Current.CancellationToken);
        resized.AssertClean();
        var repair = Assert.Single(OverlayRepairer.Repair(image.Path, null, false, null, TestContext.Current.CancellationToken));
        Assert.True(repair.IsSound);
        Assert.Equal(7, repair.DeletedOrphans);
        image.AssertClean();
        Assert.DoesNotContain("orphan", image.Dump("-h"), StringComparison.OrdinalIgnoreCase);
        Assert.Equal((blocks, inodes), (image.Field("Free blocks"), image.Field("Free inodes")));
        Assert.Equal(blocks, new Ext3Image(e2fsck).Field("Free blocks"));
        image.Mounted("ro", point => Assert.Equal(SampleTree.Bytes(1, 5000), File.ReadAllBytes(point + "/stays")));
    }

    [Fact]
    public void A_file_that_was_being_cut_ends_where_its_size_says()
    {
        Machine.NeedRoot();
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 24 * MiB, "-b", "1024");
        image.Mounted("rw", point => File.WriteAllBytes(point + "/cut", SampleTree.Bytes(1, 3_000_000)));
        var number = image.Read(fs => fs.Find("/cut")!.Value);
        foreach (var command in new[] { "sif /cut size 300100", string.Create(CultureInfo.InvariantCulture, $"ssv last_orphan {number}") })
            Ext3Image.Run("debugfs", "-w", "-R", command, image.Path);
        var repair = Assert.Single(OverlayRepairer.Repair(image.Path, null, false, null, TestContext.Current.CancellationToken));
        Assert.True(repair is { IsSound: true, DeletedOrphans: 1 });
        image.AssertClean();
        image.Mounted("rw", point =>
        {
            Assert.Equal(SampleTree.Bytes(1, 3_000_000)[..300_100], File.ReadAllBytes(point + "/cut"));
            using var file = File.Open(point + "/cut", FileMode.Open);
            file.SetLength(302_000);
        });
        // What was behind the end does not come back.
        image.Mounted("ro", point => Assert.False(File.ReadAllBytes(point + "/cut").AsSpan(300_100).ContainsAnyExcept((byte)0)));
    }

    [Theory]
    [InlineData("ssv last_orphan 2")]
    [InlineData("ssv last_orphan 900")]
    [InlineData("ssv last_orphan 4000000000")]
    public void A_list_that_makes_no_sense_is_left_alone(string damage)
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        Ext3Image.Run("debugfs", "-w", "-R", damage, image.Path);
        var before = File.ReadAllBytes(image.Path);
        Assert.Equal(0, Assert.Single(OverlayRepairer.Repair(image.Path, null, false, null, TestContext.Current.CancellationToken)).DeletedOrphans);
        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)), "the image changed");
    }

    private static void Replayed(Ext3Image image, Action<Window> then)
    {
        using var file = image.Open();
        var window = new FileWindow(file);
        JournalReplay.Find(window, TestContext.Current.CancellationToken)?.Apply(null, TestContext.Current.CancellationToken);
        then(window);
    }
}
