using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Changes of owner and label, seen by the kernel and by e2fsprogs.</summary>
public sealed class OverlayChangerTests(ITestOutputHelper output) : IDisposable
{
    private const long MiB = 1 << 20;

    private static readonly OverlayOwner s_owner = new(4_000_000_000, 123_456);

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void All_below_the_two_directories_gets_the_owner_and_nothing_else_changes()
    {
        var image = Ext3Image.Made(_directory, 16 * MiB, SampleTree.Everything());
        var before = KernelView(image);
        Apply(image, new OverlayChange { Path = image.Path, Owner = s_owner, Recurse = true });
        image.AssertClean();
        var after = KernelView(image);
        Assert.Equal(before.Length, after.Length);
        Assert.Equal(before.Select(line => line.Facts), after.Select(line => line.Facts));
        foreach (var (was, @is) in before.Zip(after))
        {
            var isBelow = @is.Path is "upper" or "work" || @is.Path.StartsWith("upper/", StringComparison.Ordinal);
            Assert.Equal(isBelow ? s_owner.ToString() : was.Owner, @is.Owner);
        }
    }

    [Fact]
    public void Without_Recurse_only_the_two_directories_get_the_owner()
    {
        var image = Ext3Image.Made(_directory, 16 * MiB, SampleTree.Everything());
        var before = KernelView(image);
        Apply(image, new OverlayChange { Path = image.Path, Owner = s_owner, Label = "mine" });
        image.AssertClean();
        Assert.Equal(["upper", "work"], KernelView(image).Except(before).Select(line => line.Path).Order());
        Assert.Contains("Filesystem volume name:   mine\n", image.Dump("-h"));
    }

    [Fact]
    public void What_others_own_stays_theirs_with_From()
    {
        var image = Ext3Image.Made(_directory, 16 * MiB, SampleTree.Everything());
        var before = KernelView(image);
        Apply(image, new OverlayChange { Path = image.Path, Owner = s_owner, Recurse = true, From = new OverlayOwner(5, 6) });
        // disk has the group alone.
        var changed = KernelView(image).Except(before).ToDictionary(line => line.Path, line => line.Owner);
        Assert.Equal(SampleTree.LinkLengths.Select(length => $"upper/link{length}").Append("upper/disk").Order(StringComparer.Ordinal),
            changed.Keys.Order(StringComparer.Ordinal));
        Assert.Equal($"0:{s_owner.GroupId}", changed["upper/disk"]);
        Assert.Equal($"{s_owner}", changed["upper/link1"]);
        image.AssertClean();
    }

    [Fact]
    public void What_is_so_already_is_not_written()
    {
        var image = Ext3Image.Made(_directory, 8 * MiB, SampleTree.Everything());
        var change = new OverlayChange { Path = image.Path, Owner = s_owner, Recurse = true, Label = "l" };
        Apply(image, change);
        Assert.Empty(Record(image, change).Steps);
    }

    [Fact]
    public void A_crash_leaves_all_or_nothing()
    {
        Machine.NeedTool("e2fsck");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var image = Ext3Image.Made(_directory, 8 * MiB, SampleTree.Everything());
        var pristine = _directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        var before = Owners(image);
        var recording = Record(image, new OverlayChange { Path = image.Path, Owner = s_owner, Recurse = true, Label = "new" });
        var after = Owners(image);
        Assert.True(recording.Writes.Count > 5 && recording.Flushes > 3);
        Assert.NotEqual(before, after);
        var (old, @new) = (0, 0);
        foreach (var state in CrashStates.Of(recording, new Random(seed)))
        {
            var crashed = state.Make(pristine, _directory["crashed"]);
            RecoverByE2fsck(crashed, state.Description);
            var found = Owners(crashed);
            Assert.True(found == before || found == after, state.Description);
            _ = found == before ? old++ : @new++;
        }

        output.WriteLine($"{old} states as before, {@new} as after");
        Assert.True(old > 0 && @new > 0);
    }

    [Fact]
    public void More_than_the_journal_holds_is_changed_in_steps_each_of_which_is_sound_and_the_directories_come_last()
    {
        Machine.NeedTool("e2fsck");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var upper = root.Add("upper", ExtNode.Directory(0x1ED, 1, 1));
        root.Add("work", ExtNode.Directory(0x1ED, 1, 1));
        for (var i = 0; i < 6000; i++)
            upper.Add($"f{i}", ExtNode.File(ExtContent.Empty, 0x1A4, 1, 1));
        var image = Ext3Image.Made(_directory, 12 * MiB, root, new ExtFormatOptions { InodeCount = 8192 });
        var pristine = _directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        var recording = Record(image, new OverlayChange { Path = image.Path, Owner = s_owner, Recurse = true });
        image.AssertClean();
        Assert.DoesNotContain("1:1", Owners(image));

        var partly = 0;
        foreach (var state in CrashStates.Of(recording, new Random(seed), spread: 8))
        {
            var crashed = state.Make(pristine, _directory["crashed"]);
            RecoverByE2fsck(crashed, state.Description);
            var owners = Owners(crashed).Split('\n');
            var isDone = owners.All(line => line.EndsWith($" {s_owner}", StringComparison.Ordinal));
            var isBegun = owners.Any(line => line.EndsWith($" {s_owner}", StringComparison.Ordinal));
            Assert.True(isDone || owners.Count(line => line is "upper 1:1" or "work 1:1") == 2, state.Description);
            partly += isBegun && !isDone ? 1 : 0;
        }

        Assert.True(partly > 0, "there was one step only");
    }

    [Fact]
    public void A_dirty_journal_is_replayed_first()
    {
        Machine.NeedRoot();
        var image = Ext3Image.Made(_directory, 32 * MiB, SampleTree.Everything());
        DirtyImages.ByTheKernel(image, 1, new Random(3));
        Apply(image, new OverlayChange { Path = image.Path, Owner = s_owner });
        image.AssertClean();
        Assert.Contains("/late", image.Debug("ls -p /"));
        // debugfs shows ids as signed numbers.
        Assert.Matches(@"User:\s+-294967296\s+Group:\s+123456", image.Debug("stat /upper"));
    }

    [Fact]
    public void Cancelling_leaves_what_was_there()
    {
        var image = Ext3Image.Made(_directory, 8 * MiB, SampleTree.Everything());
        var before = File.ReadAllBytes(image.Path);
        using var stop = new CancellationTokenSource();
        var progress = new StopAt(3, stop);
        Assert.Throws<OperationCanceledException>(() => OverlayChanger.Apply(
            new OverlayChange { Path = image.Path, Owner = s_owner, Recurse = true, Label = "x" }, progress, stop.Token));
        Assert.Equal(before, File.ReadAllBytes(image.Path));
    }

    [Fact]
    public void What_cannot_be_changed_says_why_and_stays()
    {
        var bare = Ext3Image.Made(_directory, 8 * MiB, ExtNode.Directory(0x1ED, 0, 0));
        Refused(bare, ErrorIds.OverlayMissingUpper, new OverlayChange { Path = bare.Path, Owner = s_owner });
        Refused(bare, ErrorIds.OverlayLabelInvalid, new OverlayChange { Path = bare.Path, Label = "seventeen letters" });
        Refused(bare, ErrorIds.OptionConflict, new OverlayChange { Path = bare.Path, Label = "x", Id = 3 });
        using (var reader = bare.Open())
        {
            Assert.True(RangeLock.Acquire(reader, bare.Path, exclusive: false, 0, 0));
            Refused(bare, ErrorIds.OverlayInUse, new OverlayChange { Path = bare.Path, Label = "x" });
        }

        var damaged = Ext3Image.Made(_directory, 8 * MiB, SampleTree.Everything());
        Machine.NeedTool("debugfs");
        Ext3Image.Run("debugfs", "-w", "-R", "ssv state 2", damaged.Path);
        Refused(damaged, ErrorIds.OverlayCorrupt, new OverlayChange { Path = damaged.Path, Owner = s_owner });
        Assert.Equal(ErrorIds.OverlayNotExt3, Assert.Throws<EngineException>(() => OverlayChanger.Apply(
            new OverlayChange { Path = _directory.Path, Label = "x" }, null, TestContext.Current.CancellationToken)).ErrorId);
    }

    private static void Refused(Ext3Image image, string errorId, OverlayChange change)
    {
        var before = File.ReadAllBytes(image.Path);
        Assert.Equal(errorId, Assert.Throws<EngineException>(() => Apply(image, change)).ErrorId);
        Assert.Equal(before, File.ReadAllBytes(image.Path));
    }

    private static void Apply(Ext3Image image, OverlayChange change)
    {
        Assert.Equal(image.Path, change.Path);
        Assert.Single(OverlayChanger.Apply(change, null, TestContext.Current.CancellationToken));
    }

    private static RecordingWindow Record(Ext3Image image, OverlayChange change)
    {
        using var file = image.Open();
        var window = new RecordingWindow(new FileWindow(file));
        OverlayChanger.Apply(window, change, null, TestContext.Current.CancellationToken);
        return window;
    }

    private static void RecoverByE2fsck(Ext3Image image, string description)
    {
        var (exit, said, error) = Machine.Run("e2fsck", "-p", image.Path);
        Assert.True(exit is 0 or 1, $"{description}: {said}{error}");
        (exit, said, error) = Machine.Run("e2fsck", "-fn", image.Path);
        Assert.True(exit == 0 && !said.Contains("Fix?", StringComparison.Ordinal), $"{description}: {said}{error}");
    }

    /// <summary>Owners of upper, work and what is in them, a line each.</summary>
    private static string Owners(Ext3Image image) => image.Read(fileSystem =>
    {
        var lines = new List<string>();
        foreach (var name in new[] { "upper", "work" })
        {
            var directory = fileSystem.Find("/" + name)!.Value;
            lines.Add($"{name} {Of(directory)}");
            lines.AddRange(fileSystem.ReadDirectory(directory).Select(entry => $"{name}/{entry.Name} {Of(entry.Inode)}"));
        }

        return string.Join('\n', lines);

        OverlayOwner Of(uint inode) => new(fileSystem.ReadInode(inode).UserId, fileSystem.ReadInode(inode).GroupId);
    });

    private static (string Path, string Owner, string Facts)[] KernelView(Ext3Image image)
    {
        (string, string, string)[] lines = [];
        image.Mounted("ro", point => lines = [.. Ext3Image.Run(
            "find", point, "-mindepth", "1", "-printf", "%P\\t%U:%G\\t%y %m %s %n %l %T@\\n").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Order(StringComparer.Ordinal).Select(line => line.Split('\t')).Select(parts => (parts[0], parts[1], parts[2]))]);
        return lines;
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
