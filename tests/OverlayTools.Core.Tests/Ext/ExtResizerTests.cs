using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

public sealed class ExtResizerTests
{
    private const long KiB = 1 << 10;
    private const long MiB = 1 << 20;
    private const long GiB = 1 << 30;

    public static TheoryData<long, long> Growths => new()
    {
        { 64 * MiB, 65 * MiB },
        { 64 * MiB, 128 * MiB },
        { 64 * MiB, 2 * GiB },           // 32 descriptors to a block of 1 KiB: seven more blocks from the reserve
        { 8 * MiB, 8 * GiB },            // all of the reserve
        { 61 * MiB + 300 * KiB, 63 * MiB }, // inside a partial group
        { 61 * MiB + 300 * KiB, 700 * MiB + 4 * KiB },
        { 24 * MiB, 24 * MiB + 900 * KiB }, // a new last group, with a backup, just large enough
        { 24 * MiB, 24 * MiB + 400 * KiB }, // and one that is not
        { 512 * MiB, GiB },
        { 700 * MiB, 20 * GiB },         // a new block of 4 KiB holds 128 descriptors: 16 GiB
        { GiB, GiB + 4 * KiB },
    };

    [Theory]
    [MemberData(nameof(Growths))]
    public void Growing_our_image_keeps_everything_in_it(long before, long after)
    {
        using var directory = new TemporaryDirectory();
        AssertGrows(Ext3Image.Made(directory, before, SampleTree.Everything(), new ExtFormatOptions { Label = "kept" }), after);
    }

    [Theory]
    [InlineData(61 * MiB + 300 * KiB, 700 * MiB + 4 * KiB)]
    [InlineData(64 * MiB, 2 * GiB)]
    [InlineData(700 * MiB, 20 * GiB)]
    public void Growing_an_image_of_mke2fs_keeps_everything_in_it(long before, long after)
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, before, "-L", "kept");
        // The kernel fills it, so that the journal has been in use.
        var sample = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        sample.Mounted("ro", from => image.Mounted("rw", to => Ext3Image.Run("cp", "-a", from + "/upper", to)));
        AssertGrows(image, after);
    }

    [Theory]
    [InlineData("-b", "2048")]
    [InlineData("-b", "4096")]
    [InlineData("-I", "128")]
    [InlineData("-i", "65536")]
    [InlineData("-g", "1024")]
    public void Growing_works_for_other_geometries_too(params string[] options)
    {
        using var directory = new TemporaryDirectory();
        AssertGrows(Ext3Image.MadeByMke2fs(directory, 100 * MiB, options), 300 * MiB);
    }

    [Fact]
    public void A_journal_too_short_for_the_backups_still_carries_what_a_mount_reads()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 20 * MiB, "-g", "1024");
        var recording = image.Record(6400 * MiB);
        // The last flush is that of the backups: five groups of them, superblock and 200 descriptor blocks each.
        Assert.True(recording.Steps.Count - recording.FlushedAt[^2] > 800);
        image.AssertClean();
        var (_, said, _) = Machine.Run("e2fsck", "-f", "-n", "-b", "1025", "-B", "1024", image.Path);
        Assert.DoesNotContain("wrong", said);
    }

    [Fact]
    public void Growing_many_times_is_as_good_as_once()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        for (var size = 70 * MiB; size < 3 * GiB; size += size / 3)
        {
            image.Grow(size);
            image.AssertClean();
        }

        image.Mounted("rw", point => File.WriteAllBytes(point + "/more", new byte[MiB]));
        image.AssertClean();
        Ext3Image.Run("resize2fs", "-f", image.Path, "4G");
        image.AssertClean();
        image.Grow(5 * GiB);
        image.AssertClean();
    }

    [Fact]
    public void Growing_past_the_reserve_says_the_largest_size_and_that_size_works()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 64 * MiB, "-E", "resize=1000000");
        var error = AssertRefused(image, 100 * GiB, ErrorIds.OverlaySizeTooLarge);
        var largest = image.Read(fs => (long)fs.Geometry.LargestGrowth() * fs.Geometry.BlockSize);
        Assert.Contains(largest.ToString(CultureInfo.InvariantCulture), error.Message);
        image.Grow(largest);
        image.AssertClean();
    }

    [Fact]
    public void A_smaller_size_is_refused_and_an_equal_one_does_nothing()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        AssertRefused(image, 63 * MiB, ErrorIds.OverlayBelowMinimumSize);
        var before = File.ReadAllBytes(image.Path);
        Assert.Equal(new ExtGrowth(64 * MiB, 64 * MiB), image.Grow(64 * MiB));
        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)));
    }

    [Theory]
    [InlineData("set_super_value state 2", ErrorIds.OverlayCorrupt)]
    [InlineData("set_super_value state 0", ErrorIds.OverlayDirtyJournal)]
    [InlineData("set_super_value error_count 1", ErrorIds.OverlayCorrupt)]
    [InlineData("feature needs_recovery", ErrorIds.OverlayDirtyJournal)]
    [InlineData("feature -has_journal", ErrorIds.OverlayFeatureUnsupported)]
    [InlineData("feature uninit_bg", ErrorIds.OverlayFeatureUnsupported)]
    [InlineData("feature extent", ErrorIds.OverlayFeatureUnsupported)]
    [InlineData("feature 64bit", ErrorIds.OverlayFeatureUnsupported)]
    [InlineData("feature sparse_super2", ErrorIds.OverlayFeatureUnsupported)]
    public void A_file_system_that_cannot_safely_grow_is_refused_untouched(string command, string errorId)
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        Ext3Image.Run("debugfs", "-w", "-R", command, image.Path);
        AssertRefused(image, 128 * MiB, errorId);
    }

    [Fact]
    public void Cancelling_leaves_length_and_content_as_they_were()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        var before = File.ReadAllBytes(image.Path);
        using var source = new CancellationTokenSource();
        using (var file = image.Open())
        {
            var progress = new Progress(done =>
            {
                if (done.Done == 3)
                    source.Cancel();
            });
            Assert.ThrowsAny<OperationCanceledException>(() =>
                ExtResizer.Grow(new FileWindow(file), GiB, progress, source.Token));
        }

        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)));
    }

    [Fact]
    public void Old_bytes_after_the_end_of_the_file_system_do_no_harm()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        using (var file = File.Open(image.Path, FileMode.Append))
            file.Write(SampleTree.Bytes(7, (int)(30 * MiB)));
        image.Grow(100 * MiB);
        image.AssertClean();
        image.Mounted("rw", point => File.WriteAllBytes(point + "/more", new byte[30 * MiB]));
        image.AssertClean();
    }

    private static void AssertGrows(Ext3Image image, long after)
    {
        var reader = image.Read(fs => (fs.Superblock.Uuid, fs.Superblock.HashSeed, fs.Superblock.Label, fs.Superblock.InodesPerGroup));
        var content = "";
        if (Machine.IsRoot)
            image.Mounted("ro", point => content = SampleTree.Describe(point));
        var growth = image.Grow(after);
        image.AssertClean();
        Assert.Equal(after, new FileInfo(image.Path).Length);
        Assert.Equal(growth.NewSizeBytes, image.Field("Block count") * image.Field("Block size"));
        Assert.InRange(after - growth.NewSizeBytes, 0, 4 * MiB);
        Assert.Equal(reader,
            image.Read(fs => (fs.Superblock.Uuid, fs.Superblock.HashSeed, fs.Superblock.Label, fs.Superblock.InodesPerGroup)));
        // The backups are good too: e2fsck from the first of them finds nothing to complain about.
        var blockSize = image.Field("Block size");
        var first = image.Field("First block") + image.Field("Blocks per group");
        if (image.Field("Block count") > first)
        {
            var (exit, output, error) = Machine.Run("e2fsck", "-f", "-n", "-b", $"{first}", "-B", $"{blockSize}", image.Path);
            Assert.True(exit is 0 or 4 && !output.Contains("wrong", StringComparison.Ordinal), output + error);
        }

        if (Machine.IsRoot)
        {
            image.Mounted("rw", point =>
            {
                Assert.Equal(content, SampleTree.Describe(point));
                File.WriteAllText(point + "/after", "written after growing");
            });
            image.AssertClean();
        }
    }

    private static EngineException AssertRefused(Ext3Image image, long size, string errorId)
    {
        var before = File.ReadAllBytes(image.Path);
        var error = Assert.Throws<EngineException>(() => image.Grow(size));
        Assert.Equal(errorId, error.ErrorId);
        Assert.NotNull(error.RecommendedAction);
        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)));
        return error;
    }

    private sealed class Progress(Action<EngineProgress> tell) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value) => tell(value);
    }
}
