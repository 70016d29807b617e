using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Shrinks images full of everything, and has the kernel and e2fsprogs say what is left.</summary>
public sealed class ExtShrinkerTests(ITestOutputHelper output)
{
    private const long KiB = 1 << 10;
    private const long MiB = 1 << 20;
    private const int Names = 1500;

    [Theory]
    [InlineData(200)]
    [InlineData(200, "-b", "4096")]
    [InlineData(120, "-b", "2048", "-O", "^has_journal")]
    [InlineData(120, "-I", "128")]
    [InlineData(120, "-g", "1024", "-O", "^has_journal")] // many groups, and four blocks of descriptors
    [InlineData(160, "-O", "^resize_inode")]
    [InlineData(160, "-g", "2048", "-O", "^resize_inode")]
    [InlineData(200, "-O", "^sparse_super,^resize_inode", "-g", "4096")]
    public void Shrinking_keeps_everything(long mebibytes, params string[] options)
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Scattered(directory, mebibytes * MiB, Names, options);
        var content = Describe(image);
        var identity = Identity(image);
        var least = image.MinimumSize();
        output.WriteLine($"{least} of {mebibytes * MiB} bytes at least");
        Assert.InRange(least, 1, mebibytes * MiB / 2);

        foreach (var size in new[] { mebibytes * MiB - 64 * KiB, (least + mebibytes * MiB) / 2 / 4096 * 4096, least })
        {
            var change = image.Shrink(size);
            Assert.InRange(change.NewSizeBytes, Math.Max(0, size - 32 * MiB), size);
            Assert.Equal(change.NewSizeBytes, image.Field("Block count") * image.Field("Block size"));
            AssertSound(image);
            Assert.Equal(content, Describe(image));
            Assert.Equal(identity, Identity(image));
        }

        var digests = Digests(image.Mounted);
        Assert.Contains("/d9/hard369", digests, StringComparison.Ordinal);
        if (Machine.FindTool("fuse2fs") is not null)
            Assert.Equal(digests, Digests(image.FuseMounted));

        if (options.Contains("^resize_inode") || options.Contains("^sparse_super,^resize_inode"))
            return;
        image.Grow(mebibytes * MiB * 2);
        AssertSound(image);
        Assert.Equal(content, Describe(image));
        image.Mounted("rw", point => File.WriteAllBytes(point + "/more", new byte[10 * MiB]));
        image.AssertClean();
    }

    [Theory]
    [InlineData(120)]
    [InlineData(160, "-b", "4096")]
    public void The_minimum_is_no_larger_than_that_of_resize2fs(long mebibytes, params string[] options)
    {
        Machine.NeedRoot();
        Machine.NeedTool("resize2fs");
        using var directory = new TemporaryDirectory();
        var image = Scattered(directory, mebibytes * MiB, 300, options);
        var other = new Ext3Image(directory["other"]);
        Ext3Image.Run("cp", "--sparse=always", image.Path, other.Path);
        Ext3Image.Run("resize2fs", "-f", "-M", other.Path);
        var theirs = new FileInfo(other.Path).Length;
        image.Shrink(image.MinimumSize());
        var ours = new FileInfo(image.Path).Length;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"ours {ours}, resize2fs -M {theirs}: {(double)ours / theirs:0.000}"));
        Assert.InRange((double)ours / theirs, 0.3, 1.02);
        AssertSound(image);
        Assert.Equal(image.MinimumSize(), ours);
    }

    [Fact]
    public void A_size_below_the_minimum_is_refused_and_the_minimum_is_named()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        var least = image.MinimumSize();
        var error = AssertRefused(image, least - 4096, ErrorIds.OverlayBelowMinimumSize);
        Assert.Contains($"{least} bytes ({ByteSize.Format(least)})", error.Message, StringComparison.Ordinal);
        image.Shrink(least);
        AssertSound(image);
        AssertRefused(image, least - 4096, ErrorIds.OverlayBelowMinimumSize);
    }

    [Theory]
    [InlineData("set_super_value state 2", ErrorIds.OverlayCorrupt)]
    [InlineData("feature needs_recovery", ErrorIds.OverlayDirtyJournal)]
    [InlineData("feature extent", ErrorIds.OverlayFeatureUnsupported)]
    [InlineData("freeb 600 3", ErrorIds.OverlayCorrupt)]
    [InlineData("clri /upper/small", ErrorIds.OverlayCorrupt)]
    public void What_cannot_safely_shrink_is_refused_untouched(string command, string errorId)
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        Ext3Image.Run("debugfs", "-w", "-R", command, image.Path);
        AssertRefused(image, 40 * MiB, errorId);
    }

    [Fact]
    public void Stopping_leaves_the_old_size_and_all_files()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Scattered(directory, 60 * MiB, 200);
        var content = Describe(image);
        var blocks = image.Field("Block count");
        using var source = new CancellationTokenSource();
        using (var file = image.Open())
        {
            var progress = new Progress(report =>
            {
                // In the middle of whatever moves: how much that is, the kernel decided that made the files.
                if (report.Done > 0 && report.Done < report.Total)
                    source.Cancel();
            });
            Assert.ThrowsAny<OperationCanceledException>(() =>
                ExtShrinker.Shrink(new FileWindow(file), image.MinimumSize(), progress, source.Token));
        }

        Assert.True(source.IsCancellationRequested);
        image.AssertClean();
        Assert.Equal(blocks, image.Field("Block count"));
        Assert.Equal(content, Describe(image));
    }

    [Fact]
    public void A_directory_with_more_directories_than_the_journal_holds_blocks_is_refused_and_all_is_kept()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 48 * MiB, "-J", "size=1");
        image.Mounted("rw", point => Ext3Image.Run("sh", "-c", """
            cd "$0" && mkdir -p upper && mkdir $(seq 40)
            # The kernel spreads directories at the root: one comes to lie last.
            last=$(stat -c '%i %n' [0-9]* | sort -n | tail -1 | cut -d' ' -f2)
            cd $last && mkdir $(seq -f sub%g 1100)
            """, point));
        var content = Describe(image);
        var error = Assert.Throws<EngineException>(() => image.Shrink(image.MinimumSize()));

        Assert.Equal(ErrorIds.OverlayFeatureUnsupported, error.ErrorId);
        image.AssertClean();
        Assert.Equal(48 * 1024, image.Field("Block count"));
        Assert.Equal(content, Describe(image));
    }

    private static EngineException AssertRefused(Ext3Image image, long size, string errorId)
    {
        var before = File.ReadAllBytes(image.Path);
        var error = Assert.Throws<EngineException>(() => image.Shrink(size));
        Assert.Equal(errorId, error.ErrorId);
        Assert.NotNull(error.RecommendedAction);
        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)));
        return error;
    }

    private static void AssertSound(Ext3Image image)
    {
        image.AssertClean();
        using (var file = image.Open())
        {
            var check = OverlayTools.Ext.Check.ExtChecker.Check(new FileWindow(file), null, TestContext.Current.CancellationToken);
            Assert.True(check.IsSound, string.Join('\n', check.Findings));
        }

        // The backups are good too.
        var first = image.Field("First block") + image.Field("Blocks per group");
        if (image.Field("Block count") <= first)
            return;
        var (exit, said, error) = Machine.Run("e2fsck", "-f", "-n", "-b", $"{first}", "-B", $"{image.Field("Block size")}", image.Path);
        Assert.True(exit is 0 or 4 && !said.Contains("wrong", StringComparison.Ordinal), said + error);
    }

    /// <summary>Filled through the kernel to more than half and emptied again here and there, so that content lies
    /// everywhere.</summary>
    internal static Ext3Image Scattered(TemporaryDirectory directory, long size, int names, params string[] options)
    {
        var tree = RichImages.Tree(directory, names);
        var image = Ext3Image.MadeByMke2fs(directory, size, options);
        var lateJournal = image.Read(fs => !fs.Superblock.Features.Contains("has_journal"));
        image.Mounted("rw", point =>
        {
            // Fills the front, so that what counts comes to lie behind it.
            if (lateJournal)
                File.WriteAllBytes(point + "/front", new byte[size / 4]);
            for (var i = 0; i < 40; i++)
                File.WriteAllBytes($"{point}/fill{i}", new byte[size / 80]);
        });
        // A journal that is made later comes to lie behind it too.
        if (lateJournal)
            Ext3Image.Run("tune2fs", "-J", "size=4", image.Path);
        image.Mounted("rw,acl,user_xattr", point =>
        {
            File.Delete(point + "/front");
            Ext3Image.Run("cp", "-a", "--sparse=always", tree + "/.", point);
            for (var i = 0; i < 30; i++)
            {
                Directory.CreateDirectory($"{point}/upper/d{i}");
                for (var k = 0; k < 8; k++)
                    File.WriteAllBytes($"{point}/upper/d{i}/f{k}", SampleTree.Bytes(i * 8 + k, 7000 + 1000 * k));
                Ext3Image.Run("setfattr", "-n", "user.x", "-v", new string('s', 300), $"{point}/upper/d{i}/f0", $"{point}/upper/d{i}/f2");
            }

            for (var i = 0; i < 30; i++)
                Ext3Image.Run("ln", $"{point}/upper/d{i}/f1", $"{point}/upper/d{(i + 7) % 30}/link{i}");
            Ext3Image.Run("sh", "-c", $"cd '{point}'/upper && for i in $(seq 400); do ln d9/f5 d$((i % 30))/hard$i; done");
            for (var i = 0; i < 40; i++)
                File.Delete($"{point}/fill{i}");
            Ext3Image.Run("sh", "-c", $"rm -rf '{point}'/upper/d*/f3 '{point}'/upper/many/*number\\ *7,*");
        });
        return image;
    }

    private static string Digests(Action<string, Action<string>> mounted)
    {
        var digests = "";
        mounted("ro", point => digests = Ext3Image.Run(
            "sh", "-c", "cd \"$0\" && find upper/d* -type f | LC_ALL=C sort | xargs -d '\\n' sha256sum", point));
        return digests;
    }

    private static string Describe(Ext3Image image)
    {
        var content = "";
        image.Mounted("ro", point => content = FullDescription(point));
        return content;
    }

    /// <summary>Names, modes, owners, sizes, times, links, devices, attributes and a digest of the content.</summary>
    internal static string FullDescription(string point) => Ext3Image.Run("sh", "-c", """
        cd "$0" && LC_ALL=C
        find . -printf '%P %y %m %U %G %s %n %T@ %C@ %l\n' | sort
        find . -type b -o -type c | sort | xargs -r stat -c '%n %t %T'
        find . -type f -size -50M | sort | xargs -d '\n' -r sha256sum
        find . | sort | xargs -d '\n' -r getfattr -h -d -m - 2>/dev/null
        """, point);

    private static string Identity(Ext3Image image) => string.Join(' ', image.Dump("-h").Split('\n')
        .Where(line => line.StartsWith("Filesystem UUID", StringComparison.Ordinal)
            || line.StartsWith("Directory Hash Seed", StringComparison.Ordinal)
            || line.StartsWith("Inodes per group", StringComparison.Ordinal)
            || line.StartsWith("Filesystem features", StringComparison.Ordinal)
            || line.StartsWith("Total journal blocks", StringComparison.Ordinal)));

    private sealed class Progress(Action<EngineProgress> tell) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value) => tell(value);
    }
}
