using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>Faults of other runtimes that this one does not have; the numbers are those of the specification.</summary>
public class WeakPointTests
{
    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.FakeRoot)]
    public void W4_a_writable_overlay_counts_wherever_it_stands(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("rw.img"), scene.NewOverlay("ro.img"), scene.Invoke("-Overlay ro.img", "touch /data/ro"));
        Assert.Equal(["eve:x:7:7::/:/bin/sh", "ro"], scene.Lines(
            scene.Invoke("-Overlay rw.img, ro.img:ro", "echo eve:x:7:7::/:/bin/sh >>/etc/passwd"),
            scene.Invoke("-Overlay rw.img:ro, ro.img:ro", "grep eve /etc/passwd; ls /data | grep ro")));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void W5_what_an_overlay_took_away_is_there_to_mount_on_and_gone_again_afterwards(Who who)
    {
        using var scene = new Scene(who);
        const string look = "[ -d $HOME ] && [ -d /var/tmp ] && grep -q \" $HOME \" /proc/self/mountinfo && echo shown";
        const string gone = "ls -d /home /root /var/tmp 2>/dev/null || echo gone";
        var apart = "-NoMount home, tmp, cwd -WorkingDirectory /";
        Directory.CreateDirectory(scene["dir"]);
        scene.Own(scene["dir"]);
        foreach (var overlay in new[] { "o.img", "dir" })
        {
            if (overlay != "dir")
                scene.Lines(scene.NewOverlay(overlay));
            Assert.Equal(["gone", "shown", "shown", "gone"], scene.Lines(
                scene.Invoke($"-Overlay {overlay} {apart}", "rm -rf /home /root /var/tmp; " + gone),
                scene.Invoke($"-Overlay {overlay}", look),
                scene.Invoke($"-Overlay {overlay}:ro", look),
                scene.Invoke($"-Overlay {overlay} {apart}", gone)));
        }

        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void W6_a_start_alone_writes_nothing_into_an_overlay(Who who)
    {
        using var scene = new Scene(who);
        Machine.NeedTool("debugfs");
        Directory.CreateDirectory(scene["dir"]);
        scene.Own(scene["dir"]);
        scene.Lines(scene.NewOverlay("o.img"), scene.Invoke("-Overlay o.img", "true"), scene.Invoke("-Overlay dir -Bind /usr:/data/new/bind:ro", "true"));
        var names = Machine.Run("debugfs", "-R", "ls -p /upper", scene["o.img"]).Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('/')[5]);
        Assert.Equal([".", ".."], names.Order());
        Assert.Empty(Directory.EnumerateFileSystemEntries(scene["dir/upper"]));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void W11_an_image_without_a_directory_of_metadata_runs(Who who)
    {
        using var scene = new Scene(who);
        Assert.Equal(["none", "x", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], scene.Lines(
            scene.Invoke("-Environment @{ OT_X = 'x' }", "ls -d /.singularity.d 2>/dev/null || echo none; echo $OT_X; echo $PATH")));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void W12_a_host_without_hosts_file_and_time_zone_starts_containers(Who who)
    {
        using var scene = new Scene(who);
        Machine.NeedTool("unshare");
        var (output, error) = scene.RunWithout(["hosts", "localtime", "resolv.conf"], scene.Invoke("", "echo started; ls /etc"));
        Assert.Equal(string.Empty, error);
        Assert.Equal("started\ngroup\npasswd\n", output);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void W13_variables_for_the_container_need_no_script_in_the_image(Who who)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["root/.singularity.d/env"]);
        File.WriteAllText(scene["root/.singularity.d/env/10-docker2singularity.sh"], """
            export PATH="/image:/bin"
            export OT_IMAGE="im'a\"ge $HOME"
            export OT_BOTH='image' OT_USER='image' OT_DEFAULT="${OT_HOST:-default}"
            OT_LOCAL=unexported
            export OT_LINES='a
            export OT_FALSE=1'
            read OT_INPUT
            """);
        File.WriteAllText(scene["f.env"], "OT_FILE=file\nOT_USER=file\nOT_TEXT=\"${OT_FILE} text\"\n");
        scene.Own(scene["root"]);
        var output = scene.Lines(
            "$env:OT_HOST = 'host'; $env:OT_BOTH = 'host'; $env:APPTAINERENV_OT_PREFIX = 'prefix'",
            "'typed' | " + scene.Invoke("-Environment @{ OT_USER = 'user'; APPEND_PATH = '/mine' } -EnvironmentFile f.env",
                "env | grep ^OT_ | sort; echo $PATH; cat; pwd", "root"),
            // The host's process is used again.
            "$env:OT_HOST = $env:OT_BOTH = $env:APPTAINERENV_OT_PREFIX = $null");
        Assert.Equal(
        [
            "OT_BOTH=image", "OT_DEFAULT=default", "OT_FILE=file", "OT_HOST=host",
            $"OT_IMAGE=im'a\"ge {(who == Who.Root ? "/root" : "/home/ot-tester")}", "OT_LINES=a", "OT_PREFIX=prefix", "OT_TEXT=file text", "OT_USER=user",
            "/image:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/mine", "typed", scene.Folder,
        ], output);
        // What the shell cannot find is told as where there is no shell.
        var (text, _) = scene.Run("Invoke-ContainerWithOverlay root -- no-such-command 2>$null", "$LASTEXITCODE; ($Error[0].FullyQualifiedErrorId -split ',')[0]");
        Assert.Equal("127\nContainerCommandNotFound\n", text);
    }
}
