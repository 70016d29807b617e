using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>What is deleted stays deleted, whoever reads the overlay next, with whichever driver.</summary>
public class DeletionTests
{
    // /data/a is deleted, /data/sub replaced by an empty directory.
    private const string Delete = "rm /data/a; rm -r /data/sub; mkdir /data/sub; echo new >/data/new";
    private const string Show = "ls -A /data /data/sub";

    private static readonly string[] s_deleted = ["/data:", "new", "sub", "/data/sub:"];

    public static MatrixTheoryData<Who, Who> EverybodyAfterAnOrdinaryUser { get; } =
        new([Who.User, Who.FakeRoot], [Who.User, Who.FakeRoot, Who.Root]);

    [Theory]
    [MemberData(nameof(EverybodyAfterAnOrdinaryUser))]
    public void What_an_ordinary_user_deletes_is_deleted_for_everybody(Who writer, Who reader)
    {
        using var scene = new Scene(writer);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", Delete));
        scene.AssertClean("o.img");
        AssertOnlyCommonMarks(scene, "o.img");

        var other = scene.As(reader);
        Assert.Equal(s_deleted, other.Lines(other.Invoke("-Overlay o.img:ro", Show)));
        if (reader == Who.Root || reader == writer)
            Assert.Equal(s_deleted, other.Lines(other.Invoke("-Overlay o.img", Show)));
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Apptainer_sees_what_an_ordinary_user_deleted(Who writer)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(writer);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", Delete));

        var root = scene.As(Who.Root);
        Assert.Equal(s_deleted, Split(root.Apptainer("--overlay o.img:ro", Show)));
        Assert.Equal(s_deleted, Split(scene.Apptainer("--overlay o.img", Show)));
        // Its read-only stack is the kernel's without userxattr, to which nobody but the real root can say that a
        // directory is opaque; and fuse2fs does not tell in a listing what is a device. A whiteout it obeys.
        Assert.Equal("gone\n", scene.Apptainer("--overlay o.img:ro", "test -e /data/a || echo gone"));
    }

    // /data/deep is replaced: of one, two/three and two/four, only what is new in two is left.
    private const string Replace = "rm -r /data/deep; mkdir -p /data/deep/two; echo new >/data/deep/two/new; echo mine >/data/deep/one";

    // By opening: that, no driver pretends.
    private const string Seen = "cd /data/deep; for f in one two/three two/four two/new; do if test -e $f; then echo $f; fi; done";

    [Theory]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_replaced_directory_is_replaced_for_every_reader_of_Apptainer_too(Who writer)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(writer);
        MakeDeep(scene);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", Replace, "root"));
        AssertSeen("one", "two/new");

        // What is deleted in it, in a later run, would show the base's.
        scene.Lines(scene.Invoke("-Overlay o.img", "rm /data/deep/one", "root"));
        AssertSeen("two/new");
        // Here the writer is Apptainer, and we have no more to do than to start.
        scene.Apptainer("--overlay o.img", "rm -r /data/sub; mkdir /data/sub; rm -r /data/deep/two; mkdir /data/deep/two", "root");
        scene.Lines(scene.Invoke("-Overlay o.img", "true", "root"));
        AssertSeen();
        Assert.Equal("gone\n", scene.Apptainer("--overlay o.img:ro", "test -e /data/sub/b || echo gone", "root"));

        // And it can be taken away, and made again, by each who may write to it.
        var root = scene.As(Who.Root);
        foreach (var again in new[] { scene, root })
        {
            again.Lines(again.Invoke("-Overlay o.img", "rm -r /data/deep", "root"));
            again.Lines(again.Invoke("-Overlay o.img", "mkdir -p /data/deep/two; echo new >/data/deep/two/new", "root"));
        }

        Assert.Equal(["/data/deep:", "two", "/data/deep/two:", "new"], root.Lines(root.Invoke("-Overlay o.img", "ls -A /data/deep /data/deep/two", "root")));
        scene.AssertClean("o.img");

        void AssertSeen(params string[] expected)
        {
            scene.AssertClean("o.img");
            var everybody = new[] { Who.Root, Who.User, Who.FakeRoot }.Select(who => (scene.As(who), "o.img:ro"));
            foreach (var (reader, options) in everybody.Append((scene, "o.img")))
            {
                Assert.Equal(expected, reader.Lines(reader.Invoke("-Overlay " + options, Seen, "root")));
                Assert.Equal(expected, Split(reader.Apptainer("--overlay " + options, Seen, "root")));
            }
        }
    }

    [Fact]
    public void Whiteouts_in_a_replaced_directory_change_nothing_of_what_is_said_about_an_overlay()
    {
        Machine.NeedApptainer();
        using var scene = new Scene(Who.FakeRoot);
        MakeDeep(scene);
        scene.Lines(scene.NewOverlay("o.img"));
        scene.Apptainer("--overlay o.img", Replace, "root");
        scene.AssertClean("o.img");
        File.Copy(scene["o.img"], scene["before.img"]);
        scene.Own(scene["before.img"]);
        scene.Lines(scene.Invoke("-Overlay o.img", "true", "root"));
        Assert.Contains("three", string.Concat(Machine.Run("debugfs", "-R", "ls -p /upper/data/deep/two", scene["o.img"]).Output));

        string[] Said(string image) => scene.Lines(
            $"Compare-OverlayImage {image} -Base root -Recurse | Where-Object ItemPath -like '/data*' | "
                + "ForEach-Object { \"$($_.Change) $($_.Parts) $($_.ItemPath)\" }",
            $"$c = Convert-OverlayImage {image} {image}.sqfs -PassThru; $c.WhiteoutCount; $c.OpaqueDirectoryCount",
            $"Merge-OverlayImage {image} -Base root {image}.merged.sqfs");
        var (before, after) = (Said("before.img"), Said("o.img"));
        Assert.Equal(before, after);
        Assert.Contains("Deleted None /data/deep/two/three", after);
        foreach (var kind in new[] { ".sqfs", ".merged.sqfs" })
            Assert.Equal(Listed("before.img" + kind), Listed("o.img" + kind));
        string Listed(string name) => Machine.Run("sh", "-c", $"unsquashfs -lln '{scene[name]}' data | cut -c1-26,48- | grep -v parallel").Output;
    }

    private static void MakeDeep(Scene scene)
    {
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["root/data/deep/two"]);
        foreach (var name in new[] { "one", "two/three", "two/four" })
            File.WriteAllText(scene["root/data/deep/" + name], "the base's");
        scene.Own(scene["root"]);
    }

    [Fact]
    public void What_apptainer_left_in_its_own_way_is_read_and_rewritten()
    {
        Machine.NeedApptainer();
        using var scene = new Scene(Who.FakeRoot);
        scene.Lines(scene.NewOverlay("o.img"));
        scene.Apptainer("--overlay o.img", Delete);
        Assert.Contains(".wh.a", Tree(scene, "o.img"));
        var before = scene.Hash("o.img");

        var root = scene.As(Who.Root);
        Assert.Equal(s_deleted, root.Lines(root.Invoke("-Overlay o.img:ro", Show)));
        Assert.Equal(before, scene.Hash("o.img"));

        Assert.Equal(s_deleted, root.Lines(root.Invoke("-Overlay o.img", Show)));
        AssertOnlyCommonMarks(scene, "o.img");
        scene.AssertClean("o.img");
    }

    [Fact]
    public void What_root_replaced_is_replaced_for_an_ordinary_user()
    {
        using var scene = new Scene(Who.FakeRoot);
        scene.Lines(scene.NewOverlay("o.img"));
        var root = scene.As(Who.Root);
        root.Lines(root.Invoke("-Overlay o.img", Delete));
        var before = scene.Hash("o.img");
        scene.Own(scene["o.img"]);

        Assert.Equal(s_deleted, scene.Lines("$WarningPreference = 'SilentlyContinue'", scene.Invoke("-Overlay o.img:ro", Show)));
        Assert.Equal(before, scene.Hash("o.img"));
        Assert.Equal(s_deleted, scene.Lines(scene.Invoke("-Overlay o.img", Show)));
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.User, "c.sif")]
    [InlineData(Who.FakeRoot, "c.sif")]
    [InlineData(Who.User, "root")]
    public void What_is_deleted_in_a_directory_is_deleted_for_everybody(Who writer, string image)
    {
        using var scene = new Scene(writer);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["overlay"]);
        scene.Own(scene["overlay"]);
        scene.Lines(scene.Invoke("-Overlay overlay", Delete, image));
        Assert.Equal([], Directory.EnumerateFiles(scene["overlay"], ".wh.*", SearchOption.AllDirectories));
        Assert.Contains("user.overlay.opaque=\"y\"", Machine.Run("getfattr", "-d", "-m", "-", scene["overlay/upper/data/sub"]).Output);

        Assert.Equal(s_deleted, scene.Lines(scene.Invoke("-Overlay overlay:ro", Show, image)));
        var other = scene.As(writer == Who.User ? Who.FakeRoot : Who.User);
        Assert.Equal(s_deleted, other.Lines(other.Invoke("-Overlay overlay:ro", Show, image)));
        var root = scene.As(Who.Root);
        Assert.Equal(s_deleted, root.Lines(root.Invoke("-Overlay overlay:ro", Show, image)));
        Assert.Equal(s_deleted, root.Lines(root.Invoke("-Overlay overlay", Show, image)));
        Assert.Equal(s_deleted, scene.Lines(scene.Invoke("-Overlay overlay", Show, image)));
    }

    [Fact]
    public void Nothing_is_looked_through_when_no_fuse_program_wrote()
    {
        using var scene = new Scene(Who.Root);
        var (output, _) = scene.Run(
            scene.NewOverlay("o.img"), "$VerbosePreference = 'Continue'",
            scene.Invoke("-Overlay o.img", Delete), scene.Invoke("-Overlay o.img", "true"), scene.Invoke("-Overlay o.img:ro", Show));
        Assert.DoesNotContain("Looked for marks", output);
        // Opaque for root's kernel only: who had looked through it would have made it so for everybody.
        Assert.Contains("trusted.overlay.opaque", Attributes(scene, "o.img", "/upper/data/sub"));
        Assert.DoesNotContain("user.overlay.opaque", Attributes(scene, "o.img", "/upper/data/sub"));
    }

    [Fact]
    public void A_run_that_was_killed_leaves_its_deletions_to_the_next()
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        using (var first = scene.StartUntilReady(scene.Invoke("-Overlay o.img", Delete + "; sync; echo ready; cat")))
        {
            Machine.Run("kill", "-9", Scene.SupervisorOf(first).ToString(CultureInfo.InvariantCulture));
            first.StandardInput.Close();
            first.WaitForExit();
        }

        scene.AssertNothingLeft();
        Assert.Contains(".wh.a", Tree(scene, "o.img"));
        var root = scene.As(Who.Root);
        Assert.Equal(s_deleted, root.Lines(root.Invoke("-Overlay o.img", Show)));
        AssertOnlyCommonMarks(scene, "o.img");
        scene.AssertClean("o.img");
    }

    [Fact]
    public void A_killed_engine_does_not_keep_deletions_from_being_rewritten()
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        using (var first = scene.StartUntilReady(scene.Invoke("-Overlay o.img", Delete + "; echo ready; cat")))
        {
            first.Kill();
            first.WaitForExit();
        }

        WaitUntilFree(scene);
        AssertOnlyCommonMarks(scene, "o.img");
        scene.AssertClean("o.img");
    }

    [Fact]
    public void Many_deletions_and_files_called_like_marks()
    {
        using var scene = new Scene(Who.FakeRoot);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["root/many"]);
        for (var i = 0; i < 600; i++)
            File.WriteAllText(scene[$"root/many/f{i}"], "x");
        scene.Own(scene["root"]);
        scene.Lines(
            scene.NewOverlay("o.img"),
            scene.Invoke("-Overlay o.img", "rm /many/f1*; rm -r /data/sub; mkdir /data/sub; echo in >/data/sub/b", "root"));
        var root = scene.As(Who.Root);
        Assert.Equal(["489", "in"], root.Lines(root.Invoke("-Overlay o.img:ro", "ls /many | wc -l; cat /data/sub/b", "root")));
        scene.AssertClean("o.img");
        AssertOnlyCommonMarks(scene, "o.img");

        // What root writes by such a name is a file, and stays one.
        root.Lines(root.Invoke("-Overlay o.img", "echo text >/data/.wh.mine; echo x >/data/mine", "root"));
        scene.Lines(scene.Invoke("-Overlay o.img", "touch /data/other", "root"));
        Assert.Equal(["text", "x"], root.Lines(root.Invoke("-Overlay o.img", "cat /data/.wh.mine /data/mine", "root")));
    }

    private static void AssertOnlyCommonMarks(Scene scene, string image)
    {
        Assert.DoesNotContain(".wh.", Tree(scene, image));
        var attributes = Attributes(scene, image, "/upper/data/sub");
        Assert.Contains("trusted.overlay.opaque (1) = \"y\"", attributes);
        Assert.Contains("user.overlay.opaque (1) = \"y\"", attributes);
        Assert.DoesNotContain("fuseoverlayfs.opaque", attributes);
    }

    private static string Tree(Scene scene, string image) =>
        string.Concat(new[] { "/upper", "/upper/data", "/upper/data/sub", "/upper/many" }
            .Select(directory => Machine.Run("debugfs", "-R", "ls -p " + directory, scene[image]).Output));

    private static string Attributes(Scene scene, string image, string path) =>
        Machine.Run("debugfs", "-R", "ea_list " + path, scene[image]).Output;

    private static string[] Split(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static void WaitUntilFree(Scene scene)
    {
        scene.AssertNothingLeft();
        scene.Lines("Invoke-ContainerWithOverlay c.sif -Overlay o.img:ro -WaitForLock 0:0:30 -- true");
    }
}
