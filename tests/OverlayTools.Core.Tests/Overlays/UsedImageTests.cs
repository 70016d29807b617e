using System.Security.Cryptography;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Images that somebody uses: nothing is written to them, and nothing takes their place.</summary>
public sealed class UsedImageTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("loop,rw")]
    [InlineData("loop,ro")]
    public void What_the_kernel_has_mounted_is_not_changed_though_it_has_no_lock(string options)
    {
        Machine.NeedRoot();
        var image = Ext3Image.Made(_directory, 64 * MiB, OverlayTree.Create(0, 0, []));
        image.Mounted(options, _ =>
        {
            var before = Hash(image.Path);
            Refused(() => OverlayChanger.Apply(new OverlayChange { Path = image.Path, Label = "x" }, null, Token));
            Refused(() => OverlayResizer.Resize(image.Path, 100 * MiB, null, Token));
            Refused(() => OverlayResizer.Resize(image.Path, 30 * MiB, null, Token));
            Refused(() => OverlayResizer.Resize(new OverlayResizing { Path = image.Path, InodeCount = 999 }, null, Token));
            Refused(() => OverlayRepairer.Repair(image.Path, null, full: true, null, Token));
            Assert.Equal(before, Hash(image.Path));
        });
        Assert.Equal("x", OverlayChanger.Apply(new OverlayChange { Path = image.Path, Label = "x" }, null, Token)[0].Label);
    }

    [Fact]
    public void Opening_an_image_to_resize_it_looks_through_all_processes_once()
    {
        var path = TwoOverlays(out _);
        using var file = Native.Open.File(path, Native.Open.ReadOnly);
        uint id;
        using (var sif = SifImage.Open(path, Token))
            id = sif.Overlays.First().Id;
        Assert.Equal(2, new[] { false, true }.Count(whole =>
        {
            // What a look takes is nearly all that opening takes; the least of several, since processes come and go.
            var look = Enumerable.Range(0, 4).Min(_ => Allocated(() => ImageUsers.Look().Of(file, 0, 0)));
            var open = Enumerable.Range(0, 4).Min(_ => Allocated(() => LockedImage.ToChange(path, id, whole).Dispose()));
            TestContext.Current.TestOutputHelper?.WriteLine($"{look} for a look, {open} to open");
            return open < 1.7 * look;
        }));

        static long Allocated(Action work)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    // Whoever makes a mount namespace meanwhile takes a copy of a mount that is just ending, and keeps its loop device
    // for a moment.
    private static void MountByHand(string options, string path, string point)
    {
        for (var attempt = 1; ; attempt++)
        {
            var (exitCode, _, error) = Machine.Run("mount", "-o", options, path, point);
            if (exitCode == 0)
                return;
            Assert.True(attempt < 40, error);
            Thread.Sleep(100);
        }
    }

    [Fact]
    public void A_partition_that_is_mounted_by_hand_is_not_changed_and_its_neighbour_is()
    {
        Machine.NeedRoot();
        var path = TwoOverlays(out var offset);
        var point = Directory.CreateDirectory(_directory["point"]).FullName;
        MountByHand($"loop,offset={offset},sizelimit={40 * MiB}", path, point);
        try
        {
            Refused(() => OverlayChanger.Apply(new OverlayChange { Path = path, Id = 2, Label = "x" }, null, Token));
            Assert.Single(OverlayChanger.Apply(new OverlayChange { Path = path, Id = 3, Label = "x" }, null, Token));
            Refused(() => OverlayTester.Test(path, 2, null, Token));
            Assert.True(Assert.Single(OverlayTester.Test(path, 3, null, Token)).FileSystem.IsSound);
            Refused(() => OverlayResizer.Resize(new OverlayResizing { Path = path, Id = 3, GrowBy = MiB }, null, Token));
        }
        finally
        {
            Ext3Image.Run("umount", point);
        }

        // As a container has the root file system of the image.
        MountByHand($"loop,ro,offset={offset},sizelimit={40 * MiB}", path, point);
        try
        {
            OverlayResizer.Resize(new OverlayResizing { Path = path, Id = 3, GrowBy = MiB }, null, Token);
            Refused(() => OverlayResizer.Resize(new OverlayResizing { Path = path, Id = 2, GrowBy = MiB }, null, Token));
        }
        finally
        {
            Ext3Image.Run("umount", point);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_image_that_is_written_is_not_replaced(bool mounted)
    {
        Machine.NeedRoot();
        var image = Ext3Image.Made(_directory, 64 * MiB, OverlayTree.Create(0, 0, []));
        var creation = new OverlayCreation { Path = image.Path, UserId = 0, GroupId = 0, Force = true };
        var before = new FileInfo(image.Path).CreationTimeUtc;
        if (mounted)
        {
            image.Mounted("loop,rw", _ => Refused(() => OverlayCreator.Create(creation, null, Token)));
        }
        else
        {
            using var writer = image.Open();
            RangeLock.Acquire(writer, image.Path, exclusive: true, 0, 0);
            Refused(() => OverlayCreator.Create(creation, null, Token));
        }

        Assert.Equal([image.Path], Directory.GetFiles(_directory.Path));
        using (var reader = File.OpenHandle(image.Path))
        {
            // Whoever reads goes on reading the old one.
            RangeLock.Acquire(reader, image.Path, exclusive: false, 0, 0);
            OverlayCreator.Create(creation, null, Token);
        }

        Assert.NotEqual(before, new FileInfo(image.Path).CreationTimeUtc);
    }

    [Fact]
    public void A_full_repair_of_one_partition_does_not_swap_the_file_while_another_is_written()
    {
        Machine.NeedTool("debugfs");
        var path = TwoOverlays(out var offset);
        Ext3Image.Run("debugfs", "-w", "-R", "clri /upper", $"{path}?offset={offset}");
        using var writer = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        using (var sif = SifImage.Open(path, Token))
        {
            var other = sif.Find(3);
            RangeLock.Acquire(writer, path, exclusive: true, other.Offset, other.SizeBytes);
        }

        var before = Hash(path);
        Refused(() => OverlayRepairer.Repair(path, 2, full: true, null, Token));
        Assert.Equal(before, Hash(path));
        writer.Dispose();
        Assert.True(Assert.Single(OverlayRepairer.Repair(path, 2, full: true, null, Token)).UsedE2fsck);
    }

    [Fact]
    public void What_is_no_regular_file_is_said_to_be_none()
    {
        Machine.NeedTool("mkfifo");
        Ext3Image.Run("mkfifo", _directory["pipe"]);
        foreach (var path in new[] { _directory["pipe"], _directory.Path, "/dev/null" })
        {
            Assert.Equal(ErrorIds.OverlayNotExt3,
                Assert.Throws<EngineException>(() => OverlayTester.Test(path, null, null, Token)).ErrorId);
            Assert.Equal(ErrorIds.OverlayNotExt3,
                Assert.Throws<EngineException>(() => OverlayRepairer.Repair(path, null, false, null, Token)).ErrorId);
        }
    }

    [Fact]
    public void An_image_that_recorded_errors_is_not_built_anew_without_them()
    {
        Machine.NeedTool("debugfs");
        var image = Ext3Image.Made(_directory, 64 * MiB, OverlayTree.Create(0, 0, []));
        Ext3Image.Run("debugfs", "-w", "-R", "ssv state 3", image.Path);
        var before = Hash(image.Path);
        Assert.Equal(ErrorIds.OverlayCorrupt, Assert.Throws<EngineException>(() =>
            OverlayResizer.Resize(new OverlayResizing { Path = image.Path, InodeCount = 999 }, null, Token)).ErrorId);
        Assert.Equal(before, Hash(image.Path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_takes_an_images_place_is_like_it_from_outside_and_has_all_its_names(bool full)
    {
        Machine.NeedTool("setfacl");
        var image = Ext3Image.Made(_directory, 64 * MiB, OverlayTree.Create(0, 0, []));
        Ext3Image.Run("debugfs", "-w", "-R", "clri /work", image.Path);
        if (!full)
            Ext3Image.Run("sh", "-c", "e2fsck -fy \"$0\" > /dev/null; exit 0", image.Path);
        Ext3Image.Run("setfacl", "-m", "u:12345:rw", image.Path);
        Ext3Image.Run("setfattr", "-n", "user.note", "-v", "mine", image.Path);
        Ext3Image.Run("setfattr", "-n", "user.overlaytools.writer", "-v", "stale", image.Path);
        Ext3Image.Run("ln", image.Path, _directory["other"]);
        var before = Hash(image.Path);
        Assert.Equal(ErrorIds.OverlayHasOtherNames, Assert.Throws<EngineException>(Replace).ErrorId);
        Assert.Equal(before, Hash(image.Path));
        Assert.Equal(2, Directory.GetFiles(_directory.Path).Length);

        File.Delete(_directory["other"]);
        var access = Ext3Image.Run("getfacl", "-cp", image.Path);
        Replace();
        Assert.NotEqual(before, Hash(image.Path));
        Assert.Equal(access, Ext3Image.Run("getfacl", "-cp", image.Path));
        var attributes = Ext3Image.Run("getfattr", "-d", "--absolute-names", image.Path);
        Assert.Contains("user.note=\"mine\"", attributes, StringComparison.Ordinal);
        Assert.DoesNotContain("writer", attributes, StringComparison.Ordinal);

        void Replace()
        {
            if (full)
                OverlayRepairer.Repair(image.Path, null, full: true, null, Token);
            else
                OverlayResizer.Resize(new OverlayResizing { Path = image.Path, InodeCount = 999 }, null, Token);
        }
    }

    [Fact]
    public void A_negative_size_is_too_small_whatever_is_forced()
    {
        var error = Assert.Throws<EngineException>(() => OverlayCreator.Create(
            new OverlayCreation { Path = _directory["new"], SizeBytes = -5, UserId = 0, GroupId = 0, Force = true }, null, Token));
        Assert.Equal(ErrorIds.OverlaySizeTooSmall, error.ErrorId);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static void Refused(Action change) =>
        Assert.Equal(ErrorIds.OverlayInUse, Assert.Throws<EngineException>(change).ErrorId);

    // Objects 1: a root file system, 2 and 3: overlays.
    private string TwoOverlays(out long offset)
    {
        var path = _directory["two.sif"];
        using var one = Overlay();
        using var two = Overlay();
        SifWriter.Create(path, new SifCreateOptions(),
            [Sif.Samples.Primary(SampleTree.Bytes(1, 100_000)), Partition(one), Partition(two)], token: Token);
        using var sif = SifImage.Open(path, Token);
        offset = sif.Find(2).Offset;
        return path;
    }

    private static SifContent Overlay() => SifContent.Written(40 * MiB, (window, _, token) =>
        ExtFormatter.Format(window, new ExtFormatOptions(), OverlayTree.Create(0, 0, []), null, token));

    private static SifNewObject Partition(SifContent content) => new()
    {
        DataType = SifDataType.Partition,
        Content = content,
        Metadata = new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Overlay, SifArchitecture.Amd64),
    };

    private static string Hash(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Convert.ToHexString(SHA256.HashData(stream));
    }
}
