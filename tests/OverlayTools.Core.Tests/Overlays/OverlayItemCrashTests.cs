using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Cuts the recorded writes of removing and of copying in anywhere: the image opens as before or as after, to us
/// at once and to e2fsck when it has replayed the journal.</summary>
public sealed class OverlayItemCrashTests(ITestOutputHelper output) : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Removing_a_tree_and_hiding_what_the_base_has_is_done_or_not() => Cut(window => OverlayEditing.Run(
        window, 0,
        editor => new OverlayItemRemoval { Path = "image", ItemPaths = ["/many", "/large", "/gone"], Recurse = true }.RunIn(editor, Token),
        Assert.Fail, null, Token));

    [Fact]
    public void Hiding_is_done_or_not() => Cut(window => OverlayEditing.Run(
        window, 0,
        editor => new OverlayItemRemoval { Path = "image", ItemPaths = ["/many", "/usr/lib/x"], Recurse = true, Whiteout = true }.RunIn(editor, Token),
        Assert.Fail, null, Token));

    [Fact]
    public void Copying_in_is_done_or_not()
    {
        Directory.CreateDirectory(_directory["source/sub"]);
        for (var i = 0; i < 40; i++)
            File.WriteAllBytes(_directory[$"source/sub/{i}"], SampleTree.Bytes(i, i * 500));
        File.WriteAllBytes(_directory["source/large"], SampleTree.Bytes(1, 600_000));
        var import = new OverlayItemImport
        {
            ImagePath = "image", Sources = [_directory["source/sub"], _directory["source/large"]], ItemDestination = "/gone", Recurse = true,
        };
        Cut(window => import.RunIn(window, Assert.Fail, Token));
    }

    private void Cut(Action<Window> work)
    {
        Machine.NeedTool("e2fsck");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var image = Ext3Image.Made(_directory, 8 * MiB, Tree());
        var pristine = _directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        var (before, blocksBefore) = (Items(image.Path), image.Field("Free blocks"));
        RecordingWindow recording;
        using (var file = image.Open())
        {
            recording = new RecordingWindow(new FileWindow(file));
            work(recording);
        }

        image.AssertClean();
        var (after, blocksAfter) = (Items(image.Path), image.Field("Free blocks"));
        Assert.NotEqual(before, after);
        Assert.True(recording.Writes.Count > 5 && recording.Flushes >= 3, "Nothing was recorded.");

        var seen = new int[2];
        foreach (var crash in CrashStates.Of(recording, new Random(seed)))
        {
            var state = crash.Make(pristine, _directory["state"]);
            var found = Items(state.Path);
            var isAfter = found == after;
            Assert.True(isAfter || found == before, $"{crash.Description}: other items: {found}");
            seen[isAfter ? 1 : 0]++;
            var (exit, said, error) = Machine.Run("e2fsck", "-p", state.Path);
            Assert.True(exit is 0 or 1, $"{crash.Description}: {said}{error}");
            state.AssertClean();
            Assert.Equal((crash.Description, found, isAfter ? blocksAfter : blocksBefore),
                (crash.Description, Items(state.Path), state.Field("Free blocks")));
        }

        output.WriteLine($"{recording.Writes.Count} writes, {recording.Flushes} flushes: before {seen[0]}, after {seen[1]}");
        Assert.DoesNotContain(0, seen);
    }

    // What there is, and, of files, what is in them.
    private static string Items(string path)
    {
        using var content = OverlayContent.OpenOne(path, null, Assert.Fail, Token);
        return string.Join('\n', OverlayItemReader.Read(new OverlayItemQuery { Path = path, Recurse = true }, Assert.Fail, Token)
            .Select(item => $"{item.ItemPath} {item.Meaning} {item.SizeBytes} {Digest(content, item)}"));
    }

    private static string Digest(OverlayContent content, OverlayItem item)
    {
        if (item.ItemType != OverlayItemType.File)
            return string.Empty;
        using var stream = content.OpenFile(new OverlayPath(item.ItemPath).Resolve(content, Token).Single());
        return Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(stream));
    }

    private static ExtNode Tree()
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var upper = root.Add("upper", ExtNode.Directory(0x1ED, 0, 0));
        root.Add("work", ExtNode.Directory(0x1C0, 0, 0));
        var many = upper.Add("many", ExtNode.Directory(0x1ED, 0, 0));
        for (var i = 0; i < 150; i++)
            many.Add($"a name of some length, number {i}", ExtNode.File(ExtContent.FromBytes(SampleTree.Bytes(i, i * 10)), 0x1A4, 1, 2));
        upper.Add("large", ExtNode.File(ExtContent.FromBytes(SampleTree.Bytes(1, 500_000)), 0x1A4, 0, 0));
        upper.Add("gone", ExtNode.Special(ExtFileType.CharacterDevice, 0, 0, 0));
        upper.Add("kept", ExtNode.File(ExtContent.FromBytes(SampleTree.Bytes(2, 5_000)), 0x1A4, 0, 0));
        return root;
    }
}
