using System.Text;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Marks of fuse-overlayfs become the kernel's, judged by debugfs, e2fsck and the kernel.</summary>
public sealed class MarkRewriterTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const uint MarkMode = 0b111_000_000;
    private const uint FileMode = 0b110_100_100;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_form_becomes_the_one_that_everybody_reads_and_other_files_stay()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 8 * MiB, Overlay(
            (".wh.gone", Mark()),
            (".wh.crash", Mark()), ("crash", File("new")),
            (".wh.turned", Mark()), ("turned", Directory()),
            (".wh.text", File("a file of the base that root changed")),
            (".wh.empty", ExtNode.File(ExtContent.Empty, FileMode, 0, 0)),
            (".wh..wh.plnk", Mark()),
            (".wh.device", Device()),
            ("byfile", Directory((".wh..wh..opq", Mark()), (".wh..opq", Device()), ("kept", File("kept")))),
            ("byuser", Opaque("user.fuseoverlayfs.opaque")),
            ("byroot", Opaque("trusted.overlay.opaque")),
            ("bykernel", Opaque("user.overlay.opaque", ("deep", Directory((".wh.x", Mark()))))),
            ("plain", Directory((".wh..opq", Device())))));

        var done = Rewrite(image);
        Assert.Equal(new MarkRewriting(Whiteouts: 4, Opaque: 4, Left: 0), done);
        image.AssertClean();

        Assert.Equal(
            [".wh..wh.plnk", ".wh.device", ".wh.empty", ".wh.text", "byfile", "bykernel", "byroot", "byuser", "crash", "gone", "plain", "turned"],
            Names(image, "/upper").Order(StringComparer.Ordinal));
        Assert.Contains("character special", image.Debug("stat /upper/gone"));
        Assert.Equal("new", image.Debug("cat /upper/crash"));
        Assert.Equal(["kept"], Names(image, "/upper/byfile"));
        Assert.Equal([".wh..opq"], Names(image, "/upper/plain"));
        Assert.Contains("character special", image.Debug("stat /upper/bykernel/deep/x"));
        foreach (var opaque in new[] { "byfile", "byuser", "byroot", "bykernel", "turned" })
        {
            var attributes = image.Debug("ea_list /upper/" + opaque);
            Assert.Contains("trusted.overlay.opaque (1) = \"y\"", attributes);
            Assert.Contains("user.overlay.opaque (1) = \"y\"", attributes);
            Assert.DoesNotContain("fuseoverlayfs", attributes);
        }

        Assert.DoesNotContain("opaque", image.Debug("ea_list /upper/plain"));
        Assert.Equal(default, Rewrite(image));
    }

    [Fact]
    public void An_image_in_which_nothing_is_deleted_is_known_as_such()
    {
        using var directory = new TemporaryDirectory();
        var plain = Ext3Image.Made(directory, 8 * MiB, Overlay(("a", File("a")), ("d", Opaque("user.overlay.opaque"))));
        var deleted = Ext3Image.Made(directory, 8 * MiB, Overlay(("a", Device())));
        foreach (var image in new[] { plain, deleted })
        {
            image.Mounted("rw", _ => { });
            Rewrite(image);
        }

        Assert.Equal(MarkReaders.All | MarkReaders.NoWhiteouts, Stamp(plain));
        Assert.Equal(MarkReaders.All, Stamp(deleted));
    }

    [Fact]
    public void Whenever_it_is_cut_a_deletion_is_marked_in_one_form_or_the_other()
    {
        Machine.NeedTool("e2fsck");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using var directory = new TemporaryDirectory();
        var names = Enumerable.Range(0, 40).Select(i => $"file{i}").ToList();
        var image = Ext3Image.Made(directory, 8 * MiB, Overlay(
            [.. names.Select(name => (".wh." + name, Mark())), ("dir", Directory((".wh..wh..opq", Mark())))]));
        var pristine = directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        RecordingWindow recording;
        using (var file = image.Open())
        {
            recording = new RecordingWindow(new FileWindow(file));
            MarkRewriter.Run(recording, null, Token);
        }

        Assert.True(recording.Writes.Count > 5 && recording.Flushes >= 3, "nothing was recorded");
        var seen = new HashSet<bool>();
        foreach (var state in CrashStates.Of(recording, new Random(seed), 40))
        {
            var crashed = state.Make(pristine, directory["state"]);
            Assert.InRange(Machine.Run("e2fsck", "-f", "-p", crashed.Path).ExitCode, 0, 1);
            crashed.AssertClean();
            var there = Names(crashed, "/upper").ToHashSet();
            Assert.True(names.TrueForAll(name => there.Contains(name) != there.Contains(".wh." + name)), state.Description);
            seen.Add(there.Contains(names[0]));
            var opaque = crashed.Debug("ea_list /upper/dir").Contains("trusted.overlay.opaque", StringComparison.Ordinal);
            Assert.True(opaque || Names(crashed, "/upper/dir").Contains(".wh..wh..opq"), state.Description);
            Rewrite(crashed);
            Assert.True(Names(crashed, "/upper").All(name => !name.StartsWith(".wh.", StringComparison.Ordinal)), state.Description);
        }

        Assert.Equal(2, seen.Count);
    }

    [Fact]
    public void More_marks_than_one_transaction_holds_are_rewritten_in_several()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 24 * MiB, Overlay(
            [.. Enumerable.Range(0, 60).Select(i => ($"d{i}", Directory([.. Enumerable.Range(0, 80)
                .Select(j => ($".wh.a rather long name of a file that was deleted, number {j}", Mark()))])))]), new ExtFormatOptions { InodeCount = 6000 });
        using (var file = image.Open())
        {
            var window = new RecordingWindow(new FileWindow(file));
            Assert.Equal(new MarkRewriting(4800, 0, 0), MarkRewriter.Run(window, null, Token));
            Assert.True(window.Flushes > 8, $"{window.Flushes} flushes");
        }

        image.AssertClean();
        Assert.Equal(80, Names(image, "/upper/d59").Count(name => name.StartsWith("a rather", StringComparison.Ordinal)));
    }

    [Fact]
    public void On_a_full_image_deletions_are_rewritten_in_place()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 4 * MiB, Overlay(
            (".wh.a", Mark()), (".wh.b", Mark()), ("d", Directory((".wh..wh..opq", Mark())))));
        using (var file = image.Open())
        {
            using var editor = ExtEditor.Open(new FileWindow(file));
            var upper = editor.Find("/upper")!.Value;
            var big = editor.CreateFile(upper, new ExtName("big"), FileMode, 0, 0);
            Assert.Equal(ErrorIds.OverlayFull, Fill(() =>
            {
                for (var at = 0L; ; at += 1024)
                {
                    editor.Write(big, at, new byte[1024].AsSpan());
                    editor.CommitIfLarge();
                }
            }));
            Assert.Equal(ErrorIds.OverlayFull, Fill(() =>
            {
                for (var i = 0; ; i++)
                {
                    editor.MakeNode(upper, new ExtName($"n{i}"), ExtFileType.Fifo, FileMode, 0, 0);
                    editor.CommitIfLarge();
                }
            }));
            editor.Commit();
        }

        var done = Rewrite(image);
        Assert.Equal((2, 0), (done.Whiteouts, done.Left));
        image.AssertClean();
    }

    [Fact]
    public void A_stamp_counts_until_somebody_mounts_the_image_for_writing()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 8 * MiB, Overlay(("a", File("a"))));
        Assert.Equal(MarkReaders.All, Stamp(image));
        image.Mounted("rw", point => System.IO.File.WriteAllText(point + "/upper/b", "b"));
        Assert.Equal(MarkReaders.None, Stamp(image));

        Write(image, MarkReaders.Root);
        image.AssertClean();
        Assert.Equal(MarkReaders.Root, Stamp(image));
        image.Mounted("ro", _ => { });
        Assert.Equal(MarkReaders.Root, Stamp(image));
        image.FuseMounted("fakeroot", point => System.IO.File.WriteAllText(point + "/upper/c", "c"));
        Assert.Equal(MarkReaders.None, Stamp(image));

        Write(image, MarkReaders.All);
        image.AssertClean();
        Machine.Run("resize2fs", image.Path, "12M");
        using (var file = image.Open())
            ExtResizer.Grow(new FileWindow(file), 16 * MiB, null, Token);
        Assert.Equal(MarkReaders.All, Stamp(image));
    }

    [Fact]
    public void The_kernels_overlay_obeys_what_was_rewritten()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 8 * MiB, Overlay(
            (".wh.gone", Mark()), ("dir", Directory((".wh..wh..opq", Mark()), (".wh..opq", Device())))));
        Rewrite(image);
        System.IO.Directory.CreateDirectory(directory["low/dir"]);
        System.IO.File.WriteAllText(directory["low/gone"], "x");
        System.IO.File.WriteAllText(directory["low/dir/below"], "x");
        System.IO.File.WriteAllText(directory["low/stays"], "x");
        foreach (var option in new[] { "", ",userxattr" })
        {
            var script = "mount -o loop,ro \"$0\" /mnt && mount -t overlay -o \"lowerdir=/mnt/upper:$1$2\" overlay \"$3\" && ls -A \"$3\" \"$3/dir\"";
            System.IO.Directory.CreateDirectory(directory["point"]);
            var listed = Ext3Image.Run("unshare", "-m", "--propagation", "private", "sh", "-c", script,
                image.Path, directory["low"], option, directory["point"]);
            Assert.DoesNotContain("gone", listed);
            Assert.DoesNotContain("below", listed);
            Assert.Contains("stays", listed);
        }
    }

    [Fact]
    public void An_opaque_directory_gets_a_whiteout_for_each_name_below_it_that_it_has_not_itself()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        foreach (var path in new[] { "opaque/one", "opaque/both/three", "opaque/both/deep/four", "opaque/hidden/five", "opaque/.wh.odd", "plain/six" })
        {
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(directory["low/" + path])!);
            System.IO.File.WriteAllText(directory["low/" + path], "below");
        }

        System.IO.Directory.CreateDirectory(directory["other/opaque/seven"]);
        var image = Ext3Image.Made(directory, 8 * MiB, Overlay(
            ("opaque", Opaque("user.fuseoverlayfs.opaque",
                ("both", Directory(("mine", File("mine")), ("deep", Directory(("four", File("mine too")))))), ("hidden", File("no directory")))),
            ("alone", Opaque("user.fuseoverlayfs.opaque")), ("plain", Directory())));
        var times = image.Read(fileSystem => fileSystem.ReadInode(fileSystem.Find("/upper/opaque/both")!.Value).Modified);
        // "one" and "seven" in "opaque", "three" in "opaque/both".
        Assert.Equal(new MarkRewriting(0, 2, 0, Filled: 3), RewriteOn(image, directory["low"], directory["other"], directory["absent"]));
        image.AssertClean();
        Assert.Equal(times, image.Read(fileSystem => fileSystem.ReadInode(fileSystem.Find("/upper/opaque/both")!.Value).Modified));
        Assert.Equal(["both", "hidden", "one", "seven"], Names(image, "/upper/opaque").Order(StringComparer.Ordinal));
        Assert.Equal(["deep", "mine", "three"], Names(image, "/upper/opaque/both").Order(StringComparer.Ordinal));
        Assert.Equal(["four"], Names(image, "/upper/opaque/both/deep"));
        Assert.Equal([], Names(image, "/upper/plain"));
        Assert.Contains("Links: 3", image.Debug("stat /upper/opaque/seven"));
        Assert.DoesNotContain("origin", image.Debug("ea_list /upper/alone"));
        Assert.False(Stamp(image).HasFlag(MarkReaders.NoWhiteouts));
        Assert.Equal(default, RewriteOn(image, directory["low"], directory["other"]));

        // What is deleted in it later is looked for again, in a directory that was opaque only by the one above as well.
        image.Mounted("rw", point => System.IO.File.Delete(point + "/upper/opaque/both/deep/four"));
        Assert.Equal(1, RewriteOn(image, directory["low"], directory["other"]).Filled);
        image.AssertClean();

        // The kernel lists none of them, whether it reads the attributes or not; and what is hidden stays so.
        System.IO.Directory.CreateDirectory(directory["point"]);
        foreach (var (space, option) in new[] { ("", ""), ("", ",userxattr"), ("unshare -Ur ", ",userxattr"), ("unshare -Ur ", "") })
        {
            var stack = "mount -t overlay -o \"lowerdir=/mnt/upper:$0$1\" overlay \"$2\" && cd \"$2\" && find opaque alone | LC_ALL=C sort";
            var script = $"mount -o loop,ro \"$0\" /mnt && {space}unshare -m sh -c '{stack}' \"$1\" \"$2\" \"$3\"";
            var listed = Ext3Image.Run("unshare", "-m", "--propagation", "private", "sh", "-c", script,
                image.Path, directory["low"], option, directory["point"]);
            // A name that could be taken for a mark is left as it is: only who reads no attribute sees it.
            string[] odd = space != "" && option == "" ? ["opaque/.wh.odd"] : [];
            Assert.Equal(["alone", "opaque", .. odd, "opaque/both", "opaque/both/deep", "opaque/both/mine", "opaque/hidden"],
                listed.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }

        // Root's kernel takes such a directory away.
        var removed = Ext3Image.Run("unshare", "-m", "--propagation", "private", "sh", "-c",
            "mount -o loop \"$0\" /mnt && mount -t overlay -o \"lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work\" overlay \"$2\" && "
                + "rm -r \"$2/opaque\" && ls -A \"$2\"",
            image.Path, directory["low"], directory["point"]);
        Assert.Equal("alone\nplain\n", removed);
        image.AssertClean();
    }

    [Fact]
    public void A_full_image_is_no_reason_to_lose_marks()
    {
        using var directory = new TemporaryDirectory();
        System.IO.Directory.CreateDirectory(directory["low/d"]);
        for (var i = 0; i < 300; i++)
            System.IO.File.WriteAllText(directory[$"low/d/a rather long name of a file that was deleted {i}"], "");
        var image = Ext3Image.Made(directory, 4 * MiB, Overlay(("d", Directory((".wh..wh..opq", Mark()), ("a", File("a"))))));
        using (var file = image.Open())
        {
            using var editor = ExtEditor.Open(new FileWindow(file));
            var big = editor.CreateFile(editor.Find("/upper")!.Value, new ExtName("big"), FileMode, 0, 0);
            Assert.Equal(ErrorIds.OverlayFull, Fill(() =>
            {
                for (var at = 0L; ; at += 1024)
                {
                    editor.Write(big, at, new byte[1024].AsSpan());
                    editor.CommitIfLarge();
                }
            }));
            editor.Commit();
        }

        var done = RewriteOn(image, directory["low"]);
        Assert.Equal((1, 0), (done.Opaque, done.Left));
        Assert.InRange(done.Filled, 0, 299);
        image.AssertClean();
        Assert.Contains("trusted.overlay.opaque (1) = \"y\"", image.Debug("ea_list /upper/d"));
    }

    private static ExtNode Overlay(params (string Name, ExtNode Node)[] upper) =>
        Directory(("upper", Directory(upper)), ("work", Directory()));

    private static ExtNode Directory(params (string Name, ExtNode Node)[] entries) => Filled(ExtNode.Directory(0b111_101_101, 0, 0), entries);

    private static ExtNode Opaque(string attribute, params (string Name, ExtNode Node)[] entries) => Filled(
        ExtNode.Directory(0b111_101_101, 0, 0, null, new Dictionary<string, byte[]> { [attribute] = "y"u8.ToArray() }), entries);

    private static ExtNode Filled(ExtNode directory, (string Name, ExtNode Node)[] entries)
    {
        foreach (var (name, node) in entries)
            directory.Add(name, node);
        return directory;
    }

    private static ExtNode Mark() => ExtNode.File(ExtContent.Empty, MarkMode, 1000, 1000);

    private static ExtNode Device() => ExtNode.Special(ExtFileType.CharacterDevice, 0, 0, MarkMode, 0, 0);

    private static ExtNode File(string text) => ExtNode.File(ExtContent.FromBytes(Encoding.UTF8.GetBytes(text)), MarkMode, 0, 0);

    private static MarkRewriting Rewrite(Ext3Image image)
    {
        using var file = image.Open();
        return MarkRewriter.Run(new FileWindow(file), null, Token);
    }

    private static MarkRewriting RewriteOn(Ext3Image image, params string[] layers)
    {
        using var file = image.Open();
        using var lower = new LowerNames(layers);
        return MarkRewriter.Run(new FileWindow(file), null, Token, lower);
    }

    private static MarkReaders Stamp(Ext3Image image) => image.Read(fileSystem => MarkStamp.Read(fileSystem.Superblock));

    private static void Write(Ext3Image image, MarkReaders readers)
    {
        using var file = image.Open();
        MarkStamp.Write(new FileWindow(file), readers);
    }

    private static string Fill(Action fill) => Assert.Throws<EngineException>(fill).ErrorId;

    // debugfs: /inode/mode/owner/group/name/size/
    private static IEnumerable<string> Names(Ext3Image image, string path) =>
        image.Debug("ls -p " + path).Split('\n').Select(line => line.Split('/')).Where(fields => fields.Length > 5)
            .Select(fields => fields[5]).Where(name => name is not ("." or ".."));
}
