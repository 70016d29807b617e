namespace OverlayTools.Tests.Containers;

/// <summary>What the command gets, and what comes back from it.</summary>
public class CommandTests
{
    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void The_exit_code_is_the_commands(Who who)
    {
        using var scene = new Scene(who);
        var (output, error) = scene.Run(
            scene.Invoke("", "exit 0"), "$LASTEXITCODE",
            scene.Invoke("", "exit 3"), "$LASTEXITCODE",
            scene.Invoke("", "kill -9 $$"), "$LASTEXITCODE",
            $"Invoke-ContainerWithOverlay c.sif {scene.Identity} -- no-such-command", "$LASTEXITCODE; $Error[0].FullyQualifiedErrorId");
        Assert.Equal("0\n3\n137\n127\nContainerCommandNotFound,OverlayTools.Commands.InvokeContainerWithOverlayCommand\n", output);
        Assert.Contains("'no-such-command' does not exist in the container", error);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void The_pipeline_is_the_commands_input_and_its_error_stream_is_ours(Who who)
    {
        using var scene = new Scene(who);
        var (output, error) = scene.Run(
            "'one', 2, '' | " + scene.Invoke("", "cat -n; echo oops >&2"),
            "1..20000 | " + scene.Invoke("", "head -n 1"),
            "$all = 1..20000 | " + scene.Invoke("", "cat"), "$all.Count; $all[-1]");
        Assert.Equal(["     1\tone", "     2\t2", "     3\t", "1", "20000", "20000", ""], output.Split('\n'));
        Assert.EndsWith("oops\n", error);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Without_a_pipeline_the_command_reads_our_own_input(Who who)
    {
        using var scene = new Scene(who);
        var (output, _) = scene.RunWithInput("typed\n", scene.Invoke("", "cat"));
        Assert.Equal("typed\n", output);
    }

    [Theory]
    [InlineData(Who.Root, "0 0")]
    [InlineData(Who.User, null)]
    [InlineData(Who.FakeRoot, "0 0")]
    public void The_command_is_who_was_asked_for(Who who, string? ids)
    {
        using var scene = new Scene(who);
        var output = scene.Lines("id -u", scene.Invoke("", "echo $(id -u) $(id -g); id -un; echo $HOME; pwd"));
        var (name, home) = who == Who.User ? ("ot-tester", "/home/ot-tester") : ("root", "/root");
        Assert.Equal([ids ?? $"{output[0]} {output[0]}", name, home], output[1..4]);
        // Where the caller was: the folder of the scene is below /tmp, which shows in the container.
        Assert.Equal(scene.Folder, output[4]);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Variables_of_the_host_are_passed_on_and_those_for_the_container_win(Who who)
    {
        using var scene = new Scene(who);
        var output = scene.Lines(
            "$env:OT_PLAIN = 'plain'; $env:APPTAINERENV_OT_WON = 'won'; $env:OT_WON = 'lost'; $env:SINGULARITYENV_PATH = '/bin:/mine'",
            scene.Invoke("", "echo $OT_PLAIN $OT_WON $PATH $APPTAINER_NAME; env | grep -c ^APPTAINERENV_"),
            // The process goes on with other tests.
            "$env:OT_PLAIN = $null; $env:APPTAINERENV_OT_WON = $null; $env:OT_WON = $null; $env:SINGULARITYENV_PATH = $null");
        Assert.Equal(["plain won /bin:/mine c.sif", "0"], output);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void A_path_may_hold_what_mount_options_quote(Who who)
    {
        const string folder = "./with space, comma:colon";
        using var scene = new Scene(who);
        Directory.CreateDirectory(scene[folder + "/up"]);
        File.Move(scene["c.sif"], scene[folder + "/c.sif"]);
        scene.Own(scene[folder]);
        var output = scene.Lines(
            scene.NewOverlay(folder + "/o.img"),
            scene.Invoke($"-Overlay '{folder}/o.img'", "echo 1 >/data/a", $"'{folder}/c.sif'"),
            scene.Invoke($"-Overlay '{folder}/o.img:ro'", "cat /data/a", $"'{folder}/c.sif'"),
            scene.Invoke($"-Overlay '{folder}/up'", "echo 2 >/data/a; cat /data/a", $"'{folder}/c.sif'"));
        Assert.Equal(["1", "2"], output);
        scene.AssertClean(folder + "/o.img");
    }
}
