using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Gives images other inodes by building them anew, and has the kernel compare.</summary>
public sealed class OverlayRebuildTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(120, 120, 4000)]
    [InlineData(120, 90, 60_000, "-b", "4096")]
    [InlineData(120, 300, 3000, "-I", "128")]
    public void All_that_the_kernel_shows_is_the_same(long before, long after, long inodes, params string[] options)
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, before * MiB, ["-L", "a label", .. options]);
        image.Mounted("rw,acl,user_xattr", point => KernelTree.Fill(point, 1000, 200 * MiB));
        var view = View(image);
        var identity = image.Read(fs => (fs.Superblock.Uuid, fs.Superblock.HashSeed, fs.Superblock.Label, fs.Superblock.BlockSize));
        var rebuilt = OverlayResizer.Resize(
            new OverlayResizing { Path = image.Path, SizeBytes = after * MiB, InodeCount = inodes }, null, TestContext.Current.CancellationToken);

        image.AssertClean();
        Assert.Equal(after * MiB, new FileInfo(image.Path).Length);
        Assert.InRange(rebuilt.InodeCount, inodes * 95 / 100, inodes + 2000);
        Assert.Equal(identity, image.Read(fs => (fs.Superblock.Uuid, fs.Superblock.HashSeed, fs.Superblock.Label, fs.Superblock.BlockSize)));
        Assert.Equal(view, View(image));
        Assert.Equal([Path.GetFileName(image.Path)], Directory.GetFiles(directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Stopping_and_too_little_room_leave_the_image_as_it_was()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 40 * MiB, SampleTree.Everything());
        var before = File.ReadAllBytes(image.Path);
        using var source = new CancellationTokenSource();
        var progress = new Stopper(source);
        Assert.ThrowsAny<OperationCanceledException>(() =>
            OverlayResizer.Resize(new OverlayResizing { Path = image.Path, InodeCount = 5000 }, progress, source.Token));
        var error = Assert.Throws<EngineException>(() => OverlayResizer.Resize(
            new OverlayResizing { Path = image.Path, InodeCount = 5, SizeBytes = 5 * MiB }, null, TestContext.Current.CancellationToken));
        Assert.Equal(ErrorIds.OverlayFull, error.ErrorId);
        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)));
        Assert.Single(Directory.GetFiles(directory.Path));
    }

    private static string View(Ext3Image image)
    {
        var view = "";
        image.Mounted("ro,noatime,acl,user_xattr", point => view = KernelView.Of(point));
        return view;
    }

    private sealed class Stopper(CancellationTokenSource source) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value)
        {
            if (value.Activity.StartsWith("Writ", StringComparison.Ordinal))
                source.Cancel();
        }
    }
}
