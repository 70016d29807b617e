using OverlayTools.Overlays;
using OverlayTools.TestSupport;
using Machine = OverlayTools.TestSupport.Machine;

namespace OverlayTools.Tests;

/// <summary>Compare-OverlayImage, as it is typed.</summary>
public sealed class CompareOverlayImageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public CompareOverlayImageTests()
    {
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["base/etc/conf.d"]);
        Directory.CreateDirectory(_directory["base/old/sub"]);
        File.WriteAllText(_directory["base/etc/hosts"], "host");
        File.WriteAllText(_directory["base/etc/same"], "same");
        File.WriteAllText(_directory["base/old/sub/file"], "old");
        Directory.CreateDirectory(_directory["source/etc"]);
        File.WriteAllText(_directory["source/etc/hosts"], "other");
        File.WriteAllText(_directory["source/etc/same"], "same");
        File.WriteAllText(_directory["source/etc/new"], "new");
        File.WriteAllText(_directory["source/.wh.old"], "");
        foreach (var name in new[] { "base/etc/same", "source/etc/same", "base/etc", "source/etc" })
            File.SetLastWriteTimeUtc(_directory[name], DateTime.UnixEpoch.AddDays(10_000));
        _session.Run("New-OverlayImage a.img -Source source");
        Assert.Empty(_session.Errors);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("Compare-OverlayImage a.img base", "CopiedUp /etc, Modified /etc/hosts, Added /etc/new, CopiedUp /etc/same, Deleted /old")]
    [InlineData("Compare-OverlayImage a.img -Base base -Recurse -ItemPath /old", "Deleted /old, Deleted /old/sub, Deleted /old/sub/file")]
    [InlineData("Compare-OverlayImage a.img base -ItemPath '/etc/[hn]*'", "Modified /etc/hosts, Added /etc/new")]
    [InlineData("Compare-OverlayImage a.img base -ItemPath /etc/new, /old/sub", "Added /etc/new, Deleted /old/sub")]
    [InlineData("[IO.FileInfo]::new(\"$PWD/a.img\") | Compare-OverlayImage -Base base | Where-Object Change -EQ Added", "Added /etc/new")]
    [InlineData("Get-OverlayImage a.img | Compare-OverlayImage -Base base -ItemPath /etc/new", "Added /etc/new")]
    [InlineData("Compare-OverlayImage '*.img' base -ItemPath /o*", "Deleted /old")]
    [InlineData("Compare-OverlayImage a.img -ItemPath /etc/*", "Present /etc/hosts, Present /etc/new, Present /etc/same")]
    public void Differences_are_objects(string script, string expected)
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        Assert.Equal(expected, string.Join(", ", _session.Lines($"{script} | & {{ process {{ \"$($_.Change) $($_.ItemPath)\" }} }}")));
        Assert.Empty(_session.Errors);
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void They_pipe_into_the_cmdlets_for_items()
    {
        _session.Run("Compare-OverlayImage a.img base | Where-Object Change -EQ CopiedUp | Where-Object ItemType -EQ File | Remove-OverlayItem");
        Assert.Empty(_session.Errors);
        Assert.Equal(["/etc/hosts", "/etc/new"], _session.Lines("(Get-OverlayItem a.img '/etc/*').ItemPath"));
        Assert.Equal(["Content", "new"], [
            .. _session.Lines("(Compare-OverlayImage a.img base -ItemPath /etc/hosts).Parts -band 'Content'"),
            .. _session.Lines("(Compare-OverlayImage a.img base | Where-Object Change -EQ Added).Name")]);
    }

    [Fact]
    public void A_summary_counts()
    {
        var summary = (OverlayDifferenceSummary)Assert.Single(_session.Run("Compare-OverlayImage a.img base -Summary")).BaseObject;
        Assert.Equal((5, 1, 1, 1, 1, 2), (summary.Count, summary.Added, summary.Modified, summary.ContentModified, summary.Deleted, summary.CopiedUp));
        Assert.Equal((3, 5, 4), (summary.AddedBytes, summary.ModifiedBytes, summary.CopiedUpBytes));
        Assert.Equal(_directory["base"], summary.BasePath);
    }

    [Fact]
    public void An_embedded_overlay_is_compared_with_its_own_image()
    {
        Machine.NeedTool("mksquashfs");
        var (exitCode, output, error) = Machine.Run("mksquashfs", _directory["base"], _directory["base.sqfs"], "-quiet", "-no-progress");
        Assert.True(exitCode == 0, output + error);
        _session.Run("$null = New-SifImage a.sif base.sqfs; $null = New-OverlayImage a.sif -Source source");
        Assert.Empty(_session.Errors);

        Assert.Equal(["Added /etc/new", "Deleted /old"],
            _session.Lines("Compare-OverlayImage a.sif | Where-Object Change -In Added, Deleted | & { process { \"$($_.Change) $($_.ItemPath)\" } }"));
        Assert.Equal(["Added /etc/new", "Deleted /old"],
            _session.Lines("Compare-OverlayImage a.img a.sif | Where-Object Change -In Added, Deleted | & { process { \"$($_.Change) $($_.ItemPath)\" } }"));
        Assert.Equal(["True"], _session.Lines("@(Compare-OverlayImage a.sif)[0].Id -gt 1"));
        Assert.Empty(_session.Errors);
    }

    [Theory]
    [InlineData("Compare-OverlayImage none.img base", ErrorIds.OverlayFileNotFound)]
    [InlineData("Compare-OverlayImage a.img none", ErrorIds.OverlayFileNotFound)]
    [InlineData("Compare-OverlayImage a.img text", ErrorIds.ImageNotRecognized)]
    [InlineData("Compare-OverlayImage text base", ErrorIds.ImageNotRecognized)]
    [InlineData("Compare-OverlayImage a.img broken.sqfs", ErrorIds.SquashfsCorrupt)]
    [InlineData("Compare-OverlayImage a.img base -Id 3", ErrorIds.OptionConflict)]
    [InlineData("Compare-OverlayImage a.img base -BaseId 3", ErrorIds.OptionConflict)]
    [InlineData("Compare-OverlayImage a.img base -ItemPath ../etc", ErrorIds.InvalidDirectoryName)]
    public void What_goes_wrong_has_an_id(string script, string id)
    {
        File.WriteAllText(_directory["text"], new string('x', 4000));
        File.WriteAllBytes(_directory["broken.sqfs"], [.. "hsqs"u8, .. new byte[24], 4, 0, 0, 0, .. new byte[4000]]);

        Assert.Empty(_session.Run(script));
        Assert.StartsWith(id + ",", Assert.Single(_session.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void A_base_that_the_overlay_was_not_made_on_is_a_warning()
    {
        OverlayBase.Record(_directory["a.img"], null, OverlayBase.Of(_directory["base"]));

        Assert.Equal([_directory["base"]], _session.Lines("(Compare-OverlayImage a.img -ItemPath /etc/new).BasePath"));
        Assert.Equal([_directory["base"]], _session.Lines("(Get-OverlayImage a.img).Base.Path"));
        var text = string.Join('\n', _session.Lines("Compare-OverlayImage a.img source -ItemPath /etc/new 3>&1 | ForEach-Object { \"$_\" }"));
        Assert.Contains("was made on another base", text, StringComparison.Ordinal);
        Assert.Contains(_directory["base"], text, StringComparison.Ordinal);
    }
}
