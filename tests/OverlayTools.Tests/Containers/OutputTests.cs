using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>What comes out of a command, in every form, and what goes in.</summary>
public sealed class OutputTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();
    private readonly ModuleSession _session;

    public OutputTests()
    {
        Machine.NeedRoot();
        ContainerImages.MakeDirectory(_folder["root"]);
        _session = new ModuleSession(_folder.Path);
    }

    public void Dispose()
    {
        _session.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Strings_go_in_as_lines_and_bytes_as_bytes()
    {
        Assert.Equal(["A", "B"], _session.Lines("'a', 'b' | Invoke-ContainerWithOverlay root -- tr a-z A-Z"));
        Assert.Equal(["A", "B"], _session.Lines("Invoke-ContainerWithOverlay root -InputObject a, b -- tr a-z A-Z"));
        Assert.Equal(["1 2 255 10"], _session.Lines(
            "(,[byte[]](1, 2) + [byte]255 + 10 | Invoke-ContainerWithOverlay root -Raw -AsByteStream -- head -c 3) + [byte]10 -join ' '"));
    }

    [Fact]
    public void Raw_is_all_output_as_one_string_and_bytes_are_exact()
    {
        Assert.Equal("a\r\nb\n\n", Assert.Single(_session.Run("Invoke-ContainerWithOverlay root -Raw -- printf 'a\\r\\nb\\n\\n'")).BaseObject);
        Assert.Equal("", Assert.Single(_session.Run("Invoke-ContainerWithOverlay root -Raw -- true")).BaseObject);
        var random = new byte[300_000];
        new Random(5).NextBytes(random);
        File.WriteAllBytes(_folder["root/data/random"], random);
        Assert.Equal(random, Assert.Single(_session.Run("Invoke-ContainerWithOverlay root -Raw -AsByteStream -- cat /data/random")).BaseObject);
        var pieces = _session.Run("Invoke-ContainerWithOverlay root -AsByteStream -- cat /data/random").Select(piece => (byte[])piece.BaseObject).ToList();
        Assert.Equal(random, pieces.SelectMany(piece => piece).ToArray());
        Assert.True(pieces.Count > 1);
        Assert.Equal(random, Assert.Single(_session.Run("Invoke-ContainerWithOverlay root -AsByteStream -- cat /data/random "
            + "| Invoke-ContainerWithOverlay root -AsByteStream -Raw -- cat")).BaseObject);
    }

    [Fact]
    public void Text_that_is_no_utf8_comes_with_replacements_and_a_long_line_in_one_piece()
    {
        Assert.Equal(["a\ufffdb", "ü"], _session.Lines("Invoke-ContainerWithOverlay root -- printf 'a\\377b\\n\\303\\274'"));
        Assert.Equal(["20000000", "True"], _session.Lines(
            "$line = Invoke-ContainerWithOverlay root -- sh -c 'head -c 20000000 /dev/zero | tr \"\\0\" x'; $line.Length; $line -is [string]"));
    }

    [Fact]
    public void One_object_has_all_of_it()
    {
        var result = Assert.Single(_session.Run("Invoke-ContainerWithOverlay root -AsObject -- sh -c 'echo out; echo err >&2; exit 3'"));
        Assert.Empty(_session.Errors);
        Assert.Equal(3, result.Properties["ExitCode"].Value);
        Assert.Equal(["out"], (string[])result.Properties["Output"].Value);
        Assert.Equal(["err"], (string[])result.Properties["Error"].Value);
        Assert.Equal("Native", result.Properties["Engine"].Value);
        Assert.False((bool)result.Properties["TimedOut"].Value);
        Assert.True((TimeSpan)result.Properties["Duration"].Value > TimeSpan.Zero);
        Assert.Equal(3, _session.LastExitCode);
        Assert.Equal(["root", "sh"], _session.Lines("$r = Invoke-ContainerWithOverlay root -AsObject -- sh -c ''; [IO.Path]::GetFileName($r.Layers[0].Path); $r.Command[0]"));
        Assert.Equal(["a\n"], _session.Run("(Invoke-ContainerWithOverlay root -AsObject -Raw -- echo a).Output").Select(text => text.BaseObject));
    }

    [Fact]
    public void An_exit_code_is_an_error_when_asked()
    {
        Assert.Empty(_session.Lines("Invoke-ContainerWithOverlay root -- sh -c 'exit 7'"));
        Assert.Empty(_session.Errors);
        Assert.Equal(["out"], _session.Lines("Invoke-ContainerWithOverlay root -ErrorOnExit -- sh -c 'echo out; exit 7'"));
        var error = Assert.Single(_session.Errors);
        Assert.Equal("ContainerCommandFailed,OverlayTools.Commands.InvokeContainerWithOverlayCommand", error.FullyQualifiedErrorId);
        Assert.Equal(7, error.Exception.Data["ExitCode"]);
        Assert.Equal(7, _session.LastExitCode);
        Assert.Empty(_session.Lines("Invoke-ContainerWithOverlay root -ErrorOnExit -- true"));
        Assert.Empty(_session.Errors);
    }

    [Theory]
    [InlineData("sleep 1000", 143)]
    [InlineData("trap : TERM; while true; do sleep 0.01; done", 137)]
    public void A_command_that_takes_too_long_is_ended(string command, int exitCode)
    {
        var lines = _session.Lines($"Invoke-ContainerWithOverlay root -TimeoutSeconds 0.3 -- sh -c 'echo first; {(command.StartsWith("sleep", StringComparison.Ordinal) ? "exec " : "")}{command}'");
        Assert.Equal(["first"], lines);
        Assert.Equal("ContainerTimeout,OverlayTools.Commands.InvokeContainerWithOverlayCommand", Assert.Single(_session.Errors).FullyQualifiedErrorId);
        Assert.Equal(exitCode, _session.LastExitCode);
        Assert.Equal(["True"], _session.Lines("(Invoke-ContainerWithOverlay root -TimeoutSeconds 0.3 -AsObject -ErrorAction Ignore -- sleep 1000).TimedOut"));
    }

    [Fact]
    public void What_was_written_before_a_kill_comes_out()
    {
        var lines = _session.Lines("Invoke-ContainerWithOverlay root -- sh -c 'seq 1 50000; kill -9 $$; echo never'");
        Assert.Equal(50000, lines.Count);
        Assert.Equal(137, _session.LastExitCode);
        Assert.Equal("a", Assert.Single(_session.Run("Invoke-ContainerWithOverlay root -Raw -- sh -c 'printf a; kill -9 $$'")).BaseObject);
    }

    [Fact]
    public void Much_input_and_much_output_do_not_wait_for_each_other() =>
        Assert.Equal(["300000"], _session.Lines("$n = 0; 1..300000 | Invoke-ContainerWithOverlay root -- cat | ForEach-Object { $n++ }; $n"));

    [Fact]
    public void A_hundred_megabytes_pass_without_being_kept()
    {
        // Somebody takes a line only now and then: the rest waits where it is, in the command.
        _session.Lines("Invoke-ContainerWithOverlay root -- seq 1 1000 | Out-Null");
        var grown = _session.Lines("""
            [GC]::Collect(); $before = [GC]::GetTotalMemory($true); $most = 0; $n = 0
            Invoke-ContainerWithOverlay root -AsByteStream -- head -c 104857600 /dev/zero | ForEach-Object {
                $n += $_.Length; if ($n % 10485760 -lt 65536) { $most = [Math]::Max($most, [GC]::GetTotalMemory($true) - $before) } }
            $n; $most
            """);
        Assert.Equal("104857600", grown[0]);
        Assert.InRange(long.Parse(grown[1], CultureInfo.InvariantCulture), long.MinValue, 10L << 20);
    }

    [Fact]
    public void What_excludes_each_other_is_said()
    {
        foreach (var script in new[]
        {
            "Invoke-ContainerWithOverlay root -Run -Shell", "Invoke-ContainerWithOverlay root -Shell -AsObject",
            "Invoke-ContainerWithOverlay -Path root -Instance x -- ls", "Invoke-ContainerWithOverlay root -ShellPath /bin/sh -- ls",
        })
        {
            var error = Assert.ThrowsAny<System.Management.Automation.RuntimeException>(() => _session.Run("$ErrorActionPreference = 'Stop'; " + script));
            Assert.Matches("AmbiguousParameterSet|MissingMandatoryParameter|ParameterNotFound|PositionalParameterNotFound|OptionConflict", error.ErrorRecord.FullyQualifiedErrorId);
        }

        var nothing = Assert.ThrowsAny<System.Management.Automation.RuntimeException>(() => _session.Run("$ErrorActionPreference = 'Stop'; Invoke-ContainerWithOverlay root"));
        Assert.StartsWith("ContainerCommandMissing", nothing.ErrorRecord.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.ThrowsAny<System.Management.Automation.RuntimeException>(() => _session.Run("$ErrorActionPreference = 'Stop'; Invoke-ContainerWithOverlay -Instance x"));
    }

    [Fact]
    public void The_run_script_gets_the_arguments()
    {
        Directory.CreateDirectory(_folder["root/.singularity.d"]);
        File.WriteAllText(_folder["root/.singularity.d/runscript"], "#!/bin/sh\nfor word; do echo \"<$word>\"; done\ncat\n");
        Machine.Run("chmod", "755", _folder["root/.singularity.d/runscript"]);
        Assert.Equal(["<a b>", "<-Raw>", "in"], _session.Lines("'in' | Invoke-ContainerWithOverlay root -Run -- 'a b' -Raw"));
        Assert.Equal(["rest"], _session.Lines("'rest' | Invoke-ContainerWithOverlay root -Run"));
    }
}
