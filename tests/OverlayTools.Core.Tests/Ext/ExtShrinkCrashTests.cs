using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Cuts the recorded writes of a shrinking anywhere: the kernel and e2fsck must find the old size or the new
/// one, and all files.</summary>
public sealed class ExtShrinkCrashTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const int StatesForEach = 40;

    [Theory]
    [InlineData(60, 0, "-O", "^has_journal")]
    [InlineData(60, 3, "-g", "1024", "-O", "^has_journal")]
    [InlineData(60, 1, "-b", "2048", "-O", "^has_journal")]
    public void After_a_crash_the_file_system_has_one_of_both_sizes_and_all_files(long mebibytes, long spare, params string[] options)
    {
        Machine.NeedRoot();
        Machine.NeedTool("e2fsck");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var directory = new TemporaryDirectory();
        var image = ExtShrinkerTests.Scattered(directory, mebibytes * MiB, 200, options);
        var pristine = directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        var oldBlocks = image.Field("Block count");
        var reserve = image.Read(fs => fs.Geometry.DescriptorBlocks + fs.Geometry.ReservedGdtBlocks);
        var journal = image.Debug("blocks <8>");
        var content = Content(image);

        var recording = image.RecordShrink(image.MinimumSize() + spare * MiB);
        image.AssertClean();
        var newBlocks = image.Field("Block count");
        Assert.NotEqual(journal, image.Debug("blocks <8>"));
        Assert.True(recording.Writes.Count > 100 && recording.Flushes >= 30, "nothing was recorded");
        output.WriteLine($"{recording.Steps.Count} steps, {recording.Flushes} flushes, {oldBlocks} -> {newBlocks} blocks");

        var seen = new HashSet<long>();
        var lost = 0;
        var states = CrashStates.Of(recording, random, 30).ToList();
        // The end, where the size changes, is looked at closely; of the rest a part.
        var last = states.Count - 28;
        foreach (var state in states.Where((_, i) => i == 0 || i >= last || random.Next(last) < StatesForEach - 28))
        {
            var description = state.Description;
            var crashed = state.Make(pristine, directory["state"]);
            var byKernel = random.Next(3) == 0;
            if (byKernel)
                crashed.Mounted("rw", point => File.WriteAllBytes(point + "/lost+found/new", SampleTree.Bytes(1, 4000)));
            var (exit, said, error) = Machine.Run("e2fsck", "-f", "-p", crashed.Path);
            Assert.True(exit is 0 or 1, $"{description}, kernel: {byKernel}: {said}{error}");
            crashed.AssertClean();
            var blocks = crashed.Field("Block count");
            Assert.True(blocks == oldBlocks || blocks == newBlocks, $"{description}: {blocks} blocks");
            Assert.True(Content(crashed) == content, $"{description}, kernel: {byKernel}: content changed");
            seen.Add(blocks);
            if (byKernel || crashed.Read(fs => fs.Superblock.Features.Contains("resize_inode")))
                continue;
            // The next resizing finds that the reserve has gone, and makes it anew where nothing was written since.
            lost++;
            OverlayResizer.Resize(crashed.Path, blocks * image.Field("Block size") + 100 * MiB, null, TestContext.Current.CancellationToken);
            crashed.AssertClean();
            // No more than one block can list, which is one less than there may have been.
            Assert.InRange(crashed.Read(fs => fs.Geometry.DescriptorBlocks + fs.Geometry.ReservedGdtBlocks), reserve - 1, reserve);
            Assert.True(Content(crashed) == content, $"{description}: content changed after growing");
        }

        Assert.Equal([newBlocks, oldBlocks], seen.Order());
        Assert.InRange(lost, 1, int.MaxValue);
    }

    private static string Content(Ext3Image image)
    {
        var content = "";
        image.Mounted("ro", point => content = ExtShrinkerTests.FullDescription(point + "/upper"));
        return content;
    }
}
