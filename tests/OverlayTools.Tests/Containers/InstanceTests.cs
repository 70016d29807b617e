using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>Containers that run in the background.</summary>
public class InstanceTests
{
    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void An_instance_outlives_its_starter_and_is_found_joined_and_stopped_from_another(Who who)
    {
        using var scene = new Scene(who);
        var state = scene.KeepState();
        scene.RunWithInput("", scene.NewOverlay("o.img"));
        using (var starter = scene.StartUntilReady(
            state, $"Start-ContainerInstance c.sif web -Overlay o.img {scene.Identity} | Out-Null", "[Console]::Out.WriteLine('ready'); [Threading.Thread]::Sleep(1000000)"))
        {
            starter.Kill();
            starter.WaitForExit();
        }

        var (output, error) = scene.RunBeside(state,
            "Get-ContainerInstance | ForEach-Object { \"$($_.Name) $($_.State) $($_.UserName) $([IO.Path]::GetFileName($_.Path))\" }",
            "Invoke-ContainerWithOverlay -Instance web -- sh -c 'echo kept >/data/a; echo $APPTAINER_INSTANCE; pwd; exit 4'; $LASTEXITCODE",
            "Invoke-ContainerWithOverlay -Instance web -- cat /data/a",
            "Invoke-ContainerWithOverlay -Instance web -- id -u",
            "'x', 'y' | Invoke-ContainerWithOverlay -Instance web -- sort -r",
            "Invoke-ContainerWithOverlay -Instance web -- no-such; \"$LASTEXITCODE $($Error[0].FullyQualifiedErrorId)\"",
            // The lock is held.
            $"Invoke-ContainerWithOverlay c.sif -Overlay o.img {scene.Identity} -- true; $Error[0].FullyQualifiedErrorId",
            "Stop-ContainerInstance w*; @(Get-ContainerInstance).Count");
        var name = who == Who.Root ? "root" : OrdinaryUser.Name;
        var id = who == Who.User ? Machine.Run("id", "-u", OrdinaryUser.Name).Output.Trim() : "0";
        Assert.Equal(
        [
            $"web Running {name} c.sif", "web", scene.Folder, "4", "kept", id, "y", "x",
            "127 ContainerCommandNotFound,OverlayTools.Commands.InvokeContainerWithOverlayCommand",
            "OverlayInUse,OverlayTools.Commands.InvokeContainerWithOverlayCommand", "0", "",
        ], output.Split('\n'));
        Assert.DoesNotContain("Stop-", error, StringComparison.Ordinal);
        scene.AssertNothingLeft();
        scene.AssertClean("o.img");
        Assert.Equal(["kept"], scene.Lines(scene.Invoke("-Overlay o.img:ro", "cat /data/a")));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void The_start_script_runs_in_the_background_and_is_asked_to_end(Who who)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["root/.singularity.d"]);
        File.WriteAllText(scene["root/.singularity.d/startscript"],
            "#!/bin/sh\necho started $1; echo problem >&2\ntrap 'echo asked >/data/end; exit 0' TERM\nwhile true; do sleep 0.02; done\n");
        Machine.Run("chmod", "755", scene["root/.singularity.d/startscript"]);
        scene.Own(scene["root"]);
        var (output, error) = scene.RunBeside(scene.KeepState(), scene.NewOverlay("o.img"),
            $"$i = Start-ContainerInstance root service -Overlay o.img {scene.Identity} -- now",
            "while ([IO.File]::ReadAllText($i.ErrorPath) -eq '') { [Threading.Thread]::Sleep(20) }; [IO.File]::ReadAllLines($i.OutputPath); [IO.File]::ReadAllLines($i.ErrorPath)",
            "Invoke-ContainerWithOverlay -Instance service -- cat /proc/1/comm; $i.ProcessId -gt 1",
            "$i | Stop-ContainerInstance",
            scene.Invoke("-Overlay o.img", "cat /data/end", "root"));
        Assert.Equal(string.Empty, error);
        Assert.Equal(["started now", "problem", "overlaytools-in", "True", "asked", ""], output.Split('\n'));
        scene.AssertNothingLeft();
        scene.AssertClean("o.img");
    }

    // Ours, and Apptainer's; a file of variables is in the scene's folder.
    private static readonly (string Ours, string Theirs)[] s_joins =
    [
        ("", ""),
        ("-Environment @{ OTC_A = 'a b'; PREPEND_PATH = '/own/bin' }", "--env OTC_A=a\\sb --env PREPEND_PATH=/own/bin"),
        ("-EnvironmentFile vars", "--env-file vars"),
        ("-EnvironmentFile vars -Environment @{ OTC_F = 'stronger' }", "--env-file vars --env OTC_F=stronger"),
        ("-CleanEnvironment", "--cleanenv"),
        ("-CleanEnvironment -Environment @{ OTC_A = 'x' }", "--cleanenv --env OTC_A=x"),
        ("-WorkingDirectory /data/sub", "--cwd /data/sub"),
        ("-WorkingDirectory /data/link", "--cwd /data/link"),
    ];

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_command_in_an_instance_has_the_environment_and_directory_that_Apptainer_would_give_it(Who who)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["root/.singularity.d/env"]);
        File.WriteAllText(scene["root/.singularity.d/env/90-environment.sh"], "export OTC_I=image OTC_F=image\n");
        // Without these, Apptainer sets no variables, and starts no instance.
        File.WriteAllText(scene["root/.singularity.d/env/99-base.sh"], "");
        File.WriteAllText(scene["root/.singularity.d/startscript"], "#!/bin/sh\n");
        Machine.Run("chmod", "755", scene["root/.singularity.d/startscript"]);
        File.CreateSymbolicLink(scene["root/data/link"], "sub");
        File.WriteAllText(scene["vars"], "OTC_F='from a file'\nOTC_G=$OTC_HOST.b\n");
        scene.Own(scene["root"]);
        scene.Own(scene["vars"]);
        const string probe = "env | grep -E \"^(OTC_|HOME=|PATH=|PWD=|LANG=|APPTAINER_(INSTANCE|BIND|CONTAINER|NAME|COMMAND)=|"
            + "SINGULARITY_(INSTANCE|BIND|CONTAINER|NAME)=)\" | sort; pwd";
        const string end = "echo -- end";
        var started = "Start-ContainerInstance root joined -Environment @{ OTC_START = 1 } " + scene.Identity + " | Out-Null";
        var (output, error) = scene.RunBeside(
        [
            scene.KeepState(), "$env:OTC_HOST = 'host'; $env:LANG = 'C.UTF-8'", started,
            .. s_joins.Select(join => $"Invoke-ContainerWithOverlay -Instance joined {join.Ours} -- sh -c '{probe}; {end}'"),
            "$env:OTC_HOST = $env:LANG = $null", "Stop-ContainerInstance joined",
        ]);
        Assert.Equal(string.Empty, error);
        var script = $"""
            export OTC_HOST=host LANG=C.UTF-8
            a='{Machine.NeedApptainer()} --silent'
            $a instance start --env OTC_START=1 {(who == Who.FakeRoot ? "--fakeroot" : "")} root joined || exit
            {string.Join('\n', s_joins.Select(join => $"$a exec {join.Theirs.Replace("a\\sb", "'a b'")} instance://joined sh -c '{probe}; {end}'"))}
            $a instance stop joined >/dev/null
            """;
        var (_, theirs, problem) = Machine.RunWith(
            "env", [.. scene.Environment.Skip(who == Who.Root ? 1 : 0), "HOME=" + scene.Folder, "sh", "-c", script], null, scene.Folder);
        Assert.Equal(string.Empty, problem);
        Assert.Equal(Normal(theirs), Normal(output));
        scene.AssertNothingLeft();

        // Where we are asked to start is all that differs: the home directory is the account's.
        string Normal(string text) => text.Replace(
            "HOME=" + scene.Folder, "HOME=" + (who == Who.User ? "/home/" + OrdinaryUser.Name : "/root"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void What_a_command_in_an_instance_cannot_have_is_an_error(Who who)
    {
        using var scene = new Scene(who);
        var (output, _) = scene.RunBeside(
        [
            scene.KeepState(), $"Start-ContainerInstance c.sif i {scene.Identity} | Out-Null",
            .. new[] { "-WorkingDirectory /gone", "-WorkingDirectory data", "-EnvironmentFile gone", "-Environment @{ 'A=' = 1 }", "-Overlay o" }
                .SelectMany(options => new[]
                {
                    $"Invoke-ContainerWithOverlay -Instance i {options} -ErrorAction SilentlyContinue -- pwd",
                    "\"$LASTEXITCODE $(($Error[0].FullyQualifiedErrorId -split ',')[0])\"",
                }),
            "Invoke-ContainerWithOverlay -Instance i -Environment @{ HOME = '/x' } -WarningVariable said -WarningAction SilentlyContinue -- true; \"$said\"",
            "Stop-ContainerInstance i",
        ]);
        Assert.Equal(
        [
            "255 ContainerStartFailed", "255 ContainerOptionInvalid", "255 OverlayFileNotFound", "255 ContainerOptionInvalid", "255 OptionConflict",
            "The variable HOME of the container cannot be set this way; use -HomeDirectory.", "",
        ], output.Split('\n'));
        scene.AssertNothingLeft();
    }

    [Theory]
    [InlineData(Who.Root, "KeeperProcessId")]
    [InlineData(Who.User, "KeeperProcessId")]
    [InlineData(Who.FakeRoot, "KeeperProcessId")]
    [InlineData(Who.Root, "SupervisorProcessId")]
    [InlineData(Who.User, "SupervisorProcessId")]
    [InlineData(Who.FakeRoot, "SupervisorProcessId")]
    [InlineData(Who.Root, "ProcessId")]
    [InlineData(Who.User, "ProcessId")]
    [InlineData(Who.FakeRoot, "ProcessId")]
    public void Whichever_process_of_an_instance_is_killed_nothing_is_left_and_the_next_listing_says_so(Who who, string which)
    {
        using var scene = new Scene(who);
        var state = scene.KeepState();
        var (output, error) = scene.RunBeside(state, scene.NewOverlay("o.img"),
            $"$i = Start-ContainerInstance c.sif victim -Overlay o.img {scene.Identity}",
            "Invoke-ContainerWithOverlay -Instance victim -- sh -c 'echo kept >/data/a; sync; (while true; do echo x >>/data/log; done) >/dev/null 2>&1 &'",
            $"$i.{which}");
        Assert.Equal(string.Empty, error);
        Machine.Run("kill", "-9", int.Parse(output.Trim(), CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture));
        // The directory of the session is removed by the keeper, or, when it was the victim, by who looks next.
        var (listed, _) = scene.RunBeside(state,
            "$ended = $null; while (-not $ended) { $found = Get-ContainerInstance -WarningVariable ended -WarningAction SilentlyContinue; [Threading.Thread]::Sleep(50); if (-not $found) { break } }",
            "@($found).Count; \"$ended\"; @(Get-ContainerInstance).Count");
        Assert.StartsWith("0\n", listed, StringComparison.Ordinal);
        Assert.Contains("'victim' has ended without being stopped", listed, StringComparison.Ordinal);
        Assert.EndsWith("0\n", listed, StringComparison.Ordinal);
        scene.AssertNothingLeft();
        // 0: clean, 1: the journal was replayed.
        Assert.InRange(Machine.Run("e2fsck", "-p", scene["o.img"]).ExitCode, 0, 1);
        Assert.Equal(["kept"], scene.Lines(scene.Invoke("-Overlay o.img", "cat /data/a")));
    }

    [Fact]
    public void Names_are_checked_unique_and_completed_and_nothing_happens_with_WhatIf()
    {
        using var scene = new Scene(Who.Root);
        var (planned, _) = scene.RunBeside(scene.KeepState(), "Start-ContainerInstance c.sif none -WhatIf; \"$(@(Get-ContainerInstance).Count) started\"");
        Assert.Contains("What if: ", planned, StringComparison.Ordinal);
        Assert.EndsWith("0 started\n", planned, StringComparison.Ordinal);
        var (output, _) = scene.RunBeside(scene.KeepState(),
            "foreach ($bad in '../x', 'a b', '.', '..', '.a', 'ä') { Start-ContainerInstance c.sif $bad -ErrorAction SilentlyContinue; $Error[0].FullyQualifiedErrorId }",
            "$null = Start-ContainerInstance c.sif one; Start-ContainerInstance c.sif one -ErrorAction SilentlyContinue; $Error[0].FullyQualifiedErrorId",
            "$null = Start-ContainerInstance c.sif two",
            "(TabExpansion2 'Stop-ContainerInstance t').CompletionMatches.CompletionText",
            "(TabExpansion2 'Invoke-ContainerWithOverlay -Instance o').CompletionMatches.CompletionText",
            "Stop-ContainerInstance * -WhatIf; @(Get-ContainerInstance).Count",
            "Get-ContainerInstance x -ErrorAction SilentlyContinue; $Error[0].FullyQualifiedErrorId; @(Get-ContainerInstance x*).Count",
            "Invoke-ContainerWithOverlay -Instance x -ErrorAction SilentlyContinue -- ls; \"$LASTEXITCODE $($Error[0].FullyQualifiedErrorId)\"",
            "Invoke-ContainerWithOverlay -Instance one -ErrorAction SilentlyContinue -Writable -- ls; $Error[0].FullyQualifiedErrorId",
            "Stop-ContainerInstance x -ErrorAction SilentlyContinue; $Error[0].FullyQualifiedErrorId",
            "Stop-ContainerInstance one, two -Signal SIGINT -Force; @(Get-ContainerInstance).Count");
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith("What if", StringComparison.Ordinal));
        Assert.Equal(
        [
            .. Enumerable.Repeat("InstanceNameInvalid,OverlayTools.Commands.StartContainerInstanceCommand", 6),
            "InstanceExists,OverlayTools.Commands.StartContainerInstanceCommand", "two", "one", "2",
            "InstanceNotFound,OverlayTools.Commands.GetContainerInstanceCommand", "0",
            "255 InstanceNotFound,OverlayTools.Commands.InvokeContainerWithOverlayCommand",
            "OptionConflict,OverlayTools.Commands.InvokeContainerWithOverlayCommand",
            "InstanceNotFound,OverlayTools.Commands.StopContainerInstanceCommand", "0",
        ], lines);
        scene.AssertNothingLeft();
    }

    [Fact]
    public void A_record_of_a_process_that_has_its_number_from_another_is_never_signalled()
    {
        using var scene = new Scene(Who.Root);
        var state = scene.KeepState();
        scene.RunBeside(state, "Start-ContainerInstance c.sif old | Out-Null");
        var record = Directory.EnumerateFiles(scene["state"], "instance.json", SearchOption.AllDirectories).Single();
        var text = File.ReadAllText(record);
        scene.RunBeside(state, "Stop-ContainerInstance old");
        // As after a crash: the numbers belong to this process now, which was started at another time.
        Directory.CreateDirectory(Path.GetDirectoryName(record)!);
        var own = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        File.WriteAllText(record, System.Text.RegularExpressions.Regex.Replace(text, "\"Id\":[0-9]+", "\"Id\":" + own));
        var (output, error) = scene.RunBeside(state,
            "Stop-ContainerInstance old -WarningVariable said -ErrorAction SilentlyContinue; \"$said\"; @(Get-ContainerInstance).Count");
        Assert.Contains("The processes that kept it were killed", output, StringComparison.Ordinal);
        Assert.EndsWith("\n0\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("old2", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void W11_an_image_without_scripts_runs_a_shell_and_starts_as_an_instance(Who who)
    {
        using var scene = new Scene(who);
        var (output, error) = scene.RunBeside(scene.KeepState(),
            "'echo from the shell' | Invoke-ContainerWithOverlay c.sif -Run " + scene.Identity, "$LASTEXITCODE",
            $"(Start-ContainerInstance c.sif bare {scene.Identity}).State.ToString()",
            "Stop-ContainerInstance bare; 'stopped'");
        Assert.Equal(string.Empty, error);
        Assert.Equal("from the shell\n0\nRunning\nstopped\n", output);
        scene.AssertNothingLeft();
    }
}
