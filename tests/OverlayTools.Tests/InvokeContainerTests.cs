using OverlayTools.Tests.Containers;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>The cmdlet in a session: how words get to the command, and lines back.</summary>
public sealed class InvokeContainerTests : IDisposable
{
    private const string ShowWords = "Invoke-ContainerWithOverlay root -- sh -c 'for w; do echo \"<$w>\"; done' sh ";

    private readonly TemporaryDirectory _folder = new();
    private readonly ModuleSession _session;

    public InvokeContainerTests()
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

    [Theory]
    [InlineData("ro,noexec", "ro,noexec")]
    [InlineData("-o ro,noexec /x", "-o", "ro,noexec", "/x")]
    [InlineData("007 1GB 0x10 1.50", "007", "1GB", "0x10", "1.50")]
    [InlineData("1,007,1GB", "1,007,1GB")]
    [InlineData("-- -v --verbose -Verbose", "--", "-v", "--verbose", "-Verbose")]
    [InlineData("a $null b", "a", "b")]
    [InlineData("a '' \"\" b", "a", "", "", "b")]
    [InlineData("@array", "1", "x y")]
    [InlineData("$array", "1", "x y")]
    [InlineData("a,$x", "a,value")]
    [InlineData("$array a,b $array", "1", "x y", "a,b", "1", "x y")]
    [InlineData("'a,b' \"c,$x\" a`,b", "a,b", "c,value", "a,b")]
    [InlineData("'a b',c", "a b,c")]
    [InlineData("--opt=a,b", "--opt=a,b")]
    [InlineData("$true $(1 + 1)", "True", "2")]
    public void Words_after_two_dashes_reach_the_command_as_a_native_one_would_get_them(string words, params string[] expected)
    {
        const string variables = "$array = 1, 'x y'; $x = 'value'; ";
        var shown = expected.Select(word => $"<{word}>").ToList();
        Assert.Equal(shown, _session.Lines(variables + ShowWords + words));
        Assert.Equal(shown, _session.Lines(variables + "function f { " + ShowWords + words + " }; f"));
        Assert.Equal(["<p,q>", .. shown], _session.Lines(variables + ShowWords + "p,q; & { " + ShowWords + words + " }"));
        Assert.Empty(_session.Errors);
    }

    [Fact]
    public void A_single_word_with_a_comma_stays_one_word() =>
        Assert.Equal(["a,b"], _session.Lines("Invoke-ContainerWithOverlay root -- echo a,b"));

    [Fact]
    public void A_command_that_is_one_word_with_a_comma_is_looked_for_as_that()
    {
        Assert.Empty(_session.Lines("Invoke-ContainerWithOverlay root -- echo,b"));
        Assert.Contains("'echo,b' does not exist", Assert.Single(_session.Errors).Exception.Message);
        Assert.Equal(127, _session.LastExitCode);
    }

    [Fact]
    public void Lines_come_while_the_command_still_runs()
    {
        // The command ends only when the pipeline has seen its first line and made the file that it waits for.
        var lines = _session.Lines(
            "Invoke-ContainerWithOverlay root -- sh -c \"echo first; while [ ! -e '$PWD/go' ]; do sleep 0.05; done; echo last\" "
            + "| ForEach-Object { if ($_ -eq 'first') { [IO.File]::WriteAllText(\"$PWD/go\", '') }; $_ }");
        Assert.Equal(["first", "last"], lines);
    }

    [Fact]
    public void A_command_that_never_ends_is_ended_when_nobody_wants_more_lines() =>
        Assert.Equal(["1"], _session.Lines(
            "foreach ($once in 1) { Invoke-ContainerWithOverlay root -- sh -c 'echo 1; sleep 1000' | ForEach-Object { $_; break } }"));

    [Fact]
    public void The_pipeline_can_be_stopped()
    {
        var started = _folder["started"];
        _session.RunAndStop($"Invoke-ContainerWithOverlay root -- sh -c 'echo >{started}; sleep 1000'", () => File.Exists(started));
        Assert.DoesNotContain(Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(path[^1])), path =>
            Contains(path + "/cmdline", started));
    }

    [Fact]
    public void What_if_runs_nothing()
    {
        Assert.Empty(_session.Lines($"Invoke-ContainerWithOverlay root -WhatIf -- touch {_folder["touched"]}"));
        Assert.False(File.Exists(_folder["touched"]));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("../../../../../..")]
    [InlineData("/data/a")]
    [InlineData("itself")]
    public void A_link_in_the_image_leads_no_mount_outside(string target)
    {
        // Each place that the host is shown at; what would be bound over shows afterwards in our own mount table.
        var before = File.ReadAllLines("/proc/self/mountinfo");
        foreach (var place in new[] { "tmp", "etc", "var", "home" })
        {
            var link = _folder["root/" + place];
            Directory.Delete(link, recursive: true);
            File.CreateSymbolicLink(link, target == "itself" ? place : target);
        }

        Assert.Equal(["ran"], _session.Lines("Invoke-ContainerWithOverlay root -- echo ran"));
        Assert.Equal(["ran"], _session.Lines("Invoke-ContainerWithOverlay root -WritableTmpfs -- echo ran"));
        Assert.DoesNotContain(File.ReadAllLines("/proc/self/mountinfo").Except(before), IsOurs);
        Assert.True(File.Exists(_folder["root/data/a"]));
    }

    // Other tests mount disks in folders of their own at the same time.
    private bool IsOurs(string mount)
    {
        var point = mount.Split(' ')[4];
        return !point.StartsWith("/tmp/ot-test-", StringComparison.Ordinal)
            || point.StartsWith(_folder.Path, StringComparison.Ordinal);
    }

    private static bool Contains(string file, string text)
    {
        try
        {
            return File.ReadAllText(file).Contains(text, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // the process has ended meanwhile
        }
    }
}
