using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>Overlays that containers wrote: sealed, merged and made writable again, a container sees the same.</summary>
public sealed class SealedOverlayTests
{
    private const string Change =
        "echo changed >/data/a; rm -r /data/sub; mkdir /data/sub; echo n >/data/sub/c; ln /data/sub/c /data/sub/h; mkdir -p /x/y/z; "
        + "ln -s ../data/a /x/l; mv /bin/vi /x/moved; rm /bin/wget /bin/less; mkdir /bin/less; echo l >/bin/less/l; chmod 750 /x; "
        + "chown 5:6 /x/y 2>/dev/null; touch -d @1000000000 /x/y/z; mkfifo /x/p";

    private const string ChangeMore =
        "rm /data/sub/c; echo two >/data/two; rm -r /x/y; echo y >/x/y; mkdir /data/sub/deep; rm -r /bin/less; mv /data/a /data/b; "
        + "rm -r /data/sub; mkdir /data/sub; echo again >/data/sub/again";

    // Of an ordinary user, the owners of the image's own files are shown in one way or another, depending on who mounts it.
    private static string ShowTo(Who who) => who == Who.User ? Show.Replace(" %u %g", "", StringComparison.Ordinal) : Show;

    private const string Show =
        "cd /; find data x bin ! -type d -exec stat -c \"%n %F %a %u %g %s %Y\" {} + | sort; find data x bin -type d -exec stat -c \"%n %a %u %g\" {} + | sort; "
        + "find data x bin -type l -exec readlink {} \\; | sort; find data x -type f -exec md5sum {} + | sort";

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_container_sees_in_what_is_made_of_overlays_what_it_saw_on_them(Who who)
    {
        Machine.NeedTool("sqfstar");
        using var scene = new Scene(who);
        var shown = scene.Lines(
            scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", Change),
            scene.NewOverlay("p.img"), scene.Invoke("-Overlay o.img:ro,p.img", ChangeMore),
            scene.Invoke("-Overlay o.img:ro,p.img:ro", ShowTo(who)));
        Assert.Contains(shown, line => line.StartsWith("data/sub/again ", StringComparison.Ordinal));
        Assert.DoesNotContain(shown, line => line.StartsWith("bin/wget ", StringComparison.Ordinal));
        Assert.Equal([], scene.Lines(
            "Copy-OverlayImage o.img keep-o.img -Keep Uuid; Copy-OverlayImage p.img keep-p.img -Keep Uuid",
            "Convert-OverlayImage o.img o.sqfs; Convert-OverlayImage p.img p.sqfs -Compression Gzip; Convert-OverlayImage p.sqfs back.img",
            "Merge-OverlayImage o.sqfs, p.img both.sqfs -Compression Lz4; Merge-OverlayImage o.img, p.sqfs both.img",
            "Merge-OverlayImage o.img, p.sqfs merged.sif -Base c.sif",
            "[IO.File]::Copy(\"$PWD/c.sif\", \"$PWD/sealed.sif\"); Convert-OverlayImage o.img sealed.sif"));
        Assert.Equal((scene.Hash("keep-o.img"), scene.Hash("keep-p.img")), (scene.Hash("o.img"), scene.Hash("p.img")));
        scene.AssertClean("back.img");
        scene.AssertClean("both.img");
        foreach (var (overlays, image) in ((string, string)[])[
            ("-Overlay o.sqfs:ro,p.sqfs:ro", "c.sif"), ("-Overlay o.sqfs:ro,back.img", "c.sif"), ("-Overlay both.sqfs:ro", "c.sif"),
            ("-Overlay both.img:ro", "c.sif"), ("-Overlay both.img", "c.sif"), ("", "merged.sif"), ("-Overlay p.sqfs:ro", "sealed.sif"),
        ])
            Assert.Equal(shown, scene.Lines(scene.Invoke(overlays, ShowTo(who), image)));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Apptainer_sees_the_same(Who who)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(who);
        var shown = scene.Lines(
            scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", Change), scene.Invoke("-Overlay o.img:ro", ShowTo(who)),
            "Convert-OverlayImage o.img o.sqfs; Merge-OverlayImage o.img merged.sif -Base c.sif",
            "[IO.File]::Copy(\"$PWD/c.sif\", \"$PWD/sealed.sif\"); Convert-OverlayImage o.img sealed.sif; Convert-OverlayImage o.sqfs back.img");
        Assert.Equal(shown, Lines(scene.Apptainer("", ShowTo(who), "merged.sif")));
        // In a user namespace it obeys neither form of an opaque directory (docs/interop.md); who is root sees it.
        if (who != Who.Root)
            return;
        Assert.Equal(shown, Lines(scene.Apptainer("--overlay o.sqfs:ro", Show)));
        Assert.Equal(shown, Lines(scene.Apptainer("--overlay back.img:ro", Show)));
        Assert.Equal(shown, Lines(scene.Apptainer("", Show, "sealed.sif")));

        static string[] Lines(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

}
