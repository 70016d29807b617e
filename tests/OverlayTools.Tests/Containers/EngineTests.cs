using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>The same cmdlet with another engine beneath it.</summary>
public sealed class EngineTests
{
    // Only one of the two engines sets these, or sets them to something of its own (docs/interop.md).
    private const string OwnVariables = "APPTAINER|SINGULARITY|PS1|PROMPT_COMMAND|LD_LIBRARY_PATH|USER_PATH|SHLVL|_=|OLDPWD";

    private const string Work = "umask; pwd; id -u; id -g; mkdir -p /srv/a/b; echo text >/srv/a/file; ln -s file /srv/a/link; "
        + "chmod 600 /srv/a/file; if [ $(id -u) = 0 ]; then rm /etc/group; echo more >>/etc/passwd; fi; exit 7";

    // Names, kinds, modes, owners; not sizes of directories, which are the file system's.
    private const string Show = "find /srv /etc -print | sort | while read -r f; do stat -c \"%n %f %u %g\" \"$f\"; done; cat /srv/a/file; readlink /srv/a/link";

    private static string OnPath => $"$env:PATH += ':{Path.GetDirectoryName(Machine.NeedApptainer())}'";

    [Theory]
    [InlineData(Who.Root, "o.img")]
    [InlineData(Who.Root, "o")]
    [InlineData(Who.User, "o.img")]
    [InlineData(Who.FakeRoot, "o.img")]
    public void The_same_script_gives_the_same_files_owners_and_exit_code(Who who, string overlay)
    {
        using var scene = new Scene(who);
        var results = new Dictionary<string, string[]>();
        foreach (var engine in new[] { "Native", "Apptainer" })
        {
            var name = engine + overlay;
            var make = overlay == "o" ? $"[IO.Directory]::CreateDirectory(\"$PWD/{name}\") | Out-Null"
                : $"New-OverlayImage {name} 64MB -CreateDirectory /srv, /etc {scene.Identity} | Out-Null";
            results[engine] = scene.Lines(OnPath, make,
                scene.Invoke($"-Overlay {name} -Engine {engine}", Work), "$LASTEXITCODE",
                scene.Invoke($"-Overlay {name}:ro -Engine Native", Show.Replace("'", "''")), "$LASTEXITCODE");
        }

        Assert.Contains("7", results["Native"]);
        Assert.Contains(results["Native"], line => line.StartsWith("/srv/a/link a1ff ", StringComparison.Ordinal));
        Assert.Equal(results["Native"], results["Apptainer"]);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void The_same_script_sees_the_same_environment(Who who)
    {
        using var scene = new Scene(who);
        var seen = new List<string[]>();
        foreach (var engine in new[] { "Native", "Apptainer" })
            seen.Add(scene.Lines(OnPath, "$env:MINE = 'a b'", scene.Invoke($"-Engine {engine}", $"env | grep -vE \"^({OwnVariables})\" | sort")));
        Assert.Contains("MINE=a b", seen[0]);
        Assert.Equal(seen[0], seen[1]);
    }

    [Theory]
    [InlineData("exit 0", "0")]
    [InlineData("exit 255", "255")]
    [InlineData("kill -9 $$", "137")]
    [InlineData("kill -15 $$", "143")]
    public void Exit_codes_are_the_same(string command, string expected)
    {
        using var scene = new Scene(Who.Root);
        var lines = scene.Lines(OnPath,
            scene.Invoke("-Engine Native", command), "$LASTEXITCODE", scene.Invoke("-Engine Apptainer", command), "$LASTEXITCODE");
        Assert.Equal([expected, expected], lines);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Input_output_and_errors_flow(Who who)
    {
        using var scene = new Scene(who);
        var (output, error) = scene.Run(OnPath, "$r = 'one', 'two' | " + scene.Invoke("-Engine Apptainer -AsObject", "cat; echo bad >&2; exit 3"),
            "$r.Output", "$r.Error", "$r.ExitCode", "$r.Engine");
        Assert.Equal(string.Empty, error);
        Assert.Equal("one\ntwo\nbad\n3\nApptainer\n", output);
    }

    [Fact]
    public void A_command_that_does_not_exist_is_the_same_error()
    {
        using var scene = new Scene(Who.Root);
        var lines = scene.Run(OnPath, "Invoke-ContainerWithOverlay c.sif -Engine Apptainer -ErrorVariable e -ErrorAction SilentlyContinue -- nonsuch",
            "$LASTEXITCODE", "$e[-1].FullyQualifiedErrorId").Output;
        Assert.StartsWith("127\nContainerCommandNotFound", lines);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void An_overlay_in_use_is_the_same_error(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var holder = scene.StartUntilReady(scene.Invoke("-Engine Native -Overlay o.img", "echo ready; sleep 60"));
        try
        {
            var (output, _) = scene.RunBeside(OnPath,
                scene.Invoke("-Engine Apptainer -Overlay o.img -ErrorVariable e -ErrorAction SilentlyContinue", "true"),
                "$LASTEXITCODE", "$e[-1].FullyQualifiedErrorId");
            Assert.StartsWith("255\nOverlayInUse", output);
        }
        finally
        {
            Machine.Run("kill", "-INT", holder.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
            if (!holder.WaitForExit(30_000))
                holder.Kill(entireProcessTree: true);
        }
    }

    [Theory]
    [InlineData(Who.Root, "sleep 600")]
    [InlineData(Who.User, "sleep 600")]
    [InlineData(Who.User, "trap \"\" TERM; while :; do sleep 1; done")]
    public void Stopping_ends_everything(Who who, string command)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        var (output, _) = scene.Run(OnPath,
            scene.Invoke("-Engine Apptainer -Overlay o.img -TimeoutSeconds 3 -ErrorVariable e -ErrorAction SilentlyContinue", command),
            "$e[-1].FullyQualifiedErrorId");
        Assert.StartsWith("ContainerTimeout", output);
        // Nothing is left that has the overlay: the next writer gets it.
        scene.Lines(scene.Invoke("-Engine Native -Overlay o.img", "true"));
        scene.AssertClean("o.img");
    }

    [Fact]
    public void An_embedded_overlay_is_written()
    {
        using var scene = new Scene(Who.Root);
        scene.Lines(OnPath, "New-OverlayImage c.sif -CreateDirectory /srv | Out-Null", scene.Invoke("-Writable -Engine Apptainer", "echo x >/srv/x"));
        Assert.Equal(["x"], scene.Lines(scene.Invoke("-Writable -Engine Native", "cat /srv/x")));
    }

    [Fact]
    public void A_setuid_installation_is_recognised_and_gets_a_user_namespace_for_a_directory()
    {
        using var scene = new Scene(Who.User);
        var libexec = scene["libexec"];
        Directory.CreateDirectory(libexec + "/apptainer/bin");
        File.WriteAllText(libexec + "/apptainer/bin/starter-suid", "#!/bin/sh\n");
        File.SetUnixFileMode(libexec + "/apptainer/bin/starter-suid", (UnixFileMode)0b100_111_101_101);
        File.WriteAllText(scene["apptainer.conf"], "# allow setuid = no\nallow setuid = yes\n");
        Directory.CreateDirectory(scene["fake"]);
        File.WriteAllText(scene["fake/apptainer"], $"""
            #!/bin/sh
            case "$*" in
                --version) echo apptainer version 1.2.5;;
                buildcfg) echo LIBEXECDIR={libexec}; echo APPTAINER_CONF_FILE={scene["apptainer.conf"]};;
                *) echo "$@";;
            esac

            """);
        File.SetUnixFileMode(scene["fake/apptainer"], (UnixFileMode)0b111_101_101);
        Directory.CreateDirectory(scene["o"]);
        scene.Own(scene["o"]);
        var path = $"$env:PATH = '{scene["fake"]}:' + $env:PATH";
        var lines = scene.Lines(path, "$e = Get-ContainerEngine Apptainer", "$e.IsSetuid", "$e.Version",
            "Invoke-ContainerWithOverlay c.sif -Engine Apptainer -Overlay o -- true");
        Assert.Equal(["True", "1.2.5", $"--quiet exec --userns --overlay {scene["o"]} {scene["c.sif"]} true"], lines);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void This_machine_can(Who who)
    {
        using var scene = new Scene(who);
        var lines = scene.Lines("$n = Get-ContainerEngine Native", "$n.Available", "$n.Capabilities.Count -gt 15",
            "(Get-ContainerEngine Native -Detailed | Where-Object Name -eq KernelOverlayfs).State",
            "(Get-ContainerEngine Native -Detailed | Where-Object Name -eq Fuse2fs).Version -match '^1'",
            "(Get-ContainerEngine).Engine");
        Assert.Equal(["True", "True", "Available", "True", "Native", "Apptainer", "Singularity"], lines);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void The_choice_is_told_and_where_the_time_goes(Who who)
    {
        using var scene = new Scene(who);
        var (said, _) = scene.Run(scene.NewOverlay("o.img"), scene.Invoke("-Verbose -Overlay o.img", "sleep 0.3") + " 4>&1");
        Assert.Contains("The engine Native runs the container", said);
        var line = said.Split('\n').Single(text => text.Contains("Phases, in ms: ", StringComparison.Ordinal));
        var phases = line.Split(": ")[^1].TrimEnd('.').Split(", ")
            .ToDictionary(phase => phase[..phase.LastIndexOf(' ')],
                phase => double.Parse(phase[phase.LastIndexOf(' ')..], System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(
        [
            "command", "entering", "exit", "id maps", "images and plan", "launch", "layers", "marks", "mounts in the tree", "stack", "stragglers",
            "supervisor", "unmounted", "written layer unmounted",
        ], phases.Keys.Order(StringComparer.Ordinal));
        Assert.All(phases.Values, time => Assert.True(time >= 0));
        Assert.True(phases["command"] >= 290, $"{phases["command"]}");
    }
}
