using OverlayTools.Containers;

namespace OverlayTools.Core.Tests.Containers;

/// <summary>The little languages of options.</summary>
public sealed class ArgumentTests
{
    private static readonly Dictionary<string, string> s_host = new() { ["WHO"] = "ada", ["EMPTY"] = "" };

    [Theory]
    [InlineData("/a", "/a>/a")]
    [InlineData("a", "/here/a>/here/a")]
    [InlineData("/a:/b", "/a>/b")]
    [InlineData("/a:/b:ro", "/a>/b ro")]
    [InlineData("/a:/b:rw", "/a>/b")]
    [InlineData("/a,/b", "/a>/a|/b>/b")]
    [InlineData("/a:/b:ro,/c:/d", "/a>/b ro|/c>/d")]
    [InlineData(@"/a\:b\,c:/d", "/a:b,c>/d")]
    [InlineData(@"/a\b", @"/a\b>/a\b")]
    [InlineData("/i.sif:/d:image-src=/x", "/i.sif>/d ro /x")]
    [InlineData("/i.sif:/d:image-src=/x,id=3", "/i.sif>/d ro /x #3")]
    [InlineData("/i.sif:/d:id=3,/e", "/i.sif>/d ro / #3|/e>/e")]
    public void A_bind_is_source_destination_and_options(string text, string expected) =>
        Assert.Equal(expected, string.Join('|', BindArgument.Parse(text, Resolve).Select(Show)));

    [Theory]
    [InlineData("/a:b")]
    [InlineData("")]
    [InlineData("/a:/b:ro:x")]
    [InlineData("/a:/b:shared")]
    [InlineData("/a:/b:ro,nosuid")]
    [InlineData("/a:/b:id=0")]
    [InlineData("/a:/b:id=x")]
    [InlineData("/a:/b:image-src=")]
    [InlineData("/a:/b:image-src=x")]
    public void What_is_no_bind_says_so(string text) =>
        Assert.Equal(ErrorIds.ContainerOptionInvalid, Refusal(() => BindArgument.Parse(text, Resolve)));

    [Theory]
    [InlineData("h", "/here/h", "/here/h")]
    [InlineData("h:/x", "/here/h", "/x")]
    [InlineData(@"/h\:1:/x", "/h:1", "/x")]
    public void A_home_is_source_and_destination(string text, string source, string destination) =>
        Assert.Equal(new HomeArgument(source, destination), HomeArgument.Parse(text, Resolve));

    [Theory]
    [InlineData("a:b:c")]
    [InlineData(":/x")]
    [InlineData("/x:")]
    public void What_is_no_home_says_so(string text) =>
        Assert.Equal(ErrorIds.ContainerOptionInvalid, Refusal(() => HomeArgument.Parse(text, Resolve)));

    [Theory]
    [InlineData("A=1", "A=1")]
    [InlineData("A=1\nB=2\r\n\n# no\nC=3 # no", "A=1|B=2|C=3")]
    [InlineData("export A=1 B=2; C=3", "A=1|B=2|C=3")]
    [InlineData("export=1", "export=1")]
    [InlineData("A='x y'\"z $WHO\"\\ w", "A=x yz ada w")]
    [InlineData("A='$WHO'\nB=\"\\$WHO \\x\"", "A=$WHO|B=$WHO \\x")]
    [InlineData("A=1\nB=${A}2$A", "A=1|B=121")]
    [InlineData("A=${WHO:-x}${NONE:-y}${EMPTY-z}${EMPTY:-w}${WHO:+v}${NONE+u}", "A=adaywv")]
    [InlineData("A=${NONE:-\"x y\"}", "A=x y")]
    [InlineData("A=\"1\n2\"", "A=1\n2")]
    [InlineData("A=\nB=$", "A=|B=$")]
    [InlineData("HOME=/x\nPWD=/y\nIFS=z\nA=1", "A=1")]
    [InlineData("A=1\nA=2", "A=2")]
    public void An_environment_file_is_read_as_a_shell_would(string text, string expected) =>
        Assert.Equal(expected, string.Join('|', EnvironmentFile.Parse(text, "f", s_host).Select(pair => $"{pair.Key}={pair.Value}")));

    [Theory]
    [InlineData("A=$(touch /x)", 1)]
    [InlineData("A=1\nB=`id`", 2)]
    [InlineData("A='x", 1)]
    [InlineData("A=\"x", 1)]
    [InlineData("A=${WHO", 1)]
    [InlineData("A=${WHO:?x}", 1)]
    [InlineData("A=${}", 1)]
    [InlineData("A=1 | B", 1)]
    [InlineData("A\n", 1)]
    [InlineData("1A=2", 1)]
    [InlineData("A=x&y", 1)]
    public void An_environment_file_executes_nothing_and_names_its_line(string text, int line)
    {
        var error = Assert.Throws<EngineException>(() => EnvironmentFile.Parse(text, "f", s_host));
        Assert.Equal(ErrorIds.ContainerOptionInvalid, error.ErrorId);
        Assert.Contains($"line {line}:", error.Message);
    }

    [Theory]
    [InlineData("export A='1'\nexport B\nexport C=''\n", "A=1|C=")] // busybox, dash
    [InlineData("export A='it'\\''s'\nexport B='a'\"'\"'b'\n", "A=it's|B=a'b")]
    [InlineData("declare -x A=\"x \\\"y\\\" \\$z \\\\ \\`\"\ndeclare -x B\n", "A=x \"y\" $z \\ `")] // bash
    [InlineData("export A=\"1\n2\"\nexport B='x\nexport C=1'\n", "A=1\n2|B=x\nexport C=1")]
    [InlineData("export A=$'a\\nb\\'\\101'\n", "A=a\nb'A")]
    [InlineData("typeset -x A=x\\ y\n", "A=x y")]
    public void What_a_shell_exports_is_read_back(string text, string expected) =>
        Assert.Equal(expected, string.Join('|', ShellExports.Parse(text).Select(pair => $"{pair.Key}={pair.Value}")));

    [Theory]
    [InlineData("Umask:\t0022", 0b000_010_010u)]
    [InlineData("Name:\tx\nUmask:\t0777\nState:\tR", 0b111_111_111u)]
    [InlineData("Name:\tx", 0b000_010_010u)]
    public void The_mask_is_read_from_the_process_status(string status, uint mask) =>
        Assert.Equal(mask, Native.FileModeMask.Read(status.Split('\n')));

    private static string Resolve(string path) => Path.IsPathRooted(path) ? path : "/here/" + path;

    private static string Show(BindArgument bind) =>
        $"{bind.Source}>{bind.Destination}{(bind.ReadOnly ? " ro" : "")}{(bind.ImageSource is { } source ? " " + source : "")}"
        + (bind.Id is { } id ? $" #{id}" : "");

    private static string Refusal(Action act) => Assert.Throws<EngineException>(act).ErrorId;
}
