using OverlayTools.Ext;
using OverlayTools.Ext.Check;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>What recovers from a crash is cut by a crash itself: nothing is lost by that.</summary>
public sealed class RecoveryCrashTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    public void A_replay_that_was_cut_is_finished_by_e2fsck_with_the_same_content(uint flags)
    {
        Machine.NeedRoot();
        Machine.NeedTool("e2fsck");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 24 * MiB);
        DirtyImages.ByTheKernel(image, flags, new Random(seed));
        var pristine = directory["pristine"];
        CrashStates.Copy(image.Path, pristine);

        var recording = Recorded(image,
            window => JournalReplay.Find(window, TestContext.Current.CancellationToken)!.Apply(null, TestContext.Current.CancellationToken));
        Preen(image, "whole");
        image.AssertClean();
        var content = CrashStates.Content(image.Path, directory, "/");
        Assert.NotEqual("", content);
        Assert.True(recording.Writes.Count > 10 && recording.Flushes >= 3, "nothing was recorded");

        foreach (var state in CrashStates.Of(recording, new Random(seed), 25))
        {
            var crashed = state.Make(pristine, directory["state"]);
            Preen(crashed, state.Description);
            crashed.AssertClean();
            Assert.True(CrashStates.Content(crashed.Path, directory, "/") == content, $"{state.Description}: content changed");
        }
    }

    [Theory]
    [InlineData("freeb 700 40", "freei <20>")]
    [InlineData("setb 2030 12", "set_bg 0 free_blocks_count 7")]
    public void Counts_are_wrong_as_before_or_right_after_a_repair_that_was_cut(params string[] damages)
    {
        Machine.NeedTool("e2fsck");
        Machine.NeedTool("debugfs");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using var directory = new TemporaryDirectory();
        var image = HostileImages.Ours(directory);
        var content = CrashStates.Content(image.Path, directory);
        foreach (var damage in damages)
            Ext3Image.Run("debugfs", "-w", "-R", damage, image.Path);
        var pristine = directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        var before = Errors(image);
        Assert.True(before > 0);

        var recording = Recorded(image,
            window => Assert.True(ExtChecker.RepairCounts(window, null, TestContext.Current.CancellationToken) > 0));
        image.AssertClean();
        Assert.True(recording.Writes.Count > 5 && recording.Flushes >= 6, "nothing was recorded");

        var seen = new HashSet<int>();
        foreach (var state in CrashStates.Of(recording, new Random(seed)))
        {
            var crashed = state.Make(pristine, directory["state"]);
            var errors = Errors(crashed);
            Assert.True(errors == before || errors == 0, $"{state.Description}: {errors} errors");
            seen.Add(errors);
            Preen(crashed, state.Description);
            crashed.AssertClean();
            Assert.True(CrashStates.Content(crashed.Path, directory) == content, $"{state.Description}: content changed");
        }

        Assert.Equal([0, before], seen.Order());
    }

    [Fact]
    public void A_full_repair_that_is_stopped_anywhere_leaves_what_was_there()
    {
        Machine.NeedTool("e2fsck");
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        Ext3Image.Run("debugfs", "-w", "-R", "sif /upper links_count 17", image.Path);
        Ext3Image.Run("debugfs", "-w", "-R", "sif /upper/large block[3] 999999", image.Path);
        var before = File.ReadAllBytes(image.Path);
        var stopped = 0;
        for (var at = 1; ; at++)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            var progress = new StopAt(at, stop);
            try
            {
                var repair = Assert.Single(OverlayRepairer.Repair(image.Path, null, full: true, progress, stop.Token));
                Assert.True(repair.IsSound && repair.UsedE2fsck);
                break;
            }
            catch (OperationCanceledException)
            {
                stopped++;
            }

            Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)), $"stopped at report {at}: the image changed");
            Assert.Equal([image.Path], Directory.GetFiles(directory.Path));
        }

        output.WriteLine($"stopped {stopped} times");
        Assert.True(stopped > 10, "nothing was stopped");
        image.AssertClean();
        Assert.Equal([image.Path], Directory.GetFiles(directory.Path));
    }

    private static RecordingWindow Recorded(Ext3Image image, Action<Window> work)
    {
        using var file = image.Open();
        var window = new RecordingWindow(new FileWindow(file));
        work(window);
        return window;
    }

    private static int Errors(Ext3Image image)
    {
        using var file = image.Open();
        return ExtChecker.Check(new FileWindow(file), null, TestContext.Current.CancellationToken).ErrorCount;
    }

    private static void Preen(Ext3Image image, string description)
    {
        var (exit, said, error) = Machine.Run("e2fsck", "-f", "-p", image.Path);
        Assert.True(exit is 0 or 1, $"{description}: {said}{error}");
    }

    private sealed class StopAt(int report, CancellationTokenSource stop) : IProgress<EngineProgress>
    {
        private int _reports;

        public void Report(EngineProgress value)
        {
            if (++_reports == report)
                stop.Cancel();
        }
    }
}
