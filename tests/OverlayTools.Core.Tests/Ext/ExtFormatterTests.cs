using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

public sealed class ExtFormatterTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(64 * MiB)]
    [InlineData(600 * MiB)]
    public void The_kernel_sees_every_kind_of_file_as_it_was_given(long size)
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, size, SampleTree.Everything());
        image.AssertClean();
        image.Mounted("ro", point =>
        {
            AssertEverything(point);
            // fuse2fs 1.47.0 shows whole seconds only.
            Assert.Equal("1000000000.123456789\n", Ext3Image.Run("stat", "-c", "%.9Y", point + "/upper/small"));
        });
    }

    [Fact]
    public void Fuse2fs_sees_every_kind_of_file_as_it_was_given()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        image.FuseMounted("ro", AssertEverything);
        image.AssertClean();
    }

    [Fact]
    public void The_kernel_sees_extended_attributes()
    {
        Machine.NeedTool("getfattr");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        image.Mounted("ro", point =>
        {
            var said = Ext3Image.Run("getfattr", "-d", "-m", "-", "-e", "hex", point + "/upper/attributes");
            Assert.Contains("user.overlay.opaque=0x79", said);
            Assert.Contains("trusted.overlay.opaque=0x79", said);
            Assert.Contains("user.long=0x" + Convert.ToHexString(SampleTree.Bytes(4, 301)).ToLowerInvariant(), said);
        });
    }

    [Fact]
    public void An_overlay_image_is_writable_by_its_owner_through_kernel_and_fuse2fs()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, OverlayTree.Create(1234, 5678, ["/var/cache/nginx"]));
        Action<string> use = point =>
        {
            Assert.Equal("755 1234 5678\n", Ext3Image.Run("stat", "-c", "%a %u %g", point + "/upper/var/cache/nginx"));
            Assert.Equal("755 0 0\n", Ext3Image.Run("stat", "-c", "%a %u %g", point));
            Assert.Equal("700 0 0\n", Ext3Image.Run("stat", "-c", "%a %u %g", point + "/lost+found"));
            File.WriteAllText(point + "/upper/var/cache/nginx/" + Guid.NewGuid(), "content");
        };
        image.Mounted("rw", use);
        image.FuseMounted("rw", use);
        image.AssertClean();
    }

    [Fact]
    public void A_reserve_of_one_block_lets_fuse2fs_fill_nearly_everything()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, OverlayTree.Create(0, 0, []));
        Assert.Equal(1, image.Field("Reserved block count"));
        image.FuseMounted("rw", point => File.WriteAllBytes(point + "/upper/big", new byte[53 * MiB]));
        image.AssertClean();
    }

    [Fact]
    public void A_directory_may_have_ten_thousand_files()
    {
        using var directory = new TemporaryDirectory();
        var root = OverlayTree.Create(0, 0, []);
        var many = root.Add("many", ExtNode.Directory(0x1ED, 0, 0));
        for (var i = 0; i < 10_000; i++)
            many.Add($"file-{i}", ExtNode.File(ExtContent.FromBytes([(byte)i]), 0x1A4, 0, 0));
        var image = Ext3Image.Made(directory, 64 * MiB, root);
        image.AssertClean();
        image.Mounted("ro", point =>
        {
            Assert.Equal(10_000, Directory.GetFiles(point + "/many").Length);
            Assert.Equal([9_999 & 0xFF], File.ReadAllBytes(point + "/many/file-9999"));
        });
    }

    [Fact]
    public void A_sparse_file_may_need_triple_indirect_blocks()
    {
        using var directory = new TemporaryDirectory();
        const long length = 8L << 30;
        // Blocks of 1 KiB: direct, indirect, double and triple indirect, and the last, partly filled one.
        (long, long)[] runs = [(0, 5000), (200_000, 300_000), (70 * MiB, 70 * MiB + 10_000), (length - 3000, length)];
        var root = ExtNode.Directory(0x1ED, 0, 0);
        root.Add("sparse", ExtNode.File(new ExtContent(length, () => new PatternStream(length), runs), 0x1A4, 0, 0));
        var image = Ext3Image.Made(directory, 64 * MiB, root);
        image.AssertClean();
        image.Mounted("ro", point =>
        {
            using var file = File.OpenHandle(point + "/sparse");
            Assert.Equal(length, RandomAccess.GetLength(file));
            foreach (var at in new long[] { 0, 4999, 200_000, 299_999, 70 * MiB + 9_999, length - 3000, length - 1 })
            {
                var one = new byte[1];
                RandomAccess.Read(file, one, at);
                Assert.Equal(PatternStream.At(at), one[0]);
            }

            var hole = new byte[4096];
            RandomAccess.Read(file, hole, 60 * MiB);
            Assert.True(hole.AsSpan().IndexOfAnyExcept((byte)0) < 0);
        });
    }

    [Fact]
    public void Old_bytes_in_the_window_do_no_harm()
    {
        using var directory = new TemporaryDirectory();
        var path = directory["old.img"];
        File.WriteAllBytes(path, SampleTree.Bytes(9, (int)(24 * MiB)));
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
            ExtFormatter.Format(new FileWindow(file), new ExtFormatOptions { MayHoldOldBytes = true }, SampleTree.Everything(),
                null, TestContext.Current.CancellationToken);
        var image = new Ext3Image(path);
        image.AssertClean();
        image.Mounted("rw", AssertEverything);
        image.AssertClean();
    }

    [Fact]
    public void A_file_system_inside_a_larger_file_touches_nothing_outside()
    {
        using var directory = new TemporaryDirectory();
        var path = directory["container"];
        var noise = SampleTree.Bytes(5, (int)(40 * MiB));
        File.WriteAllBytes(path, noise);
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
            ExtFormatter.Format(new FileWindow(file, 4096, 32 * MiB), new ExtFormatOptions { MayHoldOldBytes = true },
                OverlayTree.Create(0, 0, []), null, TestContext.Current.CancellationToken);
        var after = File.ReadAllBytes(path);
        Assert.True(after.AsSpan(0, 4096).SequenceEqual(noise.AsSpan(0, 4096)));
        Assert.True(after.AsSpan(4096 + (int)(32 * MiB)).SequenceEqual(noise.AsSpan(4096 + (int)(32 * MiB))));
        File.WriteAllBytes(directory["inner.img"], after[4096..(4096 + (int)(32 * MiB))]);
        new Ext3Image(directory["inner.img"]).AssertClean();
    }

    [Fact]
    public void Content_that_does_not_fit_says_what_it_needs_before_anything_is_written()
    {
        using var directory = new TemporaryDirectory();
        var path = directory["full.img"];
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite);
        var window = new RecordingWindow(new FileWindow(file));
        window.SetLength(64 * MiB);
        var root = ExtNode.Directory(0x1ED, 0, 0);
        root.Add("big", ExtNode.File(new ExtContent(100 * MiB, () => new PatternStream(100 * MiB)), 0x1A4, 0, 0));
        var error = Assert.Throws<EngineException>(() =>
            ExtFormatter.Format(window, new ExtFormatOptions(), root, null, TestContext.Current.CancellationToken));
        Assert.Equal(ErrorIds.OverlayFull, error.ErrorId);
        // 102400 of content, 403 indirect blocks, root, lost+found.
        Assert.Contains("102816 blocks", error.Message);
        Assert.Empty(window.Writes);
    }

    [Fact]
    public void The_size_that_a_tree_needs_is_enough_and_not_much_more()
    {
        using var directory = new TemporaryDirectory();
        foreach (var root in new[] { SampleTree.Everything(), TreeOf(3000, 100), TreeOf(40, 3_000_000), TreeOf(1, 600_000_000) })
        {
            var size = ExtSizing.SizeFor(root);
            var image = Ext3Image.Made(directory, size, root);
            image.AssertClean();
            Assert.True(image.Field("Free blocks") * image.Field("Block size") < 3 * MiB + size / 8
                || image.Field("Free inodes") < 1000, $"{size} bytes are too many");
            File.Delete(image.Path);
        }
    }

    [Fact]
    public void A_cancelled_format_throws()
    {
        using var directory = new TemporaryDirectory();
        using var file = File.OpenHandle(directory["x"], FileMode.CreateNew, FileAccess.ReadWrite);
        var window = new FileWindow(file);
        window.SetLength(64 * MiB);
        using var source = new CancellationTokenSource();
        var root = ExtNode.Directory(0x1ED, 0, 0);
        root.Add("first", ExtNode.File(new ExtContent(2 * MiB, () =>
        {
            source.Cancel();
            return new PatternStream(2 * MiB);
        }), 0x1A4, 0, 0));
        Assert.ThrowsAny<OperationCanceledException>(() =>
            ExtFormatter.Format(window, new ExtFormatOptions(), root, null, source.Token));
        Assert.ThrowsAny<OperationCanceledException>(() =>
            ExtFormatter.Format(window, new ExtFormatOptions(), OverlayTree.Create(0, 0, []), null, source.Token));
        Assert.False(ExtSuperblock.Recognises(window));
    }

    [Fact]
    public void An_empty_gibibyte_takes_few_writes_and_little_space()
    {
        using var directory = new TemporaryDirectory();
        using var file = File.OpenHandle(directory["x"], FileMode.CreateNew, FileAccess.ReadWrite);
        var window = new RecordingWindow(new FileWindow(file));
        window.SetLength(1024 * MiB);
        ExtFormatter.Format(window, new ExtFormatOptions(), OverlayTree.Create(0, 0, []), null, TestContext.Current.CancellationToken);
        Assert.InRange(window.Writes.Count, 10, 60);
        Assert.InRange(window.Writes.Sum(write => write.Bytes.Length), 1, MiB);
        Assert.Equal(0, window.Flushes);
    }

    [Fact]
    public void A_directory_of_this_machine_arrives_whole()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var source = directory["source"];
        var first = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        first.Mounted("ro", point => Ext3Image.Run("cp", "-a", "--sparse=always", point, source));
        Ext3Image.Run("truncate", "-s", "300M", source + "/upper/all-hole");
        using var cleanUp = new Defer(() => Ext3Image.Run("rm", "-rf", source)); // .NET cannot delete a name that is no text
        var second = Ext3Image.Made(directory, 64 * MiB, ExtNode.FromDirectory(source, TestContext.Current.CancellationToken));
        second.AssertClean();
        second.Mounted("ro", point =>
        {
            Assert.Equal(SampleTree.Describe(source), SampleTree.Describe(point));
            Assert.Equal(
                Ext3Image.Run("stat", "-c", "%Y %y", source + "/upper/small"), Ext3Image.Run("stat", "-c", "%Y %y", point + "/upper/small"));
            if (Machine.FindTool("getfattr") is not null)
                Assert.Contains("trusted.overlay.opaque",
                    Ext3Image.Run("getfattr", "-d", "-m", "-", point + "/upper/attributes"));
        });
    }

    [Fact]
    public void Debugfs_agrees_about_an_inode()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        var said = image.Debug("stat /upper/large");
        Assert.Contains("User: 65536   Group: 70000", said);
        Assert.Contains("Size: 5000001", said);
        Assert.Contains("Links: 2", said);
        Assert.Contains("(DIND)", said);
        said = image.Debug("stat /upper/link59");
        Assert.Contains("Fast link dest: \"" + new string('x', 59) + "\"", said);
        Assert.DoesNotContain("Fast link dest", image.Debug("stat /upper/link60"));
        // debugfs prints ids as signed numbers.
        Assert.Contains($"User: {unchecked((int)SampleTree.BigId)}", image.Debug("stat /upper"));
        Assert.Contains("Device major/minor number: 259:300000", image.Debug("stat /upper/disk"));
    }

    private sealed class Defer(Action action) : IDisposable
    {
        public void Dispose() => action();
    }

    private static ExtNode TreeOf(int files, int bytes)
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        for (var i = 0; i < files; i++)
            root.Add($"f{i}", ExtNode.File(new ExtContent(bytes, () => new PatternStream(bytes)), 0x1A4, 0, 0));
        return root;
    }

    private static void AssertEverything(string point)
    {
        string Stat(string format, string name) => Ext3Image.Run("stat", "-c", format, point + "/" + name).TrimEnd('\n');
        Assert.Equal("700 3000000000 1000 1000000000 directory", Stat("%a %u %g %Y %F", "upper"));
        Assert.Equal("777 1000 3000000000", Stat("%a %u %g", "work"));
        Assert.Equal("444 0 regular empty file", Stat("%a %s %F", "upper/empty"));
        Assert.Equal("4755 1 2 777", Stat("%a %u %g %s", "upper/small"));
        Assert.Equal("65536 70000 2", Stat("%u %g %h", "upper/large"));
        Assert.Equal(Stat("%i", "upper/large"), Stat("%i", "upper/also-large"));
        Assert.Equal("666 character special file 1 3", Stat("%a %F %t %T", "upper/null"));
        Assert.Equal("0 character special file 0 0", Stat("%a %F %t %T", "upper/whiteout"));
        Assert.Equal("block special file 103 493e0", Stat("%F %t %T", "upper/disk"));
        Assert.Equal("fifo", Stat("%F", "upper/pipe"));
        Assert.Equal("socket", Stat("%F", "upper/socket"));
        Assert.Equal(SampleTree.Bytes(1, 777), File.ReadAllBytes(point + "/upper/small"));
        Assert.Equal(SampleTree.Bytes(2, 5_000_001), File.ReadAllBytes(point + "/upper/large"));
        foreach (var length in SampleTree.LinkLengths)
            Assert.Equal(new string('x', length), new FileInfo($"{point}/upper/link{length}").LinkTarget);
        Assert.Equal("1755", Ext3Image.Run("find", point + "/upper", "-name", "??x", "-printf", "%m"));
        Assert.Equal(1024, new FileInfo(point + "/upper/" + new string('n', 255)).Length);
        Assert.Equal("18", Directory.GetFileSystemEntries(point + "/upper").Length.ToString(CultureInfo.InvariantCulture));
    }
}
