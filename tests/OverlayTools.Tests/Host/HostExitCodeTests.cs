using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Host;

/// <summary>The codes are those that pwsh 7.6 gives for the same.</summary>
public class HostExitCodeTests
{
    [Theory]
    [InlineData("1", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("exit 300", 44)]
    [InlineData("exit", 0)]
    [InlineData("& { exit 3 }; 'not reached'", 3)]
    [InlineData("throw 'x'", 1)]
    [InlineData("1; nosuchcommand", 1)]
    [InlineData("nosuchcommand; 1", 0)]
    [InlineData("nosuchcommand; exit", 0)]
    [InlineData("if (", 1)]
    [InlineData("sh -c 'exit 5'", 1)]
    [InlineData("sh -c 'exit 5'; 1", 0)]
    [InlineData("sh -c 'exit 5'; exit $LASTEXITCODE", 5)]
    public void A_command_exits_as_in_pwsh(string command, int expected)
    {
        var result = HostProgram.Run("-NoProfile", "-Command", command);
        Assert.Equal(expected, result.ExitCode);
        Assert.DoesNotContain("not reached", result.Output);
    }

    [Theory]
    [InlineData("'done'", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("function f { exit 6 }; f; 'not reached'", 6)]
    [InlineData("throw 'boom'", 1)]
    [InlineData("1/0; 'after'", 0)]
    [InlineData("nosuchcommand", 0)]
    [InlineData("if (", 1)]
    [InlineData("sh -c 'exit 5'", 0)]
    public void A_script_file_exits_as_in_pwsh(string script, int expected)
    {
        var result = HostProgram.RunFile(script, []);
        Assert.Equal(expected, result.ExitCode);
        Assert.DoesNotContain("not reached", result.Output);
    }

    [Fact]
    public void A_script_that_calls_another_goes_on_after_its_exit()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["inner.ps1"], "exit 9");
        File.WriteAllText(directory["outer.ps1"], "& $PSScriptRoot/inner.ps1\n\"inner gave $LASTEXITCODE\"\nexit 2");
        var result = HostProgram.Run("-File", directory["outer.ps1"]);
        Assert.Equal((2, "inner gave 9\n"), (result.ExitCode, result.Output));
    }

    [Theory]
    [InlineData("\"a\"\nthrow \"x\"\n\"b\"\n", 0)]
    [InlineData("\"a\"\nnosuchcommand\n", 1)]
    [InlineData("\"a\"\nexit 3\n\"b\"\n", 3)]
    [InlineData("", 0)]
    public void A_script_on_standard_input_exits_as_in_pwsh(string script, int expected)
    {
        Assert.Equal(expected, HostProgram.RunWithInput(script, "-Command", "-").ExitCode);
        Assert.Equal(expected, HostProgram.RunWithInput(script).ExitCode);
    }

    [Theory]
    [InlineData("-File", "/no/such/script.ps1")]
    [InlineData("/no/such/script.ps1")]
    [InlineData("-NoSuchOption")]
    [InlineData("-Command")]
    [InlineData("-File")]
    public void A_command_line_that_makes_no_sense_is_a_usage_error(params string[] arguments)
    {
        var result = HostProgram.Run(arguments);
        Assert.Equal((64, ""), (result.ExitCode, result.Output));
        Assert.Contains("Usage:", result.Error);
    }

    [Fact]
    public void A_missing_module_is_said_and_ends_the_program()
    {
        var result = Machine.RunWith(HostProgram.Path, ["-Command", "1"], null, null,
            ("OVERLAYTOOLS_MODULE", "/no/such/module"));
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("/no/such/module", result.Error);
    }

    [Fact]
    public void A_broken_module_is_said_and_ends_the_program()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["OverlayTools.psd1"], "@{ RootModule = 'absent.dll'; ModuleVersion = '1.0' }");
        var result = Machine.RunWith(HostProgram.Path, ["-Command", "1"], null, null,
            ("OVERLAYTOOLS_MODULE", directory.Path));
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("absent.dll", result.Error);
    }
}
