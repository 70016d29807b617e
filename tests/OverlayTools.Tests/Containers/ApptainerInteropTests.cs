using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>Apptainer runs on what our cmdlets made and changed, and they go on with what it wrote.</summary>
public sealed class ApptainerInteropTests
{
    // A directory of the overlay's owner: to Apptainer's ordinary user, the image's own are somebody else's. Nothing is
    // deleted, since Apptainer does not always see what it deleted itself (docs/interop.md).
    private const string Change = "echo written >/srv/a; mkdir /srv/b; echo more >/srv/b/c";
    private const string Show = "cat /srv/a /srv/b/c; ls /srv /srv/b";

    private static readonly string[] s_changed = ["written", "more", "/srv:", "a", "b", "/srv/b:", "c"];

    public static MatrixTheoryData<Who, string> EverybodyOnEveryKind { get; } = new(
        [Who.Root, Who.User, Who.FakeRoot],
        ["64MB", "600MB", "64MB -BlockSize 4096 -InodeCount 5000", "600MB -Profile ManySmallFiles -Label x", "3MB -Force"]);

    [Theory]
    [MemberData(nameof(EverybodyOnEveryKind))]
    public void Apptainer_writes_to_a_new_image_and_we_read_it(Who who, string options)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(who);
        scene.Lines($"New-OverlayImage o.img {options} -CreateDirectory /srv {scene.Identity} | Out-Null");
        scene.Apptainer("--overlay o.img", Change);
        scene.AssertClean("o.img");

        Assert.Equal(s_changed, scene.Lines(scene.Invoke("-Overlay o.img", Show)));
        Assert.Equal(s_changed, scene.Apptainer("--overlay o.img:ro", Show).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Apptainer_goes_on_where_we_stopped(Who who)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(who);
        scene.Lines($"New-OverlayImage o.img -CreateDirectory /srv {scene.Identity} | Out-Null", scene.Invoke("-Overlay o.img", Change));

        Assert.Equal(s_changed, scene.Apptainer("--overlay o.img:ro", Show).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        scene.Apptainer("--overlay o.img", "echo again >>/srv/a");
        Assert.Equal(["written", "again"], scene.Lines(scene.Invoke("-Overlay o.img", "cat /srv/a")));
        scene.AssertClean("o.img");
    }

    [Fact]
    public void Apptainer_writes_to_an_embedded_overlay_and_we_read_it()
    {
        Machine.NeedApptainer();
        using var scene = new Scene(Who.Root);
        scene.Lines("New-OverlayImage c.sif -CreateDirectory /srv | Out-Null");
        scene.Apptainer("--writable", Change);

        Assert.Equal(s_changed, scene.Lines(scene.Invoke("-Writable", Show)));
        scene.Extract("c.sif", 2, "partition");
        scene.AssertClean("partition");
    }

    [Theory]
    [InlineData("-SizeBytes 300MB")]
    [InlineData("-SizeBytes 20MB")]
    [InlineData("-InodeCount 3000")]
    public void Apptainer_goes_on_with_an_embedded_overlay_of_another_size(string change)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(Who.Root);
        scene.Lines("New-OverlayImage c.sif -CreateDirectory /srv | Out-Null");
        scene.Apptainer("--writable", Change);
        // Something behind it, so that it has to move in order to grow.
        scene.Lines("[IO.File]::WriteAllText(\"$PWD/note\", 'a note')");
        var (exitCode, _, error) = Machine.Run("siftool", "add", "--datatype", "7", "--groupid", "1", scene["c.sif"], scene["note"]);
        Assert.True(exitCode == 0, error);
        scene.Lines($"Resize-OverlayImage c.sif {change}");

        Assert.Equal(s_changed, scene.Apptainer("--writable", Show).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        scene.Apptainer("--writable", "echo again >>/srv/a");
        Assert.Equal(["written", "again"], scene.Lines(scene.Invoke("-Writable", "cat /srv/a")));
        scene.Extract("c.sif", 2, "partition");
        scene.AssertClean("partition");
        Assert.Equal("a note", Machine.Run("siftool", "dump", "3", scene["c.sif"]).Output);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Apptainer_goes_on_with_an_image_at_its_minimum_and_grown_again(Who who)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(who);
        scene.Lines($"New-OverlayImage o.img 600MB -CreateDirectory /srv {scene.Identity} | Out-Null");
        scene.Apptainer("--overlay o.img", Change);
        scene.Lines("Resize-OverlayImage o.img -ToMinimumSize");
        Assert.Equal(s_changed, scene.Apptainer("--overlay o.img", Show).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        scene.Lines("Resize-OverlayImage o.img -GrowBy 100MB");
        scene.Apptainer("--overlay o.img", "echo again >>/srv/a; dd if=/dev/zero of=/srv/full bs=1048576 count=50 2>/dev/null");
        Assert.Equal(["written", "again"], scene.Lines(scene.Invoke("-Overlay o.img", "cat /srv/a")));
        scene.AssertClean("o.img");
    }
}
