using OverlayTools.Ext;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Cuts the recorded writes of a growth anywhere: e2fsck must find the old file system or the new one,
/// whole.</summary>
public sealed class ExtGrowthCrashTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const long GiB = 1 << 30;
    private const int StatesPerGrowth = 60;

    [Theory]
    [InlineData(61 * MiB, 62 * MiB, false)]       // inside the last group
    [InlineData(61 * MiB, 100 * MiB, false)]      // a partial last group, new groups, a new backup
    [InlineData(24 * MiB, GiB + 300 * MiB, true)] // new descriptor blocks out of the reserve
    [InlineData(600 * MiB, 17 * GiB, true)]       // the same with blocks of 4 KiB
    public void After_a_crash_the_file_system_is_old_or_new_and_whole(long before, long after, bool madeByMke2fs)
    {
        Machine.NeedTool("e2fsck");
        Machine.NeedTool("debugfs");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var directory = new TemporaryDirectory();
        var image = madeByMke2fs ? MadeByMke2fs(directory, before) : Ext3Image.Made(directory, before, Tree());
        var pristine = directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        var oldBlocks = image.Field("Block count");
        var content = CrashStates.Content(image.Path, directory);
        Assert.NotEqual("", content);

        var recording = image.Record(after);
        image.AssertClean();
        var newBlocks = image.Field("Block count");
        Assert.True(newBlocks > oldBlocks);
        Assert.True(recording.Writes.Count > 10 && recording.Flushes >= 7, "nothing was recorded");

        var seen = new HashSet<long>();
        // Most of the steps are new groups and the log; everything around the last flushes is looked at.
        foreach (var state in CrashStates.Of(recording, random, StatesPerGrowth))
        {
            var description = state.Description;
            var crashed = state.Make(pristine, directory["state"]);
            var (exit, said, error) = Machine.Run("e2fsck", "-f", "-p", crashed.Path);
            Assert.True(exit is 0 or 1, $"{description}: {said}{error}");
            crashed.AssertClean();
            var blocks = crashed.Field("Block count");
            Assert.True(blocks == oldBlocks || blocks == newBlocks, $"{description}: {blocks} blocks");
            Assert.True(CrashStates.Content(crashed.Path, directory) == content, $"{description}: content changed");
            seen.Add(blocks);
        }

        Assert.Equal([oldBlocks, newBlocks], seen.Order());
    }

    [Fact]
    public void A_journal_that_was_not_replayed_is_replayed_by_the_kernel()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 61 * MiB, Tree());
        var pristine = directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        var recording = image.Record(100 * MiB);
        // The log has its start, nothing is in place: three flushes before the end of the in-place writes.
        new CrashStates("before the changes", [.. recording.Steps.Take(recording.FlushedAt[3])]).ApplyTo(pristine);
        var crashed = new Ext3Image(pristine);
        Assert.True(crashed.Read(fs => fs.Superblock.NeedsRecovery));
        crashed.Mounted("rw", _ => { });
        crashed.Mounted("rw", point => Assert.Equal(SampleTree.Bytes(1, 300_000), File.ReadAllBytes(point + "/upper/a")));
        Assert.Equal(100 * MiB / 1024, crashed.Field("Block count"));
        Assert.InRange(Machine.Run("e2fsck", "-f", "-p", pristine).ExitCode, 0, 1);
        crashed.AssertClean();
    }

    private static Ext3Image MadeByMke2fs(TemporaryDirectory directory, long size)
    {
        var source = directory["source"];
        Directory.CreateDirectory(source + "/upper");
        File.WriteAllBytes(source + "/upper/a", SampleTree.Bytes(1, 300_000));
        File.WriteAllBytes(source + "/upper/b", SampleTree.Bytes(2, 5000));
        return Ext3Image.MadeByMke2fs(directory, size, "-d", source);
    }

    private static ExtNode Tree()
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var upper = root.Add("upper", ExtNode.Directory(0x1ED, 0, 0));
        upper.Add("a", ExtNode.File(ExtContent.FromBytes(SampleTree.Bytes(1, 300_000)), 0x1A4, 0, 0));
        upper.Add("b", ExtNode.File(ExtContent.FromBytes(SampleTree.Bytes(2, 5000)), 0x1A4, 0, 0));
        return root;
    }
}
