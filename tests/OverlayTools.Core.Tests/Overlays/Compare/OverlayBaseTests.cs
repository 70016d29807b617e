using System.Text;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays.Compare;

/// <summary>What an overlay remembers of its base.</summary>
public sealed class OverlayBaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void It_is_recorded_once_and_other_tools_do_not_mind()
    {
        Machine.NeedTool("e2fsck");
        Machine.NeedTool("debugfs");
        var (one, two) = (Pack("one"), Pack("two"));
        Create("a.img");
        Assert.Null(OverlayBase.Read(_directory["a.img"]));

        Assert.True(OverlayBase.Record(_directory["a.img"], null, OverlayBase.Of(one)));
        Assert.True(OverlayBase.Record(_directory["a.img"], null, OverlayBase.Of(two)));

        var remembered = OverlayBase.Read(_directory["a.img"])!;
        Assert.Equal((one, OverlayBaseKind.Squashfs), (remembered.Path, remembered.Kind));
        Assert.StartsWith("sha256:", remembered.Digest, StringComparison.Ordinal);
        AssertClean("a.img");
        var (_, shown, _) = Machine.Run("debugfs", "-R", "ea_get / user.overlaytools.base", _directory["a.img"]);
        Assert.Contains(one, shown, StringComparison.Ordinal);
        Assert.Equal(one, Assert.Single(new OverlayInspector().Inspect(_directory["a.img"], null, Token)).Base!.Path);
    }

    [Fact]
    public void It_stays_through_mount_clone_and_resize()
    {
        Machine.NeedRoot();
        var expected = OverlayBase.Of(Pack("one"));
        Create("a.img");
        OverlayBase.Record(_directory["a.img"], null, expected);
        MountScript.Run(_directory, "mkdir m; loop a.img m rw; getfattr -d -m user m > shown; echo x > m/upper/file; umount m");
        Assert.Contains("user.overlaytools.base", File.ReadAllText(_directory["shown"]), StringComparison.Ordinal);
        Assert.Equal(expected, OverlayBase.Read(_directory["a.img"]));

        OverlayResizer.Resize(new OverlayResizing { Path = _directory["a.img"], SizeBytes = 24 << 20 }, token: Token);
        Assert.Equal(expected, OverlayBase.Read(_directory["a.img"]));
        OverlayResizer.Resize(new OverlayResizing { Path = _directory["a.img"], ToMinimumSize = true }, token: Token);
        Assert.Equal(expected, OverlayBase.Read(_directory["a.img"]));
        OverlayResizer.Resize(new OverlayResizing { Path = _directory["a.img"], SizeBytes = 24 << 20, InodeCount = 3000 }, token: Token);
        Assert.Equal(expected, OverlayBase.Read(_directory["a.img"]));
        AssertClean("a.img");
    }

    [Fact]
    public void A_base_is_known_again_by_what_is_in_it()
    {
        var one = Pack("one");
        var remembered = OverlayBase.Of(one);
        Assert.Equal(OverlayBaseMatch.Same, remembered.Compare(one));
        File.Copy(one, _directory["copy.sqfs"]);
        File.SetLastWriteTimeUtc(_directory["copy.sqfs"], DateTime.UnixEpoch);
        Assert.Equal(OverlayBaseMatch.Same, remembered.Compare(_directory["copy.sqfs"]));
        Assert.Equal(OverlayBaseMatch.Other, remembered.Compare(Pack("two")));
        // Another one in its place.
        File.Move(_directory["two.sqfs"], one, overwrite: true);
        Assert.Equal(OverlayBaseMatch.Other, remembered.Compare(one));

        var directory = OverlayBase.Of(_directory["one"]);
        Assert.Equal(OverlayBaseMatch.Same, directory.Compare(_directory["one"]));
        Assert.Equal(OverlayBaseMatch.Other, directory.Compare(_directory["two"]));
        Assert.Equal(OverlayBaseMatch.Other, directory.Compare(one));
    }

    [Fact]
    public void An_ext3_base_stays_the_same_when_it_is_written()
    {
        Create("base.img");
        Create("other.img");
        var remembered = OverlayBase.Of(_directory["base.img"]);
        using (var file = Open.File(_directory["base.img"], Open.ReadWrite))
        using (var editor = ExtEditor.Open(new FileWindow(file)))
        {
            editor.MakeDirectory(ExtEditor.Root, "new", 0x1ED, 0, 0);
            editor.Commit();
        }

        Assert.Equal(OverlayBaseMatch.Same, remembered.Compare(_directory["base.img"]));
        Assert.Equal(OverlayBaseMatch.Other, remembered.Compare(_directory["other.img"]));
    }

    [Fact]
    public void A_directory_remembers_too()
    {
        Directory.CreateDirectory(_directory["layer/upper"]);
        var expected = OverlayBase.Of(Pack("one"));
        Assert.SkipUnless(OverlayBase.Record(_directory["layer"], null, expected), "needs user attributes");
        Assert.Equal(expected, OverlayBase.Read(_directory["layer"]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory["layer/upper"]));
    }

    [Fact]
    public void It_warns_of_another_base_and_finds_its_own()
    {
        var (one, two) = (Pack("one"), Pack("two"));
        Create("a.img");
        OverlayBase.Record(_directory["a.img"], null, OverlayBase.Of(one));
        var warnings = new List<string>();

        _ = OverlayComparer.Compare(new OverlayComparison { Path = _directory["a.img"], BasePath = two }, warnings.Add, Token).Count();
        Assert.Contains(one, Assert.Single(warnings), StringComparison.Ordinal);
        warnings.Clear();
        var summary = OverlayComparer.Summarize(new OverlayComparison { Path = _directory["a.img"], BasePath = one }, warnings.Add, token: Token);
        Assert.Equal((0, 0), (summary.Count, warnings.Count));

        using (var file = Open.File(_directory["a.img"], Open.ReadWrite))
        using (var editor = ExtEditor.Open(new FileWindow(file)))
        {
            editor.MakeDirectories("/upper/name", 0x1ED, 0, 0);
            editor.Commit();
        }

        Assert.Equal(one, Assert.Single(OverlayComparer.Compare(new OverlayComparison { Path = _directory["a.img"] }, warnings.Add, Token)).BasePath);
        Assert.Empty(warnings);
        File.Delete(one);
        Assert.Null(Assert.Single(OverlayComparer.Compare(new OverlayComparison { Path = _directory["a.img"] }, warnings.Add, Token)).BasePath);
        Assert.Contains(one, Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("{\"version\":2}")]
    [InlineData("{\"version\":1,\"path\":3}")]
    [InlineData("{\"version\":1,\"path\":\"a\",\"kind\":\"None\",\"digest\":\"\",\"size\":1,\"modified\":1,\"recorded\":\"x\"}")]
    [InlineData("{\"version\":1,\"path\":\"a\",\"kind\":\"Squashfs\",\"digest\":\"\",\"size\":1,\"modified\":-5,\"recorded\":\"2026-01-01T00:00:00Z\"}")]
    public void What_is_not_understood_is_nothing(string text) => Assert.Null(OverlayBase.FromBytes(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void A_record_fits_and_does_not_steer_a_terminal()
    {
        var identity = OverlayBase.Of(Pack("one"));
        var lengthy = identity with { Path = "/" + new string('d', 3000) + "/x\u001b[31m.sif" };
        Assert.True(lengthy.ToBytes().Length <= 1000);
        var read = OverlayBase.FromBytes(lengthy.ToBytes())!;
        Assert.Equal("x\\x1B[31m.sif", read.Path);
        Assert.Equal(identity.Digest, read.Digest);
    }

    private void Create(string name)
    {
        Bash($"mkdir -p t/upper t/work && truncate -s 16M {name} && mkfs.ext3 -q -N 1000 -d t {name}");
    }

    private string Pack(string name)
    {
        Machine.NeedTool("mksquashfs");
        Bash($"mkdir {name} && echo {name} > {name}/name && mksquashfs {name} {name}.sqfs -quiet -no-progress");
        return _directory[$"{name}.sqfs"];
    }

    private void AssertClean(string name)
    {
        var (exitCode, output, error) = Machine.Run("e2fsck", "-fn", _directory[name]);
        Assert.True(exitCode == 0 && !output.Contains("Fix?", StringComparison.Ordinal), output + error);
    }

    private void Bash(string script)
    {
        var (exitCode, output, error) = Machine.RunWith("bash", ["-c", script], null, _directory.Path);
        Assert.True(exitCode == 0, output + error);
    }
}
