namespace OverlayTools.Tests.Containers;

/// <summary>What a container writes, and where it is afterwards.</summary>
public class PersistenceTests
{
    private const string Change =
        "echo changed >/data/a; echo new >/data/new; rm -r /data/sub; mkdir /data/sub; echo n >/data/sub/c; mkdir -p /x/y";
    private const string Show = "cat /data/a; ls /data /data/sub; ls -d /x/y";

    private static readonly string[] s_original = ["original", "/data:", "a", "sub", "/data/sub:", "b"];
    private static readonly string[] s_changed =
        ["changed", "/data:", "a", "new", "sub", "/data/sub:", "c", "/x/y"];

    public static MatrixTheoryData<Who, string> EverybodyOnEveryImage { get; } =
        new([Who.Root, Who.User, Who.FakeRoot], ["c.sif", "root"]);

    [Theory]
    [MemberData(nameof(EverybodyOnEveryImage))]
    public void What_a_run_changes_and_deletes_is_there_in_the_next_and_not_in_the_image(Who who, string image)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        var output = scene.Lines(
            scene.NewOverlay("o.img"),
            scene.Invoke("-Overlay o.img", Change, image),
            scene.Invoke("-Overlay o.img", Show, image),
            scene.Invoke("-Overlay o.img:ro", Show, image),
            scene.Invoke("", "cat /data/a; ls /data /data/sub", image));

        Assert.Equal([.. s_changed, .. s_changed, .. s_original], output);
        scene.AssertClean("o.img");
    }

    [Theory]
    [MemberData(nameof(EverybodyOnEveryImage))]
    public void A_directory_is_an_overlay_too(Who who, string image)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["overlay"]);
        scene.Own(scene["overlay"]);
        var output = scene.Lines(
            scene.Invoke("-Overlay overlay", Change, image),
            scene.Invoke("-Overlay overlay", Show, image),
            scene.Invoke("-Overlay overlay:ro", Show, image));

        Assert.Equal([.. s_changed, .. s_changed], output);
        Assert.Equal("changed\n", File.ReadAllText(scene["overlay/upper/data/a"]));
    }

    [Fact]
    public void A_run_as_fake_root_leaves_the_overlay_writable_for_its_owner()
    {
        using var scene = new Scene(Who.User);
        var output = scene.Lines(
            scene.NewOverlay("o.img"),
            scene.Invoke("-FakeRoot -Overlay o.img", "true"),
            scene.Invoke("-Overlay o.img", "echo mine > /data/new; cat /data/new"));
        Assert.Equal("mine", output[^1]);
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void What_is_written_to_a_temporary_layer_is_forgotten(Who who)
    {
        using var scene = new Scene(who);
        var output = scene.Lines(
            scene.Invoke("-WritableTmpfs", Change + "; cat /data/a /data/sub/c"),
            scene.Invoke("-WritableTmpfs", "cat /data/a; ls /data"));
        Assert.Equal(["changed", "n", "original", "a", "sub"], output);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void The_overlay_embedded_in_an_image_shows_always_and_changes_when_asked(Who who)
    {
        using var scene = new Scene(who);
        var output = scene.Lines(
            scene.NewOverlay("c.sif"),
            scene.Invoke("-Writable", Change),
            scene.Invoke("-Writable", Show),
            scene.Invoke("", Show));
        Assert.Equal([.. s_changed, .. s_changed], output);

        var before = scene.Hash("c.sif");
        var (_, error) = scene.Run(scene.Invoke("", "echo x >/data/a"));
        Assert.Contains("Read-only file system", error);
        Assert.Equal(before, scene.Hash("c.sif"));

        scene.Extract("c.sif", 2, "partition");
        scene.AssertClean("partition");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_writable_directory_image_is_changed_itself(Who who)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        var output = scene.Lines(
            scene.Invoke("-Writable", "echo changed >/data/a", "root"),
            scene.Invoke("", "cat /data/a", "root"));
        Assert.Equal("changed", output[^1]);
        Assert.Equal("changed\n", File.ReadAllText(scene["root/data/a"]));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void The_last_overlay_is_on_top_and_the_writable_one_above_all(Who who)
    {
        using var scene = new Scene(who);
        var output = scene.Lines(
            scene.NewOverlay("1.img"), scene.NewOverlay("2.img"), scene.NewOverlay("3.img"),
            scene.Invoke("-Overlay 1.img", "echo 1 | tee /data/a /data/one /data/low"),
            scene.Invoke("-Overlay 2.img", "echo 2 | tee /data/a /data/two /data/low"),
            scene.Invoke("-Overlay 3.img", "echo 3 >/data/a"),
            scene.Invoke("-Overlay 3.img, 1.img:ro, 2.img:ro", "cat /data/a /data/one /data/two /data/low"));
        Assert.Equal(["1", "2", "3", "1", "2", "2"], output);
        foreach (var overlay in new[] { "1.img", "2.img", "3.img" })
            scene.AssertClean(overlay);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_full_overlay_tells_the_command_and_stays_sound(Who who)
    {
        using var scene = new Scene(who);
        var (output, error) = scene.Run(
            scene.NewOverlay("o.img"),
            scene.Invoke("-Overlay o.img", "dd if=/dev/zero of=/data/big bs=1M count=100; echo code $?; rm /data/big; echo after >/data/a"),
            scene.Invoke("-Overlay o.img", "cat /data/a"));
        Assert.Contains("No space left on device", error);
        Assert.Equal("code 1\nafter\n", output);
        scene.AssertClean("o.img");
    }
}
