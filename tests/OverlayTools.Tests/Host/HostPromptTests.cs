using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Host;

/// <summary>The prompt on a pseudo-terminal, which <c>script</c> of util-linux makes.</summary>
public class HostPromptTests
{
    [Fact]
    public void The_prompt_runs_what_is_typed_and_exits_with_the_code()
    {
        var (exitCode, screen) = Type("-NoLogo", "1 + 41", "$x = @(", "'multi', 'line')", "\"$x\"", "exit 7");
        Assert.Equal(7, exitCode);
        Assert.Contains("PS ", screen);
        Assert.Contains("> 42\r\n", screen);
        Assert.Contains(">> ", screen);
        Assert.Contains("> multi line\r\n", screen);
    }

    [Fact]
    public void Errors_are_coloured_on_a_terminal() =>
        Assert.Contains("\u001b[31;1m", Type("", "throw 'x'", "exit").Screen);

    [Fact]
    public void NO_COLOR_turns_colours_off()
    {
        var (_, screen) = Type("", "throw 'boom'", "exit 2", ("NO_COLOR", "1"));
        Assert.Contains("Exception: boom", screen);
        Assert.DoesNotContain("\u001b[31", screen);
    }

    [Fact]
    public void The_end_of_input_leaves_the_prompt() =>
        Assert.Equal(0, Type("", "'x'", "\u0004").ExitCode);

    [Fact]
    public void The_prompt_remembers_what_was_typed() =>
        Assert.Contains("> 1 + 41\r\n", Type("", "1 + 41", "(Get-History)[0].CommandLine", "exit").Screen);

    [Fact]
    public void Progress_is_a_line_on_the_terminal_that_goes_away()
    {
        const string Work = "& { [CmdletBinding()] param() "
            + "$PSCmdlet.WriteProgress([Management.Automation.ProgressRecord]::new(1, 'Working', 'on it')) }";
        Assert.Contains("\r\u001b[KWorking: on it\r\u001b[K", Type("", Work, "exit").Screen);
    }

    private static (int ExitCode, string Screen) Type(string options, params string[] lines) =>
        Type(options, lines, []);

    private static (int ExitCode, string Screen) Type(
        string options, string first, string second, (string, string) environment) =>
        Type(options, [first, second], [environment]);

    private static (int ExitCode, string Screen) Type(string options, string[] lines, (string, string)[] environment)
    {
        Machine.NeedTool("script");
        var input = string.Concat(lines.Select(line => line == "\u0004" ? line : line + "\n"));
        var command = $"'{HostProgram.Path}' {options}";
        var result = Machine.RunWith(
            "script", ["-qec", command, "/dev/null"], input, null,
            [("TERM", "xterm"), ("NO_COLOR", ""), .. environment]);
        return (result.ExitCode, result.Output);
    }
}
