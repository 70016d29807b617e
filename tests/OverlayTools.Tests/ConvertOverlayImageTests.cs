using System.Management.Automation;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Convert-OverlayImage and Merge-OverlayImage, as they are typed.</summary>
public sealed class ConvertOverlayImageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public ConvertOverlayImageTests()
    {
        Machine.NeedTool("sqfstar");
        Machine.NeedTool("unsquashfs");
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["source/sub"]);
        File.WriteAllText(_directory["source/sub/file"], "content");
        File.WriteAllText(_directory["source/.wh.gone"], "");
        _session.Run("New-OverlayImage a.img -Source source");
        Assert.Empty(_session.Errors);
    }

    public void Dispose()
    {
        _session?.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void An_image_becomes_a_squashfs_and_that_an_image()
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        var made = Assert.Single(_session.Run("Get-OverlayImage a.img | Convert-OverlayImage -Destination s.sqfs -Compression Xz -PassThru"));
        Assert.Empty(_session.Errors);
        Assert.Equal(_directory["s.sqfs"], made.Properties["Path"].Value);
        Assert.Equal((3L, 1L, 1L), (made.Properties["FileCount"].Value, made.Properties["WhiteoutCount"].Value, made.Properties["ConvertedMarkCount"].Value));
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
        Assert.Equal("content", Machine.Run("unsquashfs", "-cat", _directory["s.sqfs"], "sub/file").Output);
        Assert.Matches(@"c--------- \S+\s+0,\s*0 .* squashfs-root/gone", Machine.Run("unsquashfs", "-ll", _directory["s.sqfs"]).Output);
        Assert.Contains("Compression xz", Machine.Run("unsquashfs", "-s", _directory["s.sqfs"]).Output, StringComparison.Ordinal);

        Assert.Empty(_session.Run("Convert-OverlayImage s.sqfs b.img -SizeBytes 128MB"));
        Assert.Empty(_session.Errors);
        ImageFiles.AssertClean(_directory["b.img"]);
        Assert.Equal(128 << 20, new FileInfo(_directory["b.img"]).Length);
        Assert.Equal("content", ImageFiles.Debugfs(_directory["b.img"], "cat /upper/sub/file"));
    }

    [Fact]
    public void Into_a_directory_it_goes_by_its_own_name()
    {
        Directory.CreateDirectory(_directory["d"]);
        Directory.CreateDirectory(_directory["dir/upper"]);
        _session.Run("Convert-OverlayImage a.img d; Convert-OverlayImage d/a.sqfs d; Convert-OverlayImage dir d");
        Assert.Empty(_session.Errors);
        Assert.Equal(["a.img", "a.sqfs", "dir.sqfs"], Directory.GetFiles(_directory["d"]).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void In_a_sif_image_it_takes_the_place_of_the_writable_one()
    {
        ImageFiles.MakeSif(_directory["c.sif"]);
        _session.Run("New-OverlayImage c.sif -Source source");
        Assert.Empty(_session.Errors);
        var made = Assert.Single(_session.Run("Convert-OverlayImage c.sif c.sif -Replace -PassThru"));
        Assert.Empty(_session.Errors);
        Assert.Equal((3u, 2u), (made.Properties["Id"].Value, made.Properties["ReplacedId"].Value));
        Assert.Matches(@"\|1\s.*FS \(Squashfs/\*System/amd64\)(.|\n)*\|1\s.*FS \(Squashfs/Overlay/amd64\)", Machine.Run("siftool", "list", _directory["c.sif"]).Output);
        Machine.Run("sh", "-c", $"siftool dump 3 '{_directory["c.sif"]}' >'{_directory["p"]}'");
        Assert.Equal("content", Machine.Run("unsquashfs", "-cat", _directory["p"], "sub/file").Output);
        // And writable again.
        _session.Run("Convert-OverlayImage c.sif c.sif -Replace");
        Assert.Empty(_session.Errors);
        var back = Assert.Single(_session.Run("Get-OverlayImage c.sif"));
        ImageFiles.AssertClean(_directory["c.sif"], (uint)back.Properties["Id"].Value);
        Assert.Equal(["a.img", "c.sif", "p", "source"], ImageFiles.Names(_directory));
    }

    [Fact]
    public void A_merged_image_keeps_what_describes_the_base()
    {
        Directory.CreateDirectory(_directory["root/etc"]);
        File.WriteAllText(_directory["root/etc/base"], "base");
        File.WriteAllText(_directory["root/gone"], "old");
        File.WriteAllText(_directory["c.def"], "Bootstrap: scratch\n");
        _session.Run("New-SifImage c.sif -Source root -DefinitionFile c.def -Label @{ who = 'me' } -Environment @{ A = 'b' } -Architecture arm64; "
            + "New-OverlayImage c.sif");
        Assert.Empty(_session.Errors);
        var before = ImageFiles.Digest(_directory["c.sif"]);
        var made = Assert.Single(_session.Run("Merge-OverlayImage a.img m.sif -Base c.sif -PassThru"));
        Assert.Empty(_session.Errors);
        Assert.Contains("overlay partition", Assert.Single(_session.Warnings), StringComparison.Ordinal);
        Assert.Equal(before, ImageFiles.Digest(_directory["c.sif"]));
        var list = Machine.Run("siftool", "list", _directory["m.sif"]).Output;
        Assert.Matches(@"Def\.FILE(.|\n)*Env\.Vars(.|\n)*JSON\.Labels(.|\n)*FS \(Squashfs/\*System/arm64\)", list);
        Assert.DoesNotContain("Overlay", list, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllText(_directory["c.def"]), Machine.Run("siftool", "dump", "1", _directory["m.sif"]).Output);
        Assert.Equal(Machine.Run("siftool", "dump", "3", _directory["c.sif"]).Output, Machine.Run("siftool", "dump", "3", _directory["m.sif"]).Output);
        Machine.Run("sh", "-c", $"siftool dump {made.Properties["Id"].Value} '{_directory["m.sif"]}' >'{_directory["p"]}'");
        var files = Machine.Run("unsquashfs", "-l", _directory["p"]).Output;
        Assert.Contains("squashfs-root/etc/base", files, StringComparison.Ordinal);
        Assert.Contains("squashfs-root/sub/file", files, StringComparison.Ordinal);
        Assert.DoesNotContain("gone", files, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Convert-OverlayImage a.img s.sqfs -WhatIf")]
    [InlineData("Convert-OverlayImage a.img c.sif -WhatIf")]
    [InlineData("Merge-OverlayImage a.img, a.img s.sqfs -WhatIf")]
    [InlineData("Merge-OverlayImage a.img s.sif -Base c.sif -WhatIf")]
    public void Nothing_is_made_when_it_is_only_asked(string command)
    {
        ImageFiles.MakeSif(_directory["c.sif"]);
        var before = (ImageFiles.Digest(_directory["c.sif"]), string.Join(' ', ImageFiles.Names(_directory)));
        Assert.Empty(_session.Run(command));
        Assert.Empty(_session.Errors);
        Assert.Equal(before, (ImageFiles.Digest(_directory["c.sif"]), string.Join(' ', ImageFiles.Names(_directory))));
    }

    [Theory]
    [InlineData("Convert-OverlayImage a.img a.img", "OverlayAlreadyExists", ErrorCategory.ResourceExists)]
    [InlineData("Convert-OverlayImage gone.img s", "OverlayFileNotFound", ErrorCategory.ObjectNotFound)]
    [InlineData("Convert-OverlayImage a.img signed.sif", "SifSigned", ErrorCategory.SecurityError)]
    [InlineData("Convert-OverlayImage a.img signed.sif -Force", "SifSigned", ErrorCategory.SecurityError)]
    [InlineData("Convert-OverlayImage a.img signed.sif -Replace", "OptionConflict", ErrorCategory.InvalidArgument)]
    [InlineData("Convert-OverlayImage a.img none/s.sqfs", "OverlayFileNotFound", ErrorCategory.ObjectNotFound)]
    [InlineData("Merge-OverlayImage a.img, gone*.img s.sqfs", "OverlayFileNotFound", ErrorCategory.ObjectNotFound)]
    [InlineData("Merge-OverlayImage a.img, source s.sqfs", "OverlayMissingUpper", ErrorCategory.InvalidData)]
    [InlineData("Merge-OverlayImage a.img s.sif -Base plain", "ImageNotRecognized", ErrorCategory.InvalidData)]
    [InlineData("Merge-OverlayImage a.img a.img -Base signed.sif -Force", "OptionConflict", ErrorCategory.InvalidArgument)]
    public void What_goes_wrong_has_a_name_and_leaves_nothing(string command, string id, ErrorCategory category)
    {
        ImageFiles.MakeSif(_directory["signed.sif"], signed: true);
        File.WriteAllText(_directory["plain"], "text");
        var before = (ImageFiles.Digest(_directory["signed.sif"]), ImageFiles.Digest(_directory["a.img"]), string.Join(' ', ImageFiles.Names(_directory)));
        _session.Run(command);
        ErrorAssert.Single(_session, id, category);
        Assert.Equal(before, (ImageFiles.Digest(_directory["signed.sif"]), ImageFiles.Digest(_directory["a.img"]), string.Join(' ', ImageFiles.Names(_directory))));
    }
}
