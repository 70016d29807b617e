using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>A shell on a real terminal.</summary>
public class ShellTests
{
    private const string Prompt = "Apptainer> ";

    [Theory]
    [InlineData(Who.Root, false)]
    [InlineData(Who.User, false)]
    [InlineData(Who.FakeRoot, false)]
    [InlineData(Who.Root, true)]
    public void Keys_signals_and_window_size_are_the_shells(Who who, bool inPowerShell)
    {
        using var scene = new Scene(who);
        using var terminal = Start(scene, inPowerShell, $"Invoke-ContainerWithOverlay c.sif -Shell {scene.Identity}");
        terminal.WaitFor(Prompt);
        terminal.Type("echo a$((1+1))b $APPTAINER_NAME; stty size\r");
        terminal.WaitFor("a2b c.sif");
        terminal.WaitFor("24 80");
        terminal.Resize(33, 99);
        terminal.Type("stty size\r");
        terminal.WaitFor("33 99");

        // Ctrl+C ends the program in the foreground, not the shell, and not us.
        terminal.Type("sleep 1234; echo code=$?\r");
        terminal.WaitUntil(() => Find("sleep\01234\0") > 0, "sleep");
        terminal.Type("\u0003");
        terminal.WaitUntil(() => Find("sleep\01234\0") == 0, "the end of sleep");
        terminal.Type("sleep 1235\r");
        terminal.WaitUntil(() => Find("sleep\01235\0") > 0, "sleep");
        terminal.Type("\u001a"); // Ctrl+Z
        terminal.WaitFor("Stopped");
        terminal.Type("kill -9 %1; wait; echo job-$((40+2))\r");
        terminal.WaitFor("job-42");
        // Only at its next prompt does the shell see that there is no stopped job.
        terminal.Type("\r");
        terminal.WaitFor("Killed");
        terminal.Type("exit 5\r");
        terminal.WaitFor("after=5");
        terminal.WaitForEnd();
        Assert.Equal(Before(terminal), terminal.Mode);
        scene.AssertNothingLeft();
    }

    [Theory]
    [InlineData(Who.Root, false)]
    [InlineData(Who.User, false)]
    [InlineData(Who.Root, true)]
    public void A_shell_that_is_killed_leaves_the_terminal_as_it_was(Who who, bool inPowerShell)
    {
        using var scene = new Scene(who);
        using var terminal = Start(scene, inPowerShell, $"Invoke-ContainerWithOverlay c.sif -Shell -ShellPath /bin/ash {scene.Identity}");
        terminal.WaitFor(Prompt);
        terminal.Type("stty raw -echo; echo pid=$$=\r");
        terminal.WaitUntil(() => terminal.Screen.Split("pid=").Last().Split('=') is [_, _, ..] words && int.TryParse(words[0], out _), "the process id");
        Machine.Run("kill", "-9", terminal.Screen.Split("pid=").Last().Split('=')[0]);
        terminal.WaitFor("after=137");
        terminal.WaitForEnd();
        Assert.Equal(Before(terminal), terminal.Mode);
        scene.AssertNothingLeft();
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void When_the_host_is_killed_the_shell_goes_and_the_terminal_reads_lines_again(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var terminal = Start(scene, false, $"Invoke-ContainerWithOverlay c.sif -Shell -Overlay o.img {scene.Identity}");
        terminal.WaitFor(Prompt);
        terminal.Type("stty raw -echo; echo ready-$((1+1)) | tee /data/a; sleep 1236\r");
        terminal.WaitFor("ready-2");
        terminal.Process.Kill();
        terminal.WaitForEnd();
        scene.AssertNothingLeft();
        scene.AssertClean("o.img");
    }

    [Fact]
    public void An_instance_is_entered_and_the_shell_named_wrongly_is_an_error()
    {
        using var scene = new Scene(Who.User);
        Directory.CreateDirectory(scene["state"]);
        scene.Own(scene["state"]);
        using var terminal = Start(scene, false, $"$env:XDG_STATE_HOME = '{scene["state"]}'; $null = Start-ContainerInstance c.sif i",
            "Invoke-ContainerWithOverlay c.sif -Shell -ShellPath /bin/none; \"wrong=$LASTEXITCODE\"",
            "Invoke-ContainerWithOverlay -Instance i -Shell");
        terminal.WaitFor("wrong=");
        terminal.WaitFor(Prompt);
        terminal.Type("echo in=$APPTAINER_INSTANCE=; stty size\r");
        terminal.WaitFor("in=i=");
        terminal.WaitFor("24 80");
        terminal.Type("exit 6\r");
        terminal.WaitFor("after=6");
        terminal.Type("\r");
        terminal.WaitForEnd();
        Assert.Contains("no shell '/bin/none'", terminal.Screen.Replace("\r\n", "", StringComparison.Ordinal));
        scene.RunBeside($"$env:XDG_STATE_HOME = '{scene["state"]}'", "Stop-ContainerInstance i");
        scene.AssertNothingLeft();
    }

    private static PseudoTerminal Start(Scene scene, bool inPowerShell, params string[] script)
    {
        string[] all = ["\"before=$(stty -g)=\"", .. script, "\"after=$LASTEXITCODE\""];
        if (!inPowerShell)
            return new PseudoTerminal(scene.Folder, scene.CommandLine(all));
        Machine.NeedTool("pwsh");
        var module = Path.Combine(Machine.RepositoryRoot, "OverlayTools.psd1");
        return new PseudoTerminal(scene.Folder,
            [.. scene.Environment, Machine.FindTool("pwsh")!, "-NoProfile", "-Command", $"Import-Module '{module}'; " + string.Join("; ", all)]);
    }

    // The mode that the host's programs see, which is the one before it.
    private static string Before(PseudoTerminal terminal) => terminal.Screen.Split("before=")[1].Split("=\r")[0];

    private static int Find(string commandLine) => Directory.EnumerateDirectories("/proc")
        .Where(path => char.IsAsciiDigit(path[^1]) && Contains(path + "/cmdline", commandLine))
        .Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))
        .FirstOrDefault();

    private static bool Contains(string file, string text)
    {
        try
        {
            return File.ReadAllText(file).StartsWith(text, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it has ended meanwhile
        }
    }
}
