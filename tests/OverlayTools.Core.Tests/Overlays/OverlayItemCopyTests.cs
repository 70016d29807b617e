using System.Globalization;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Items copied out of images and into them, seen by the kernel and by e2fsprogs.</summary>
public sealed class OverlayItemCopyTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        // There are names that are not text.
        Machine.Run("rm", "-rf", _directory["out"], _directory["source"]);
        _directory.Dispose();
    }

    [Fact]
    public void What_is_copied_out_is_what_the_kernel_shows()
    {
        Machine.NeedRoot();
        Machine.NeedTool("getfattr");
        var image = Ext3Image.MadeByMke2fs(_directory, 96 * MiB);
        image.Mounted("acl,user_xattr", point => KernelTree.Fill(point, 300, 100L << 20));
        var before = File.ReadAllBytes(image.Path);
        CopyOut(image.Path, _directory["out"], replace: false);
        Assert.Equal(before, File.ReadAllBytes(image.Path));
        image.Mounted("ro", point => Assert.Equal(View(point + "/upper"), View(_directory["out"])));
        // The holes stay: the sparse file of 100 MiB has a few blocks.
        Assert.InRange(long.Parse(Ext3Image.Run("stat", "-c", "%b", _directory["out/sparse"]), CultureInfo.InvariantCulture), 1, 1000);
    }

    [Fact]
    public void What_is_copied_in_is_what_the_kernel_shows()
    {
        Machine.NeedRoot();
        Machine.NeedTool("getfattr");
        var source = Directory.CreateDirectory(_directory["source"]).FullName;
        KernelTree.Fill(source, 200, 100L << 20);
        var image = Ext3Image.Made(_directory, 96 * MiB, Overlay(ExtNode.Directory(0x1ED, 0, 0)));
        var import = new OverlayItemImport
        {
            ImagePath = image.Path,
            Sources = [_directory["source/upper"]],
            ItemDestination = "/a/b",
            Recurse = true,
            KeepOwner = true,
        };
        Assert.Equal(["/a/b/upper"], import.Run(null, null, Token));
        image.AssertClean();
        // Times that inodes cannot hold, and flags of the host's file system, are not compared.
        image.Mounted("ro", point => Assert.Equal(View(source + "/upper"), View(point + "/upper/a/b/upper")));
    }

    [Fact]
    public void A_dirty_image_is_copied_as_it_will_be_and_stays()
    {
        Machine.NeedRoot();
        var image = Ext3Image.Made(_directory, 32 * MiB, SampleTree.Everything());
        DirtyImages.ByTheKernel(image, 1, new Random(3));
        var before = File.ReadAllBytes(image.Path);
        CopyOut(image.Path, _directory["out"], replace: false);
        Assert.Equal(before, File.ReadAllBytes(image.Path));
        CrashStates.Copy(image.Path, _directory["copy.img"]);
        var replayed = new Ext3Image(_directory["copy.img"]);
        Ext3Image.Run("sh", "-c", $"e2fsck -p '{replayed.Path}' >&2 || [ $? -le 1 ]");
        replayed.Mounted("ro", point => Assert.Equal(View(point + "/upper"), View(_directory["out"])));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_link_leads_out_of_the_destination(bool replace)
    {
        var victim = Directory.CreateDirectory(_directory["victim"]).FullName;
        File.WriteAllText(victim + "/file", "untouched");
        var upper = ExtNode.Directory(0x1ED, 0, 0);
        var trap = upper.Add("trap", ExtNode.Directory(0x1ED, 0, 0));
        trap.Add("file", ExtNode.File(ExtContent.FromBytes([1]), 0x1FF, 0, 0));
        upper.Add("file", ExtNode.File(ExtContent.FromBytes([2]), 0x1FF, 0, 0));
        upper.Add("etc", ExtNode.SymbolicLink("/", 0, 0));
        var image = Ext3Image.Made(_directory, 8 * MiB, Overlay(upper));
        var target = Directory.CreateDirectory(_directory["out"]).FullName;
        File.CreateSymbolicLink(target + "/trap", victim);
        File.CreateSymbolicLink(target + "/file", victim + "/file");

        using (var export = OverlayItemExport.Open(image.Path, null, target, replace, null, null, Token))
        {
            Assert.Equal(replace ? ErrorIds.OverlayWrongFileType : ErrorIds.OverlayAlreadyExists,
                Assert.Throws<EngineException>(() => export.Copy("/trap", recurse: true)).ErrorId);
            if (replace)
                export.Copy("/file", recurse: false);
            else
                Assert.Throws<EngineException>(() => export.Copy("/file", recurse: false));
            export.Copy("/etc", recurse: true);
            Assert.Equal(ErrorIds.OverlayItemNotFound, Assert.Throws<EngineException>(() => export.Copy("/etc/passwd", recurse: true)).ErrorId);
            Assert.Equal(ErrorIds.InvalidDirectoryName, Assert.Throws<EngineException>(() => export.Copy("/trap/../../x", recurse: true)).ErrorId);
        }

        Assert.Equal("untouched", File.ReadAllText(victim + "/file"));
        Assert.Equal([victim + "/file"], Directory.GetFileSystemEntries(victim));
        Assert.Equal(replace ? null : victim + "/file", new FileInfo(target + "/file").LinkTarget);
        Assert.Equal("/", new FileInfo(target + "/etc").LinkTarget);
    }

    [Fact]
    public void Stopping_leaves_nothing_in_part()
    {
        var image = Ext3Image.Made(_directory, 16 * MiB, SampleTree.Everything());
        using var stop = new CancellationTokenSource();
        using (var export = OverlayItemExport.Open(image.Path, null, _directory["out"], false, null, new StopAt(2, stop), stop.Token))
            Assert.Throws<OperationCanceledException>(() => export.Copy("/large", recurse: true));
        Assert.Empty(Directory.GetFileSystemEntries(_directory["out"]));
        Directory.CreateDirectory(_directory["in"]);
        for (var i = 0; i < 10; i++)
            File.WriteAllText(_directory[$"in/{i}"], "x");
        var before = (Listing(image), image.Dump());
        using var again = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Import(image, "in").Run(null, new StopAt(5, again), again.Token));
        // Contents went into free blocks, and those are free still.
        Assert.Equal(before, (Listing(image), image.Dump()));
        image.AssertClean();
    }

    [Fact]
    public void After_a_crash_all_is_there_or_nothing()
    {
        Machine.NeedTool("debugfs");
        var image = Ext3Image.Made(_directory, 8 * MiB, Overlay(ExtNode.Directory(0x1ED, 0, 0)));
        Directory.CreateDirectory(_directory["in/sub"]);
        for (var i = 0; i < 20; i++)
            File.WriteAllBytes(_directory[$"in/sub/{i}"], SampleTree.Bytes(i, 3000));
        var pristine = _directory["pristine.img"];
        CrashStates.Copy(image.Path, pristine);
        var before = CrashStates.Content(image.Path, _directory);
        RecordingWindow recording;
        using (var file = image.Open())
        {
            recording = new RecordingWindow(new FileWindow(file));
            Import(image, "in").RunIn(recording, text => Assert.Fail(text), Token);
        }

        image.AssertClean();
        var after = CrashStates.Content(image.Path, _directory);
        Assert.NotEqual(before, after);
        var seed = Environment.TickCount;
        var seen = new HashSet<string>();
        foreach (var state in CrashStates.Of(recording, new Random(seed), spread: 12))
        {
            var crashed = state.Make(pristine, _directory["crashed.img"]);
            var (exit, said, error) = Machine.Run("e2fsck", "-p", crashed.Path);
            Assert.True(exit is 0 or 1, $"{state.Description}, seed {seed}: {said}{error}");
            var content = CrashStates.Content(crashed.Path, _directory);
            Assert.True(content == before || content == after, $"{state.Description}, seed {seed}: {content}");
            seen.Add(content);
        }

        Assert.Equal(2, seen.Count);
    }

    [Fact]
    public void More_than_the_journal_holds_is_done_in_steps()
    {
        var image = Ext3Image.MadeByMke2fs(_directory, 64 * MiB, "-b", "1024", "-J", "size=1", "-N", "20000");
        using (var file = image.Open())
        {
            using var editor = ExtEditor.Open(new FileWindow(file));
            editor.MakeDirectories("/upper", 0x1ED, 0, 0);
            editor.Commit();
        }

        Directory.CreateDirectory(_directory["in"]);
        for (var i = 0; i < 9000; i++)
            File.WriteAllBytes(_directory[$"in/{i}"], []);
        var warnings = new List<string>();
        Import(image, "in").Run(warnings.Add, null, Token);
        Assert.Single(warnings);
        image.AssertClean();
        Assert.Equal(9001, OverlayItemReader.Read(new OverlayItemQuery { Path = image.Path, Recurse = true }, null, Token).Count());
    }

    private static ExtNode Overlay(ExtNode upper)
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        root.Add("upper", upper);
        root.Add("work", ExtNode.Directory(0x1ED, 0, 0));
        return root;
    }

    private OverlayItemImport Import(Ext3Image image, string source) => new()
    {
        ImagePath = image.Path,
        Sources = [_directory[source]],
        ItemDestination = "/",
        Recurse = true,
    };

    private static void CopyOut(string image, string target, bool replace)
    {
        using var export = OverlayItemExport.Open(image, null, target, replace, null, null, Token);
        foreach (var item in export.Find("/*", component => component == "*" ? _ => true : null))
            export.Copy(item.ItemPath, recurse: true);
        Assert.Equal(0, export.LostAttributes);
    }

    private static string Listing(Ext3Image image) => string.Join('\n',
        OverlayItemReader.Read(new OverlayItemQuery { Path = image.Path, Recurse = true }, null, Token).Select(item => $"{item.ItemPath} {item.SizeBytes}"));

    // The directory itself is left out: it was made by the caller.
    private static string View(string path) => string.Join('\n', Ext3Image.Run("sh", "-e", "-c", $$"""
        cd '{{path}}'
        find . -mindepth 1 -type d -printf '%P d %m %U %G %T@\n' -o -mindepth 1 -printf '%P %y %m %U %G %s %n %l %T@\n'
        find . -type f -print0 | xargs -0 sha256sum
        find . -mindepth 1 -print0 | LC_ALL=C sort -z | xargs -0 getfattr -h -d -m - -e hex
        """).Split('\n').Order(StringComparer.Ordinal));

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
