using Microsoft.Win32.SafeHandles;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>
/// Cuts the power of the disk on which a full repair swaps in the repaired copy: the kernel's ext4 stops at once, what was
/// not on the disk is lost, and the journal is replayed by the next mount.
/// </summary>
public sealed class RepairPowerCutTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const int Cuts = 24;

    [Fact]
    public void After_a_cut_the_image_is_the_old_one_or_the_repaired_one()
    {
        Machine.NeedRoot();
        Machine.NeedTool("e2fsck");
        Machine.NeedTool("mke2fs");
        Machine.NeedTool("debugfs");
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var directory = new TemporaryDirectory();
        var broken = Broken(directory);
        var before = File.ReadAllBytes(broken);

        // How often it reports, uncut. The reports end before the copy takes the image's place.
        var (reports, done, _) = Cut(directory, broken, int.MaxValue, default);
        Assert.True(done && reports > 0);
        int old = 0, repaired = 0;
        for (var i = 0; i < Cuts; i++)
        {
            // Every third at its work, the others at a moment around the swap.
            var (at, wait) = i % 3 == 0
                ? (random.Next(reports) + 1, TimeSpan.Zero)
                : (reports, TimeSpan.FromMicroseconds(random.Next(20_000)));
            var (_, returned, after) = Cut(directory, broken, at, wait);
            var isOld = before.AsSpan().SequenceEqual(after);
            Assert.False(returned && isOld, $"seed {seed}, cut {i}: it was said to be repaired, and is not.");
            old += isOld ? 1 : 0;
            repaired += isOld ? 0 : 1;
        }

        output.WriteLine($"{old} old, {repaired} repaired");
        Assert.True(old > 0, "Nothing was cut before the swap.");
    }

    /// <summary>Repairs the image on a disk of its own, cuts the power, and looks at what is there then.</summary>
    /// <param name="directory">Where the disk is.</param>
    /// <param name="broken">The image.</param>
    /// <param name="report">The report that the power is cut after; if it does not come, when all is done.</param>
    /// <param name="wait">How long after that; not at all on the thread that does the work.</param>
    private static (int Reports, bool Returned, byte[] After) Cut(
        TemporaryDirectory directory, string broken, int report, TimeSpan wait)
    {
        var (disk, mount) = (directory["disk"], directory["mount"]);
        Directory.CreateDirectory(mount);
        File.Delete(disk);
        Ext3Image.Run("truncate", "-s", "96M", disk);
        Ext3Image.Run("mke2fs", "-q", "-t", "ext4", "-F", disk);
        Ext3Image.Run("mount", "-o", "loop", disk, mount);
        var image = Path.Combine(mount, "o.img");
        try
        {
            Ext3Image.Run("cp", "--sparse=always", broken, image);
            Ext3Image.Run("sync", "-f", image);
            int reports;
            bool returned;
            using (var root = File.OpenHandle(image))
                (reports, returned) = RepairAndCut(image, root, report, wait);
            // Whoever looks through /proc at that moment keeps the mount busy for an instant.
            Ext3Image.Run("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do umount -q \"$0\" && exit 0; sleep 0.1; done; umount \"$0\"", mount);
            // A copy: whoever made a mount namespace meanwhile keeps the dead file system, which the kernel would give us.
            Ext3Image.Run("cp", "--sparse=always", disk, disk + "2");
            Ext3Image.Run("mount", "-o", "loop", disk + "2", mount);
            var after = File.ReadAllBytes(image);
            AssertOldOrSound(broken, image, after);
            AssertNextRunFinishes(image);
            return (reports, returned, after);
        }
        finally
        {
            Machine.Run("umount", mount);
        }
    }

    private static (int Reports, bool Returned) RepairAndCut(string image, SafeFileHandle root, int report, TimeSpan wait)
    {
        using var reached = new ManualResetEventSlim();
        var counter = new Counter(report, () =>
        {
            // At work, the cut comes between two steps of it.
            if (wait == TimeSpan.Zero)
                DirtyImages.PullThePlug(root);
            reached.Set();
        });
        var repair = Task.Run(() => OverlayRepairer.Repair(image, null, full: true, counter, TestContext.Current.CancellationToken));
        WaitHandle.WaitAny([reached.WaitHandle, ((IAsyncResult)repair).AsyncWaitHandle]);
        var returned = false;
        if (wait > TimeSpan.Zero || !reached.IsSet)
        {
            ((IAsyncResult)repair).AsyncWaitHandle.WaitOne(reached.IsSet ? wait : Timeout.InfiniteTimeSpan);
            // What failed before the cut has another cause.
            Assert.False(repair.IsFaulted, $"{repair.Exception}");
            returned = repair.IsCompletedSuccessfully;
            DirtyImages.PullThePlug(root);
        }

        // What it does on a dead disk fails, or has no effect.
        ((IAsyncResult)repair).AsyncWaitHandle.WaitOne();
        _ = repair.Exception;
        return (counter.Count, returned);
    }

    private static void AssertOldOrSound(string broken, string image, byte[] after)
    {
        if (!File.ReadAllBytes(broken).AsSpan().SequenceEqual(after))
            new Ext3Image(image).AssertClean();
    }

    private static void AssertNextRunFinishes(string image)
    {
        OverlayRepairer.Repair(image, full: true, token: TestContext.Current.CancellationToken);
        new Ext3Image(image).AssertClean();
        Assert.Equal(["o.img"], Directory.GetFiles(Path.GetDirectoryName(image)!).Select(Path.GetFileName));
    }

    // What the safe repairs can do is done: from here on, the swap alone changes what the path leads to.
    private static string Broken(TemporaryDirectory directory)
    {
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        Ext3Image.Run("debugfs", "-w", "-R", "clri <30>", image.Path);
        OverlayRepairer.Repair(image.Path, token: TestContext.Current.CancellationToken);
        var check = Assert.Single(OverlayTester.Test(image.Path, token: TestContext.Current.CancellationToken));
        Assert.False(check.FileSystem.IsSound);
        return image.Path;
    }

    private sealed class Counter(int at, Action reached) : IProgress<EngineProgress>
    {
        public int Count { get; private set; }

        public void Report(EngineProgress value)
        {
            if (++Count == at)
                reached();
        }
    }
}
