using OverlayTools.Core.Tests.Squashfs;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays.Compare;

/// <summary>What the comparison says, judged by a walk of the base and of the merged tree, both mounted.</summary>
public sealed class OverlayComparerTests
{
    private const string MakeBase = """
        set -e
        mkdir -p etc/conf.d usr/bin usr/lib/deep/er many 'with space' gone/sub/sub remade/sub/inner remade/other became-file
        for i in $(seq 300); do echo "content $i" > many/f$i; done
        for d in gone gone/sub gone/sub/sub remade remade/sub remade/sub/inner remade/other became-file usr/lib/deep/er; do echo $d > $d/file; done
        echo host > etc/hosts; echo pass > etc/passwd; echo same > etc/opened; echo mode > etc/mode; echo touch > etc/touched
        echo recreated > etc/recreated; touch -d @1000000 etc/recreated; echo moved > etc/moved; echo back > etc/back
        echo file > became-dir; ln -s etc/hosts link; ln -s a link2; ln -s b link-to-file; echo 1 > usr/bin/one; ln usr/bin/one usr/bin/two
        head -c 400000 /dev/urandom > usr/lib/large; head -c 300000 /dev/urandom > usr/lib/large2; mkfifo pipe
        echo x > 'with space/a b'; echo y > owned; setfattr -n user.color -v red etc/passwd; setfattr -n user.color -v red etc/hosts
        find . -exec touch -h -d @1500000000 {} +
        touch -d @1000000 etc/recreated
        """;

    private const string Change = """
        set -e
        echo more >> etc/hosts
        printf 'HOST\n' > etc/conf.d/new
        : >> etc/opened
        chmod 600 etc/mode; touch -d @1600000000 etc/touched
        rm etc/recreated; echo recreated > etc/recreated; touch -d @1000000 etc/recreated
        mv etc/moved etc/moved-away; mv etc/back etc/away; mv etc/away etc/back
        setfattr -n user.color -v blue etc/passwd; setfattr -x user.color etc/hosts
        rm -r gone; rm -r remade; mkdir remade remade/sub remade/new; echo new > remade/sub/another; echo remade > remade/file
        rm -r became-file; echo now a file > became-file
        rm became-dir; mkdir became-dir; echo in > became-dir/in
        ln -sfn etc/passwd link; rm link-to-file; echo file > link-to-file; chown -h 0:0 link2
        dd if=/dev/zero of=usr/lib/large bs=1 count=1 seek=300000 conv=notrunc status=none
        : >> usr/lib/large2
        echo 2 >> usr/bin/one
        chown 5:7 owned
        rm many/f1 many/f17 many/f300; echo changed > many/f2; echo new > many/f301; echo new > many/a
        mkdir -p brand/new/tree; echo deep > brand/new/tree/file; ln -s nowhere brand/link; mkfifo brand/pipe
        rm 'with space/a b'; echo z > 'with space/c d'; rm pipe
        mkdir short; rm -r short
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("img")]
    [InlineData("dir")]
    public void Equals_a_walk_of_both_trees_that_the_kernel_merged(string kind)
    {
        Machine.NeedRoot();
        Machine.NeedTool("mksquashfs");
        using var directory = new TemporaryDirectory();
        Prepare(directory);
        MountScript.Run(directory, """
            loop base.sqfs lower ro
            if [ "$2" = img ]; then truncate -s 64M layer.img; mkfs.ext3 -q -N 4000 layer.img; loop layer.img layer rw; fi
            mkdir -p layer/upper layer/work
            mount -t overlay overlay -o lowerdir=lower,upperdir=layer/upper,workdir=layer/work,index=off merged
            (cd merged; eval "$1")
            bash -c "$3" walk lower > lower.txt
            bash -c "$3" walk merged > merged.txt
            umount merged lower
            if [ "$2" = img ]; then umount layer; fi
            """, Change + "\nmknod device c 5 1; setfattr -n trusted.own -v 1 etc/mode", kind, LayerListing.Walk);

        var overlay = kind == "img" ? directory["layer.img"] : directory["layer"];
        AssertEqualsWalk(directory, overlay, directory["base.sqfs"]);
        // Another kind of base: a directory, with parts of seconds, and an ext3 file system.
        AssertEqualsWalk(directory, overlay, directory["base"]);
        Run(directory, "truncate -s 32M base.img && mkfs.ext3 -q -N 2000 -d base base.img", "");
        var onExt = Compare(overlay, directory["base.img"]).Where(found => found.ItemPath != "/lost+found");
        Assert.Equal(TreeWalk.Differences(TreeWalk.Read(directory["lower.txt"]), TreeWalk.Read(directory["merged.txt"])), TreeWalk.Lines(onExt));
    }

    [Theory]
    [InlineData("img")]
    [InlineData("dir")]
    public void Equals_a_walk_of_both_trees_that_fuse_overlayfs_merged_for_an_ordinary_user(string kind)
    {
        OrdinaryUser.Need();
        foreach (var tool in new[] { "mksquashfs", "squashfuse", "fuse-overlayfs", "fuse2fs", "unshare" })
            Machine.NeedTool(tool);
        using var directory = new TemporaryDirectory();
        Prepare(directory);
        Run(directory, "chown 1000:1001 base/many/f2 base/usr/bin/one && rm base.sqfs && mksquashfs base base.sqfs -quiet -no-progress", "");
        directory.OpenToAll();
        OrdinaryUser.Own(directory["layer"]);
        OrdinaryUser.Own(directory["out"]);
        const string script = """
            set -e
            trap 'for m in merged layer/image lower; do umount $m 2>/dev/null || true; done' EXIT
            squashfuse base.sqfs lower
            layer=layer
            if [ "$2" = img ]; then
                truncate -s 64M layer/layer.img; /usr/sbin/mkfs.ext3 -q -N 4000 layer/layer.img; mkdir layer/image
                fuse2fs -o fakeroot layer/layer.img layer/image 2>/dev/null; layer=layer/image
            fi
            mkdir -p $layer/upper $layer/work
            fuse-overlayfs -o lowerdir=lower,upperdir=$layer/upper,workdir=$layer/work,noacl merged
            (cd merged; eval "$1")
            # It remembers times that the file system below changes later: a walk of what is stored needs a new mount.
            umount merged
            fuse-overlayfs -o lowerdir=lower,upperdir=$layer/upper,workdir=$layer/work,noacl merged
            bash -c "$3" walk lower > out/lower.txt
            bash -c "$3" walk merged > out/merged.txt
            """;
        var (exitCode, output, error) = Machine.RunWith(OrdinaryUser.Become[0],
            [.. OrdinaryUser.Become.Skip(1), "unshare", "--user", "--map-root-user", "--map-auto", "--mount", "bash", "-c", script, "run", Change, kind, LayerListing.Walk],
            null, directory.Path);
        Assert.True(exitCode == 0, output + error);

        var overlay = kind == "img" ? directory["layer/layer.img"] : directory["layer"];
        var expected = TreeWalk.Differences(TreeWalk.Read(directory["out/lower.txt"]), TreeWalk.Read(directory["out/merged.txt"]));
        Assert.True(expected.Count > 30, "The walk saw too little.");
        Assert.Equal(expected, TreeWalk.Lines(Compare(overlay, directory["base.sqfs"])));
    }

    [Fact]
    public void Overlays_between_it_and_the_base_count_to_the_base()
    {
        Machine.NeedRoot();
        Machine.NeedTool("mksquashfs");
        using var directory = new TemporaryDirectory();
        Prepare(directory);
        MountScript.Run(directory, """
            mkdir first.d second.d image
            loop base.sqfs image ro
            mkdir -p first.d/upper first.d/work second.d/upper second.d/work layer/upper layer/work
            mount -t overlay overlay -o lowerdir=image,upperdir=first.d/upper,workdir=first.d/work,index=off merged
            (cd merged; eval "$1"); umount merged
            mksquashfs first.d/upper first.sqfs -quiet -no-progress
            mount -t overlay overlay -o lowerdir=first.d/upper:image,upperdir=second.d/upper,workdir=second.d/work,index=off merged
            (cd merged; rm -r brand usr/lib/deep; mkdir brand gone gone/sub; echo 2 > gone/sub/two; echo x > brand/x; rm became-file; mkdir became-file; rm many/f5 many/a; echo a > many/a; find . -newermt @1650000000 -exec touch -h -d @1640000000 {} +); umount merged
            mount -t overlay overlay -o lowerdir=second.d/upper:first.d/upper:image lower
            mount -t overlay overlay -o lowerdir=second.d/upper:first.d/upper:image,upperdir=layer/upper,workdir=layer/work,index=off merged
            (cd merged; rm -r gone remade; mkdir remade; echo 3 >> brand/x; rm many/f6 many/f301; chmod 700 became-file; : >> etc/hosts; : >> usr/bin/two)
            bash -c "$2" walk lower > lower.txt
            bash -c "$2" walk merged > merged.txt
            umount merged lower image
            """, Change, LayerListing.Walk);

        var expected = TreeWalk.Differences(TreeWalk.Read(directory["lower.txt"]), TreeWalk.Read(directory["merged.txt"]));
        Assert.True(expected.Count > 10, "The walk saw too little.");
        foreach (var first in new[] { "first.d", "first.sqfs" })
        {
            var comparison = new OverlayComparison
            {
                Path = directory["layer"],
                BasePath = directory["base.sqfs"],
                Lower = [directory[first], directory["second.d"]],
                Recurse = true,
            };
            Assert.Equal(expected, TreeWalk.Lines(OverlayComparer.Compare(comparison, null, Token)));
        }
    }

    [Fact]
    public void Says_how_each_file_came_to_be()
    {
        Machine.NeedTool("mksquashfs");
        using var directory = new TemporaryDirectory();
        Prepare(directory);
        Directory.CreateDirectory(directory["layer/upper"]);
        Run(directory, """
            set -e
            cd layer/upper
            mkdir -p etc gone.d remade remade/sub .wh.x-dir; rmdir .wh.x-dir gone.d
            cp -a ../../base/etc/hosts etc/hosts
            cp -a ../../base/etc/mode etc/mode; chmod 600 etc/mode
            : > .wh.gone; : > .wh.nothing; : > remade/.wh..wh..opq
            touch -r ../../base/etc etc; touch -r ../../base .
            """, "");

        var found = Compare(directory["layer"], directory["base.sqfs"], recurse: false).ToDictionary(item => item.ItemPath);

        Assert.Equal((OverlayDifferenceKind.CopiedUp, OverlayDifferenceParts.None), (found["/etc"].Change, found["/etc"].Parts));
        Assert.Equal(OverlayDifferenceKind.CopiedUp, found["/etc/hosts"].Change);
        Assert.Equal((OverlayDifferenceKind.Modified, OverlayDifferenceParts.Mode), (found["/etc/mode"].Change, found["/etc/mode"].Parts));
        Assert.Equal((OverlayDifferenceKind.Deleted, OverlayMarkForms.NamedFile, OverlayItemType.Directory),
            (found["/gone"].Change, found["/gone"].MarkForms, found["/gone"].ItemType));
        Assert.Equal(OverlayDifferenceKind.NoEffect, found["/nothing"].Change);
        Assert.Equal((OverlayDifferenceKind.Replaced, OverlayMarkForms.NamedFile), (found["/remade"].Change, found["/remade"].MarkForms));
        // Not opaque itself, but nothing of the base is seen below an opaque one.
        Assert.Equal(OverlayDifferenceKind.Replaced, found["/remade/sub"].Change);
        Assert.Equal(OverlayDifferenceKind.Deleted, found["/remade/sub/inner"].Change);
        Assert.Equal(OverlayDifferenceKind.Deleted, found["/remade/other"].Change);
        Assert.DoesNotContain("/gone/sub", found.Keys);
        Assert.DoesNotContain(found.Keys, path => path.Contains(".wh.", StringComparison.Ordinal));

        Assert.Equal(["/gone/sub/sub", "/gone/sub/sub/file"], Compare(directory["layer"], directory["base.sqfs"], "/gone/sub/s*").Select(item => item.ItemPath));
        Assert.Equal(["/gone/sub"], Compare(directory["layer"], directory["base.sqfs"], "/gone/sub", recurse: false).Select(item => item.ItemPath));
        Assert.Equal(["/etc/hosts", "/etc/mode"], Compare(directory["layer"], directory["base.sqfs"], "/etc/*").Select(item => item.ItemPath));
    }

    [Fact]
    public void Without_a_base_it_says_what_is_in_upper()
    {
        using var directory = new TemporaryDirectory();
        Run(directory, "mkdir -p layer/upper/a; echo x > layer/upper/a/file; : > layer/upper/.wh.gone; : > layer/upper/a/.wh..wh..opq", "");

        var found = OverlayComparer.Compare(new OverlayComparison { Path = directory["layer"] }, null, Token).ToList();

        Assert.Equal([("/a", OverlayDifferenceKind.Replaced), ("/a/file", OverlayDifferenceKind.Present), ("/gone", OverlayDifferenceKind.Deleted)],
            found.Select(item => (item.ItemPath, item.Change)).Order());
        Assert.All(found, item => Assert.Null(item.BasePath));
    }

    [Fact]
    public void What_the_kernel_left_below_is_named()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        Prepare(directory);
        MountScript.Run(directory, """
            mkdir layer/upper layer/work
            mount -t overlay overlay -o lowerdir=base,upperdir=layer/upper,workdir=layer/work,redirect_dir=on,metacopy=on,index=off merged
            cd merged; mv usr/lib/deep moved; chmod 600 usr/lib/large; echo more > moved/er/more; mv remade etc/renamed; cd ..; umount merged
            """, "");

        var found = Compare(directory["layer"], directory["base"], recurse: false).ToDictionary(item => item.ItemPath);

        Assert.Equal((OverlayDifferenceKind.Added, "/usr/lib/deep"), (found["/moved"].Change, found["/moved"].RedirectedFrom));
        Assert.Equal((OverlayDifferenceKind.Added, "/remade"), (found["/etc/renamed"].Change, found["/etc/renamed"].RedirectedFrom));
        Assert.Equal(OverlayDifferenceKind.Deleted, found["/usr/lib/deep"].Change);
        Assert.Equal(OverlayDifferenceKind.Added, found["/moved/er/more"].Change);
        Assert.True(found["/usr/lib/large"].IsMetadataOnly);
        Assert.Equal((OverlayDifferenceKind.Modified, OverlayDifferenceParts.Mode), (found["/usr/lib/large"].Change, found["/usr/lib/large"].Parts));
    }

    [Fact]
    public void Layers_between_in_which_the_kernel_left_something_below_are_followed()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        Prepare(directory);
        // The layers between rename and change metadata only, once and once more; what they show is copied as "flat".
        MountScript.Run(directory, """
            mkdir -p one/upper one/work two/upper two/work layer/upper layer/work flat
            over() { mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,redirect_dir=on,metacopy=on,index=off" merged; }
            over base one
            cd merged; mv usr/lib/deep moved; chmod 600 usr/lib/large; mv remade etc/renamed; echo one > moved/er/more; cd ..; umount merged
            over one/upper:base two
            cd merged; mv moved/er etc/again; mv etc/renamed etc/twice; chmod 640 usr/lib/large; cd ..; umount merged
            over two/upper:one/upper:base layer
            cp -a merged/. flat/
            cd merged; echo changed > etc/again/more; chown 5:6 usr/lib/large; rm -r etc/twice; echo new > moved/new; cd ..; umount merged
            getfattr -R -d -m trusted.overlay two/upper | grep -q redirect; getfattr -R -d -m trusted.overlay two/upper | grep -q metacopy
            """, "");

        var lower = new OverlayComparison
        {
            Path = directory["layer"], BasePath = directory["base"], Lower = [directory["one"], directory["two"]], Recurse = true,
        };
        var flat = lower with { BasePath = directory["flat"], Lower = [] };
        var found = Kinds(lower);
        Assert.Contains(found, item => item.StartsWith("/etc/again/more Modified Content", StringComparison.Ordinal));
        Assert.Contains(found, item => item.StartsWith("/usr/lib/large Modified Owner", StringComparison.Ordinal));
        Assert.Contains(found, item => item.StartsWith("/etc/twice Deleted", StringComparison.Ordinal));
        Assert.Equal(Kinds(flat), found);

        static List<string> Kinds(OverlayComparison comparison) =>
            [.. OverlayComparer.Compare(comparison, null, Token).Select(item => $"{item.ItemPath} {item.Change} {item.Parts} {item.BaseSizeBytes}")];
    }

    [Fact]
    public void A_damaged_overlay_or_base_is_an_error_of_its_own_and_ends()
    {
        Machine.NeedTool("mksquashfs");
        using var directory = new TemporaryDirectory();
        Prepare(directory);
        Run(directory, "mkdir -p tree/upper tree/work && cp -a base/. tree/upper && echo x >> tree/upper/etc/hosts && truncate -s 8M good.img && mkfs.ext3 -q -N 600 -d tree good.img", "");
        var image = File.ReadAllBytes(directory["good.img"]);
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 60; round++)
        {
            var bytes = image.ToArray();
            for (var change = 0; change < 400; change++)
                bytes[random.Next(2048, 600_000)] = (byte)random.Next(256);
            File.WriteAllBytes(directory["bad.img"], bytes);
            try
            {
                Assert.True(Compare(directory["bad.img"], directory["base.sqfs"]).Take(100_000).Count() < 100_000, $"Seed {seed}, round {round}: no end.");
            }
            catch (EngineException error)
            {
                Assert.True(error.ErrorId is ErrorIds.OverlayCorrupt or ErrorIds.OverlayMissingUpper or ErrorIds.OverlayFeatureUnsupported, $"Seed {seed}: {error}");
            }
        }

        var loop = ExtFileSystem.Open(new FileWindow(OpenFile(directory["good.img"])));
        Assert.NotNull(loop.Find("/upper/etc/hosts"));
    }

    [Fact]
    public void It_stops_when_it_is_told_to_and_gives_back_the_lock()
    {
        Machine.NeedTool("mksquashfs");
        using var directory = new TemporaryDirectory();
        Prepare(directory);
        Run(directory, "mkdir -p tree/upper tree/work && cp -a base/. tree/upper && truncate -s 8M good.img && mkfs.ext3 -q -N 600 -d tree good.img", "");
        using var stop = new CancellationTokenSource();
        var comparison = new OverlayComparison { Path = directory["good.img"], BasePath = directory["base.sqfs"] };

        Assert.Single(OverlayComparer.Compare(comparison, null, stop.Token).Take(1));
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var _ in OverlayComparer.Compare(comparison, null, stop.Token))
                stop.Cancel();
        });

        using var image = LockedImage.ToChange(directory["good.img"], null);
        Assert.True(image.IsLocked);
    }

    private static void Prepare(TemporaryDirectory directory)
    {
        Machine.NeedTool("setfattr");
        foreach (var name in new[] { "base", "lower", "merged", "layer", "out" })
            Directory.CreateDirectory(directory[name]);
        Run(directory, $"(cd base; {MakeBase}) && if command -v mksquashfs > /dev/null; then mksquashfs base base.sqfs -quiet -no-progress; fi && chmod 777 lower merged", "");
    }

    private static void Run(TemporaryDirectory directory, string script, params string[] arguments)
    {
        var (exitCode, output, error) = Machine.RunWith("bash", ["-c", script, "run", .. arguments], null, directory.Path);
        Assert.True(exitCode == 0, output + error);
    }

    private static void AssertEqualsWalk(TemporaryDirectory directory, string overlay, string basePath)
    {
        var expected = TreeWalk.Differences(TreeWalk.Read(directory["lower.txt"]), TreeWalk.Read(directory["merged.txt"]));
        Assert.True(expected.Count > 30, "The walk saw too little.");
        Assert.Equal(expected, TreeWalk.Lines(Compare(overlay, basePath)));
    }

    private static IEnumerable<OverlayDifference> Compare(string overlay, string basePath, string itemPath = "/", bool recurse = true) =>
        OverlayComparer.Compare(new OverlayComparison
        {
            Path = overlay,
            BasePath = basePath,
            ItemPath = itemPath,
            Pattern = component => component.Contains('*', StringComparison.Ordinal)
                ? name => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(component, name, ignoreCase: false)
                : null,
            Recurse = recurse,
        }, null, Token);

    private static Microsoft.Win32.SafeHandles.SafeFileHandle OpenFile(string path) => Open.File(path, Open.ReadOnly);
}
