using OverlayTools.Ext;
using OverlayTools.Ext.Edit;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext.Edit;

/// <summary>Cuts the recorded writes of edits anywhere: whoever comes next must find the tree as it was before or after a
/// commit, whole.</summary>
public sealed class ExtEditorCrashTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData("1024")]
    [InlineData("4096")]
    public void After_a_crash_the_tree_is_as_before_or_after_a_commit(string blockSize)
    {
        Machine.NeedRoot();
        Machine.NeedTool("e2fsck");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 20 * MiB, "-b", blockSize);
        Edited(image, editor => Prepare(editor));
        image.AssertClean();
        var pristine = directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        var trees = new List<string> { Tree(image) };

        var recording = Edited(image, editor =>
        {
            First(editor);
            Assert.True(editor.Commit());
            Second(editor);
        });
        image.AssertClean();
        Assert.True(recording.Writes.Count > 60 && recording.Flushes >= 14, "nothing was recorded");
        // Between the two commits.
        var half = new CrashStates("half", [.. recording.Steps.Take(recording.FlushedAt[recording.Flushes / 2 - 1])])
            .Make(pristine, directory["half"]);
        half.AssertClean();
        trees.Add(Tree(half));
        trees.Add(Tree(image));
        Assert.Equal(3, trees.Distinct().Count());

        var seen = new int[3];
        var which = 0;
        foreach (var crash in CrashStates.Of(recording, new Random(seed), 6))
        {
            var description = crash.Description;
            var state = crash.Make(pristine, directory["state"]);
            Recover(state, which++ % 3, description);
            state.AssertClean();
            var tree = trees.IndexOf(Tree(state));
            Assert.True(tree >= 0, $"{description}: another tree");
            seen[tree]++;
        }

        output.WriteLine($"before {seen[0]}, between {seen[1]}, after {seen[2]}");
        Assert.DoesNotContain(0, seen);
    }

    [Fact]
    public void The_orphan_list_can_be_finished_by_whoever_comes_next()
    {
        Machine.NeedRoot();
        Machine.NeedTool("e2fsck");
        Machine.NeedTool("setfattr");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 20 * MiB, "-b", "1024");
        image.Mounted("rw", point => File.WriteAllBytes(point + "/late", SampleTree.Bytes(1, 5000)));
        var (blocks, inodes) = (image.Field("Free blocks"), image.Field("Free inodes"));
        DirtyImages.WithOrphans(image);
        RecordingWindow recording;
        using (var file = image.Open())
        {
            var window = new FileWindow(file);
            JournalReplay.Find(window, TestContext.Current.CancellationToken)!.Apply(null, TestContext.Current.CancellationToken);
            CrashStates.Copy(image.Path, directory["pristine"]);
            recording = new RecordingWindow(window);
            Assert.Equal(7, OrphanList.Process(recording, TestContext.Current.CancellationToken));
        }

        Assert.True(recording.Writes.Count > 10 && recording.Flushes >= 7, "nothing was recorded");
        var which = 0;
        foreach (var crash in CrashStates.Of(recording, new Random(seed), 5))
        {
            var description = crash.Description;
            var state = crash.Make(directory["pristine"], directory["state"]);
            Recover(state, which++ % 3, description);
            state.AssertClean();
            Assert.Equal((description, blocks, inodes), (description, state.Field("Free blocks"), state.Field("Free inodes")));
        }
    }

    private static void Recover(Ext3Image state, int how, string description)
    {
        switch (how)
        {
            case 0:
                var (exit, said, error) = Machine.Run("e2fsck", "-f", "-p", state.Path);
                Assert.True(exit is 0 or 1, $"{description}: {said}{error}");
                break;
            case 1:
                state.Mounted("rw,noatime", _ => { });
                break;
            default:
                var repair = Assert.Single(OverlayRepairer.Repair(state.Path, null, false, null, TestContext.Current.CancellationToken));
                Assert.True(repair.IsSound, description);
                break;
        }
    }

    private static RecordingWindow Edited(Ext3Image image, Action<ExtEditor> edit)
    {
        using var file = image.Open();
        var window = new RecordingWindow(new FileWindow(file));
        using var editor = ExtEditor.Open(window);
        editor.Time = SampleTree.Stamp;
        edit(editor);
        Assert.True(editor.Commit());
        return window;
    }

    private static void Prepare(ExtEditor editor)
    {
        var upper = editor.MakeDirectory(ExtEditor.Root, "upper", 0x1ED, 0, 0);
        foreach (var (name, size) in new[] { ("overwritten", 90_000), ("cut", 400_000), ("removed", 300_000), ("moved", 10), ("replaced", 20_000) })
            editor.Write(editor.CreateFile(upper, name, 0x1A4, 1, 2), 0, SampleTree.Bytes(size, size));
        var many = editor.MakeDirectory(upper, "many", 0x1ED, 0, 0);
        for (var i = 0; i < 300; i++)
            editor.CreateFile(many, $"a name of some length, number {i}", 0x1A4, 0, 0);
        editor.MakeDirectory(editor.MakeDirectory(upper, "d1", 0x1ED, 0, 0), "inner", 0x1ED, 0, 0);
        editor.MakeDirectory(upper, "d2", 0x1ED, 0, 0);
        editor.SetAttribute(upper, "user.note", SampleTree.Bytes(1, 500));
    }

    private static void First(ExtEditor editor)
    {
        uint At(string path) => editor.Find("/upper/" + path)!.Value;
        var upper = editor.Find("/upper")!.Value;
        editor.Write(At("overwritten"), 5_000, SampleTree.Bytes(7, 30_000));
        editor.Truncate(At("cut"), 100_001);
        editor.Unlink(upper, "removed");
        editor.Rename(upper, "moved", At("d2"), "here");
        editor.Rename(At("d1"), "inner", At("d2"), "inner");
        for (var i = 0; i < 300; i += 3)
            editor.Unlink(At("many"), $"a name of some length, number {i}");
        for (var i = 0; i < 100; i++)
            editor.CreateFile(At("many"), $"another name, number {i}", 0x1A4, 0, 0);
        editor.SetAttribute(upper, "user.note", SampleTree.Bytes(2, 600));
        editor.MakeNode(upper, "whiteout", ExtFileType.CharacterDevice, 0, 0, 0);
        editor.SetOwner(upper, 1000, 1000);
    }

    private static void Second(ExtEditor editor)
    {
        var upper = editor.Find("/upper")!.Value;
        editor.WriteFrom(editor.Find("/upper/replaced")!.Value, ExtContent.FromBytes(SampleTree.Bytes(9, 123_456)));
        editor.RemoveTree(upper, "many", null, TestContext.Current.CancellationToken);
        // Uses blocks again that the first commit freed.
        editor.Write(editor.CreateFile(upper, "large", 0x1A4, 0, 0), 0, SampleTree.Bytes(10, 700_000));
        editor.MakeSymbolicLink(upper, "link", new string('t', 300), 0, 0);
        editor.Link(editor.Find("/upper/cut")!.Value, upper, "cut again");
        editor.RemoveAttribute(upper, "user.note");
        editor.SetLabel("edited");
    }

    private static string Tree(Ext3Image image)
    {
        var tree = "";
        image.Mounted("ro,noatime,user_xattr", point => tree = MountedTree.Describe(point));
        return tree + image.Dump("-h").Split('\n')[0];
    }
}
