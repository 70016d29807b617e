using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>What cannot be run says why, and changes nothing.</summary>
public class RefusalTests
{
    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Each_refusal_has_its_own_error_id_and_exit_code_255(Who who)
    {
        using var scene = new Scene(who);
        File.WriteAllText(scene["text"], "no image at all");
        using (var whole = File.OpenRead(scene["c.sif"]))
        using (var part = File.Create(scene["cut.sif"]))
        {
            var bytes = new byte[40_000];
            whole.ReadExactly(bytes);
            part.Write(bytes);
        }

        string[] commands =
        [
            scene.NewOverlay("1.img"), scene.NewOverlay("2.img"),
            .. Refused(scene.Invoke("-Overlay 1.img, 2.img", "true")),
            .. Refused(scene.Invoke("", "true", "missing.sif")),
            .. Refused(scene.Invoke("-Overlay missing.img", "true")),
            .. Refused(scene.Invoke("", "true", "cut.sif")),
            .. Refused(scene.Invoke("", "true", "text")),
            .. Refused(scene.Invoke("-Overlay text", "true")),
            .. Refused(scene.Invoke("-Writable", "true")),
            .. Refused(scene.Invoke("-Writable -WritableTmpfs", "true")),
            .. Refused(scene.Invoke("-WritableTmpfs -Overlay 1.img", "true")),
            .. Refused(scene.Invoke("-Overlay 1.img, 1.img:ro", "true")),
            .. Refused(scene.Invoke("-Overlay c.sif", "true")),
        ];
        var (output, _) = scene.Run(commands);
        string[] expected =
        [
            ErrorIds.TooManyWritableOverlays, ErrorIds.OverlayFileNotFound, ErrorIds.OverlayFileNotFound, ErrorIds.SifCorrupt,
            ErrorIds.ImageNotRecognized, ErrorIds.ImageNotRecognized, ErrorIds.OverlayNotWritable, ErrorIds.OptionConflict,
            ErrorIds.OptionConflict, ErrorIds.OverlayInUse, ErrorIds.OverlayNotExt3,
        ];
        Assert.Equal(expected.Select(id => id + " 255"), output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Root_without_the_right_to_mount_runs_in_a_user_namespace_or_hears_why_not()
    {
        using var scene = new Scene(Who.Root);
        scene.Lines(scene.NewOverlay("o.img"));
        string[] dropped = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", "--"];
        var command = scene.CommandLine(scene.Invoke("-Overlay o.img", "id -u; echo $$ >/data/new; rm /data/a; ls /data"),
            "$LASTEXITCODE; ($Error[0].FullyQualifiedErrorId -split ',')[0]; $Error[0].ErrorDetails.RecommendedAction");
        var (_, output, error) = Machine.RunWith(dropped[0], [.. dropped.Skip(1), .. command], null, scene.Folder);
        Assert.Equal(string.Empty, error);
        Assert.Equal("0\nnew\nsub\n0\n", output.TrimEnd() + "\n");
        scene.AssertNothingLeft();
        scene.AssertClean("o.img");
        // What was deleted is so for root with all rights, too.
        Assert.Equal(["new", "sub"], scene.Lines(scene.Invoke("-Overlay o.img:ro", "ls /data")));

        // As in another container that allows neither.
        string[] denied = ["--user", "--map-root-user", "--mount", "sh", "-c", "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"", "sh"];
        (_, output, error) = Machine.RunWith("unshare", [.. denied, .. dropped, .. command], null, scene.Folder);
        Assert.StartsWith($"255\n{ErrorIds.NamespaceUnavailable}\n", output);
        Assert.Contains("CAP_SYS_ADMIN", error);
        Assert.Contains("run the outer container with CAP_SYS_ADMIN", output);
        scene.AssertNothingLeft();
    }

    [Fact]
    public void A_helper_that_cannot_be_executed_is_named()
    {
        using var scene = new Scene(Who.User);
        Directory.CreateDirectory(scene["fake"]);
        File.WriteAllText(scene["fake/squashfuse_ll"], "no program at all");
        Machine.Run("chmod", "-R", "a+rx", scene["fake"]);
        var (output, error) = scene.RunWithInput("", $"$env:PATH = '{scene["fake"]}:' + $env:PATH", scene.Invoke("-Engine Native", "true"),
            "$LASTEXITCODE; ($Error[0].FullyQualifiedErrorId -split ',')[0]");
        Assert.Equal("255\nHelperFailed\n", output);
        Assert.Contains("squashfuse_ll failed: The program cannot be executed.", error);
    }

    [Fact]
    public void An_overlay_made_for_root_is_refused_to_the_user_for_writing_and_can_be_read()
    {
        using var scene = new Scene(Who.User);
        string[] commands =
        [
            "New-OverlayImage o.img 64MB -FakeRoot | Out-Null",
            .. Refused(scene.Invoke("-Overlay o.img", "true")),
            "$Error[0].ErrorDetails.RecommendedAction; $ErrorActionPreference = 'Continue'",
            scene.Invoke("-Overlay o.img:ro", "cat /data/a"),
            "Invoke-ContainerWithOverlay c.sif -Overlay o.img -FakeRoot -- sh -c 'echo changed >/data/a; cat /data/a'",
        ];
        var (output, error) = scene.Run(commands);
        Assert.Equal("", error);
        Assert.StartsWith("OverlayOwnerMismatch 255\nRun with", output);
        Assert.EndsWith("\noriginal\nchanged\n", output);
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData("upper", ":ro")]
    [InlineData("upper", "")]
    [InlineData("work", "")]
    public void A_link_in_place_of_a_layers_directory_leads_root_nowhere(string name, string mode)
    {
        using var scene = new Scene(Who.Root);
        Directory.CreateDirectory(scene["overlay"]);
        Directory.CreateDirectory(scene["victim"]);
        Directory.CreateDirectory(scene["overlay/upper"]);
        if (name == "upper")
            Directory.Delete(scene["overlay/upper"]);
        File.CreateSymbolicLink(scene["overlay/" + name], scene["victim"]);
        var (output, _) = scene.Run(Refused(scene.Invoke("-Overlay overlay" + mode, "echo x >/data/a")));
        Assert.Equal("OverlayMissingUpper 255\n", output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(scene["victim"]));
    }

    [Fact]
    public void An_overlay_that_belongs_to_somebody_else_is_refused_for_writing()
    {
        using var scene = new Scene(Who.User);
        OverlayCreator.Create(
            new OverlayCreation { Path = scene["o.img"], UserId = 4711, GroupId = 4711 }, null, TestContext.Current.CancellationToken);
        scene.Own(scene["o.img"]);
        var (output, _) = scene.Run(Refused(scene.Invoke("-Overlay o.img", "true")));
        Assert.Equal("OverlayOwnerMismatch 255\n", output);
    }

    [Fact]
    public void An_overlay_file_that_the_user_may_not_write_is_refused_for_writing()
    {
        using var scene = new Scene(Who.User);
        scene.Lines(scene.NewOverlay("o.img"));
        File.SetUnixFileMode(scene["o.img"], (UnixFileMode)0b100_100_100);
        var (output, _) = scene.Run(Refused(scene.Invoke("-Overlay o.img", "true")));
        Assert.Equal("OverlayNotWritable 255\n", output);
    }

    // Prints the id of the error, and the exit code.
    private static string[] Refused(string command) =>
    [
        "$ErrorActionPreference = 'SilentlyContinue'; $Error.Clear()", command,
        "\"$(($Error[0].FullyQualifiedErrorId -split ',')[0]) $LASTEXITCODE\"",
    ];
}
