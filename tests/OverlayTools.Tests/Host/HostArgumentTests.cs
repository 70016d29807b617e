namespace OverlayTools.Tests.Host;

public class HostArgumentTests
{
    private const string Typed = """
        param([string] $Name, [switch] $Fast, [int] $Count, [Parameter(ValueFromRemainingArguments)] $Rest)
        "$Name|$Fast|$Count|$($Rest -join '/')"
        """;

    private const string Untyped = """
        foreach ($word in $args) { "[$word]" }
        """;

    [Theory]
    [InlineData("a b|True|5|x//q\"q", "-Name", "a b", "-Fast", "-Count", "5", "x", "", "q\"q")]
    [InlineData("foo|False|5|", "-Name:foo", "-Fast:$false", "5")]
    [InlineData("foo|True|0|", "-Name:", "foo", "-Fast:true")]
    [InlineData("|False|0|-Other/abc", "-Other", "abc")]
    [InlineData("$HOME *|False|0|", "-Name", "$HOME *")]
    public void Words_after_a_script_are_its_parameters(string expected, params string[] words) =>
        Assert.Equal(expected + "\n", HostProgram.RunFile(Typed, words).Output);

    [Fact]
    public void A_script_without_parameters_gets_the_words_as_they_are()
    {
        string[] words = ["1", "", "a b", "'q'", "a,b", "--", "-z", "$true", "007", "1GB"];
        var result = HostProgram.RunFile(Untyped, words);
        Assert.Equal(
            words.Select(word => $"[{word}]"), result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void A_value_of_the_wrong_type_is_an_error_that_names_the_parameter()
    {
        var result = HostProgram.RunFile(Typed, ["-Count", "many"]);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("'Count'", result.Error);
    }

    [Fact]
    public void The_words_of_a_command_are_joined() =>
        Assert.Equal("a b2\n", HostProgram.Run("-c", "\"a b\"", "+", "2").Output);

    [Fact]
    public void A_path_alone_is_a_script_file_that_need_not_end_in_ps1()
    {
        using var directory = new OverlayTools.TestSupport.TemporaryDirectory();
        File.WriteAllText(directory["tool"], "#!/usr/bin/env overlaytools-host\n\"got $args\"; exit 4");
        var result = HostProgram.Run(directory["tool"], "a", "b c", "-Foo");
        Assert.Equal((4, "got a b c -Foo\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public void A_script_knows_where_it_is()
    {
        var result = HostProgram.RunFile("[IO.Path]::GetFileName($PSCommandPath); $MyInvocation.MyCommand.Name", []);
        Assert.Equal("script file.ps1\nscript file.ps1\n", result.Output);
    }

    [Theory]
    [InlineData("-Version", "overlaytools-host ")]
    [InlineData("--version", "overlaytools-host ")]
    [InlineData("-h", "Usage:")]
    [InlineData("-?", "Usage:")]
    public void It_says_what_it_is(string option, string expected)
    {
        var result = HostProgram.Run(option);
        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith(expected, result.Output);
    }
}
