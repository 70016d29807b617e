namespace OverlayTools.Tests.Host;

public class HostStreamTests
{
    private const string Changer = """
        function Remove-Thing {
            [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')] param()
            if ($PSCmdlet.ShouldProcess('thing', 'Remove')) { 'removed' }
        }
        """;

    [Fact]
    public void Standard_input_is_the_input_variable_of_a_command()
    {
        var result = HostProgram.RunWithInput("one\ntwo\n\nlast", "-Command", "$input | ForEach-Object { \"<$_>\" }");
        Assert.Equal("<one>\n<two>\n<>\n<last>\n", result.Output);
    }

    [Fact]
    public void Standard_input_is_the_input_variable_of_a_script_file() =>
        Assert.Equal("2 lines\n", HostProgram.RunFile("\"$(@($input).Count) lines\"", [], "one\ntwo\n").Output);

    [Fact]
    public void Standard_input_goes_to_a_native_program_when_the_script_leaves_it_alone() =>
        Assert.Equal("one\ntwo\n", HostProgram.RunWithInput("one\ntwo\n", "-Command", "cat").Output);

    [Fact]
    public void The_runtimes_console_and_the_host_read_the_same_input()
    {
        const string Script = "$a = $Host.UI.ReadLine(); $b = [Console]::ReadLine(); \"a=$a b=$b\"";
        Assert.Equal("a=one b=two\n", HostProgram.RunWithInput("one\ntwo\n", "-c", Script).Output);
    }

    [Fact]
    public void A_script_on_standard_input_may_have_statements_of_several_lines()
    {
        const string Script = "if ($true) {\n  'several'\n\n  'lines'\n}\n\n'next'\nforeach ($i in 1, 2) {\n  $i\n}";
        Assert.Equal("several\nlines\nnext\n1\n2\n", HostProgram.RunWithInput(Script, "-Command", "-").Output);
    }

    [Fact]
    public void A_statement_on_standard_input_can_read_the_line_after_it() =>
        Assert.Equal("got hello\n",
            HostProgram.RunWithInput("$x = $Host.UI.ReadLine()\nhello\n\"got $x\"\n", "-Command", "-").Output);

    [Fact]
    public void Errors_go_to_standard_error_without_colours_when_that_is_a_file()
    {
        var result = HostProgram.RunFile("'before'\n1/0\n'after'", []);
        Assert.Equal("before\nafter\n", result.Output);
        Assert.Contains("script file.ps1:2", result.Error);
        Assert.Contains("Attempted to divide by zero.", result.Error);
        Assert.DoesNotContain("\u001b", result.Error);
    }

    [Fact]
    public void An_unfinished_text_is_explained() =>
        Assert.Contains("Missing closing '}'", HostProgram.Run("-c", "if ($true) {").Error);

    [Fact]
    public void Objects_are_shown_through_the_formatting_views()
    {
        var result = HostProgram.Run(
            "-c", "[pscustomobject]@{ Id = 1; Name = 'x y' }, [pscustomobject]@{ Id = 20; Name = 'z' }");
        Assert.Equal(["", "Id Name", "-- ----", " 1 x y", "20 z", "", ""],
            result.Output.Split('\n').Select(line => line.TrimEnd()));
    }

    [Fact]
    public void The_module_is_loaded()
    {
        var result = HostProgram.Run("-c", "(Get-Module OverlayTools).ModuleBase");
        Assert.Equal(TestSupport.Machine.RepositoryRoot, result.Output.Trim().TrimEnd('/'));
    }

    [Fact]
    public void Whatif_says_what_would_be_done() =>
        Assert.Equal("What if: Performing the operation \"Remove\" on target \"thing\".\n",
            HostProgram.Run("-c", Changer + "\nRemove-Thing -WhatIf").Output);

    [Theory]
    [InlineData("y\n", true)]
    [InlineData("\n", true)]
    [InlineData("what\nYES\n", true)]
    [InlineData("?\nn\n", false)]
    public void A_confirmation_is_read_from_standard_input(string answers, bool expected)
    {
        var result = HostProgram.RunWithInput(answers, "-c", Changer + "\nRemove-Thing");
        Assert.Contains("[Y] Yes", result.Output);
        Assert.Equal(expected, result.Output.Split('\n').Contains("removed"));
    }

    [Fact]
    public void Nobody_who_confirms_is_an_error()
    {
        var result = HostProgram.RunWithInput("", "-c", Changer + "\nRemove-Thing");
        Assert.DoesNotContain("removed", result.Output);
        Assert.Contains("Standard input ended", result.Error);
    }

    [Fact]
    public void A_noninteractive_session_asks_nothing()
    {
        var result = HostProgram.RunWithInput("y\n", "-NonInteractive", "-c", Changer + "\nRemove-Thing");
        Assert.Equal("", result.Output);
        Assert.Contains("non-interactive", result.Error);
    }

    [Fact]
    public void Missing_parameters_are_asked_for()
    {
        const string Function = """
            function f { param([Parameter(Mandatory)] [int] $Number, [Parameter(Mandatory)] [string[]] $Names)
                "$($Number + 1) $($Names -join '+')" }
            f
            """;
        Assert.EndsWith("6 a+b\n", HostProgram.RunWithInput("5\na\nb\n\n", "-c", Function).Output);
    }

    [Fact]
    public void Warnings_go_to_standard_output_as_in_pwsh_and_progress_nowhere_without_a_terminal()
    {
        const string Script = """
            function f { [CmdletBinding()] param()
                $PSCmdlet.WriteWarning('careful'); $PSCmdlet.WriteVerbose('detail')
                $PSCmdlet.WriteProgress([Management.Automation.ProgressRecord]::new(1, 'Working', 'on it')) }
            f -Verbose
            """;
        var result = HostProgram.Run("-c", Script);
        Assert.Equal(("WARNING: careful\nVERBOSE: detail\n", ""), (result.Output, result.Error));
    }

    [Fact]
    public void A_native_programs_output_and_exit_code_reach_the_script()
    {
        var result = HostProgram.Run("-c", "$text = sh -c 'echo out; exit 3'; \"$text $LASTEXITCODE\"");
        Assert.Equal("out 3\n", result.Output);
    }
}
