using System.Management.Automation;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Set-OverlayImage, as it is typed.</summary>
public sealed class SetOverlayImageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public SetOverlayImageTests()
    {
        _session = new ModuleSession(_directory.Path);
        _session.Run("New-OverlayImage a.img -Owner 1000:1000 -CreateDirectory /data");
        Assert.Empty(_session.Errors);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void The_owner_of_the_two_directories_changes_and_nothing_is_emitted()
    {
        Assert.Empty(_session.Run("Set-OverlayImage a.img -Owner 70000:80000"));
        Assert.Empty(_session.Errors);
        Assert.Equal((70000, 80000, "0755"), ImageFiles.Owner(_directory["a.img"], "/upper"));
        Assert.Equal((70000, 80000, "0755"), ImageFiles.Owner(_directory["a.img"], "/work"));
        Assert.Equal((1000, 1000, "0755"), ImageFiles.Owner(_directory["a.img"], "/upper/data"));
        Assert.Equal((0, 0, "0755"), ImageFiles.Owner(_directory["a.img"], "/"));
        ImageFiles.AssertClean(_directory["a.img"]);
    }

    [Theory]
    [InlineData("-FakeRoot", "0:0")]
    [InlineData("-FakeRoot -Owner 0:0", "0:0")]
    [InlineData("-Owner root", "0:0")]
    [InlineData("-Owner 0", "0:0")]
    [InlineData("-Owner root:4", "0:4")]
    [InlineData("-Owner 4294967294:4294967294", "4294967294:4294967294")]
    public void Owners_are_names_or_numbers(string options, string owner)
    {
        var found = (OverlayImage)Assert.Single(_session.Run($"Set-OverlayImage a.img {options} -Recurse -PassThru")).BaseObject;
        Assert.Equal((owner, owner), (found.Owner, found.WorkOwner));
        Assert.Equal([owner], _session.Lines("(Get-OverlayImage a.img).Owner"));
    }

    [Fact]
    public void A_label_is_set_kept_and_removed()
    {
        Assert.Equal(["my label", "1000:1000"], _session.Lines("$i = Set-OverlayImage a.img -Label 'my label' -PassThru; $i.Label; $i.Owner"));
        Assert.Contains("my label", Machine.Run("dumpe2fs", "-h", _directory["a.img"]).Output);
        _session.Run("Set-OverlayImage a.img -Owner 5:6");
        Assert.Equal(["my label"], _session.Lines("(Get-OverlayImage a.img).Label"));
        _session.Run("Set-OverlayImage a.img -Label ''");
        Assert.Equal([""], _session.Lines("(Get-OverlayImage a.img).Label"));
        ImageFiles.AssertClean(_directory["a.img"]);
        _session.Run("Set-OverlayImage a.img -Label 'seventeen letters'");
        ErrorAssert.Single(_session, ErrorIds.OverlayLabelInvalid, ErrorCategory.InvalidArgument);
    }

    [Fact]
    public void WhatIf_says_what_would_change_and_changes_nothing()
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        Assert.Empty(_session.Run("Set-OverlayImage a.img -Owner 5:6 -From 1000:1000 -Recurse -Label x -WhatIf"));
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Theory]
    [InlineData("Set-OverlayImage a.img")]
    [InlineData("Set-OverlayImage a.img -Recurse")]
    [InlineData("Set-OverlayImage a.img -Label x -From 5")]
    [InlineData("Set-OverlayImage a.img -Owner 5:6 -FakeRoot")]
    public void Options_that_make_no_sense_together_are_an_error(string script)
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        Assert.Empty(_session.Run(script));
        ErrorAssert.Single(_session, ErrorIds.OptionConflict, ErrorCategory.InvalidArgument);
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Theory]
    [InlineData("'no such user'", "There is no user 'no such user'")]
    [InlineData("1:2:3", "is no owner")]
    [InlineData("4294967295", "the highest is 4294967294")]
    [InlineData("$null", "")]
    public void What_is_no_owner_does_not_bind(string owner, string message)
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        Assert.Empty(_session.Run($"Set-OverlayImage a.img -Owner {owner}"));
        Assert.Contains(message, Assert.Single(_session.Errors).ToString());
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void Images_come_from_the_pipeline_and_their_owner_is_not_taken_for_the_new_one()
    {
        _session.Run("New-OverlayImage b.img -Owner 2000:2000");
        File.WriteAllText(_directory["text.img"], "words");
        _session.Run("Get-OverlayImage ?.img | Set-OverlayImage -FakeRoot");
        Assert.Empty(_session.Errors);
        Assert.Equal(["0:0", "0:0"], _session.Lines("(Get-OverlayImage ?.img).Owner"));
        Assert.Equal(["5:6", "5:6"], _session.Lines("(Set-OverlayImage a.img, text.img, none.img, b.img -Owner 5:6 -PassThru).Owner"));
        Assert.Equal(["OverlayNotExt3", "OverlayFileNotFound"], _session.Errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0]));
    }

    [Fact]
    public void A_partition_of_a_SIF_image_is_changed_and_nothing_else_in_it()
    {
        ImageFiles.MakeSif(_directory["c.sif"]);
        _session.Run("New-OverlayImage c.sif 64MB; Add-SifPartition c.sif a.img -DataType 4 -PartFs 2 -PartType 4 -PartArch 2 -GroupId 1");
        var other = _session.Lines("(Get-OverlayImage c.sif -Id 2).Owner");
        Assert.Equal(["7:8"], _session.Lines("(Get-OverlayImage c.sif -Id 3 | Set-OverlayImage -Owner 7:8 -PassThru).Owner"));
        Assert.Equal([.. other, "7:8"], _session.Lines("(Get-OverlayImage c.sif).Owner"));
        ImageFiles.AssertClean(_directory["c.sif"], 2);
        ImageFiles.AssertClean(_directory["c.sif"], 3);
    }

    [Fact]
    public void A_signed_SIF_image_is_changed_only_by_force()
    {
        Machine.NeedTool("siftool");
        ImageFiles.MakeSif(_directory["s.sif"], signed: true);
        Machine.Run("siftool", "add", "--datatype", "4", "--partfs", "2", "--parttype", "4", "--partarch", "2", "--groupid", "1",
            _directory["s.sif"], _directory["a.img"]);
        var before = ImageFiles.Digest(_directory["s.sif"]);
        _session.Run("Set-OverlayImage s.sif -Owner 7:8");
        ErrorAssert.Single(_session, ErrorIds.SifSigned, ErrorCategory.SecurityError);
        Assert.Equal(before, ImageFiles.Digest(_directory["s.sif"]));
        Assert.Equal(["7:8"], _session.Lines("(Set-OverlayImage s.sif -Owner 7:8 -Force -PassThru).Owner"));
    }

    [Fact]
    public void A_mounted_image_is_refused_though_it_has_no_lock()
    {
        Machine.NeedRoot();
        Machine.NeedTool("losetup");
        var (exit, device, error) = Machine.Run("losetup", "-f", "--show", _directory["a.img"]);
        Assert.SkipUnless(exit == 0, "needs a loop device: " + error);
        try
        {
            var before = ImageFiles.Digest(_directory["a.img"]);
            _session.Run("Set-OverlayImage a.img -Owner 7:8");
            Assert.Contains(device.Trim(), ErrorAssert.Single(_session, ErrorIds.OverlayInUse, ErrorCategory.ResourceBusy).ToString());
            Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
        }
        finally
        {
            Machine.Run("losetup", "-d", device.Trim());
        }

        _session.Run("Set-OverlayImage a.img -Owner 7:8");
        Assert.Empty(_session.Errors);
    }

    [Fact]
    public void An_image_in_use_is_refused()
    {
        using var reader = Open.File(_directory["a.img"], Open.ReadOnly);
        Assert.True(RangeLock.Acquire(reader, _directory["a.img"], exclusive: false, 0, 0));
        _session.Run("Set-OverlayImage a.img -FakeRoot");
        var error = ErrorAssert.Single(_session, ErrorIds.OverlayInUse, ErrorCategory.ResourceBusy);
        Assert.Contains($"process {Environment.ProcessId} ", error.ToString());
    }

    [Fact]
    public void An_ordinary_user_changes_what_may_be_written()
    {
        AsOrdinaryUser.Need();
        Machine.Run("chown", AsOrdinaryUser.Owner, _directory["a.img"]);
        var (output, error) = AsOrdinaryUser.Run(_directory,
            $"(Get-OverlayImage a.img).WritableAs; (Set-OverlayImage a.img -Owner {AsOrdinaryUser.Owner} -PassThru).WritableAs");
        Assert.Equal(("None\nPlain", string.Empty), (output, error));
        _session.Run("New-OverlayImage b.img");
        (_, error) = AsOrdinaryUser.Run(_directory, "Set-OverlayImage b.img -FakeRoot");
        Assert.Contains("ermission denied", error);
    }

    [Fact]
    public void Tab_offers_owners() =>
        Assert.Contains("root", _session.Complete("Set-OverlayImage a.img -Owner ro").Select(result => result.CompletionText));
}
