using System.Diagnostics;
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

        // How long it takes, uncut; the first time, the just-in-time compiler has its share.
        _ = Cut(directory, broken, TimeSpan.FromHours(1));
        var (whole, done, _) = Cut(directory, broken, TimeSpan.FromHours(1));
        Assert.True(done);
        int old = 0, repaired = 0;
        for (var i = 0; i < Cuts; i++)
        {
            // Most cuts near the end, where the copy takes the image's place.
            var share = i % 3 == 0 ? random.NextDouble() : 0.6 + 0.45 * random.NextDouble();
            var (_, returned, after) = Cut(directory, broken, whole * share);
            var isOld = before.AsSpan().SequenceEqual(after);
            Assert.False(returned && isOld, $"seed {seed}, cut {i}: it was said to be repaired, and is not.");
            old += isOld ? 1 : 0;
            repaired += isOld ? 0 : 1;
        }

        output.WriteLine($"{old} old, {repaired} repaired");
        Assert.True(old > 0, "Nothing was cut before the swap.");
    }

    /// <summary>Repairs the image on a disk of its own, cuts the power after a time, and looks at what is there
    /// then.</summary>
    private static (TimeSpan Took, bool Returned, byte[] After) Cut(TemporaryDirectory directory, string broken, TimeSpan when)
    {
        var (disk, mount) = (directory["disk"], directory["mount"]);
        Directory.CreateDirectory(mount);
        File.Delete(disk);
        Ext3Image.Run("truncate", "-s", "96M", disk);
        Ext3Image.Run("mke2fs", "-q", "-t", "ext4", "-F", disk);
        Ext3Image.Run("mount", "-o", "loop", disk, mount);
        var image = Path.Combine(mount, "o.img");
        var watch = new Stopwatch();
        var returned = false;
        try
        {
            Ext3Image.Run("cp", "--sparse=always", broken, image);
            Ext3Image.Run("sync", "-f", image);
            using var root = File.OpenHandle(Path.Combine(mount, "o.img"));
            watch.Start();
            var repair = Task.Run(() => OverlayRepairer.Repair(image, full: true, token: TestContext.Current.CancellationToken));
            try
            {
                if (repair.Wait(when, TestContext.Current.CancellationToken))
                    returned = repair.Result.Single().IsSound;
            }
            catch (AggregateException)
            {
                Assert.Fail($"It failed before the cut: {repair.Exception}");
            }

            var took = watch.Elapsed;
            DirtyImages.PullThePlug(root);
            // What it does on a dead disk fails, or has no effect.
            ((IAsyncResult)repair).AsyncWaitHandle.WaitOne();
            _ = repair.Exception;
            root.Dispose();
            Ext3Image.Run("umount", mount);
            // A copy: whoever made a mount namespace meanwhile keeps the dead file system, which the kernel would give us.
            Ext3Image.Run("cp", "--sparse=always", disk, disk + "2");
            Ext3Image.Run("mount", "-o", "loop", disk + "2", mount);
            var after = File.ReadAllBytes(image);
            AssertOldOrSound(broken, image, after);
            AssertNextRunFinishes(image);
            return (took, returned, after);
        }
        finally
        {
            Machine.Run("umount", mount);
        }
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
}
