using System.Management.Automation;
using System.Text.RegularExpressions;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Copy-OverlayImage, as it is typed.</summary>
public sealed class CopyOverlayImageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public CopyOverlayImageTests()
    {
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["source"]);
        File.WriteAllText(_directory["source/file"], "content");
        _session.Run("New-OverlayImage a.img -Source source -Sparse -SizeBytes 256MB -Label mine");
        Assert.Empty(_session.Errors);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Clones_have_the_content_and_a_uuid_of_their_own()
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        Directory.CreateDirectory(_directory["d"]);
        var clones = _session.Run("Copy-OverlayImage a.img b.img, c.img, d -PassThru").Select(item => (OverlayImage)item.BaseObject).ToList();
        Assert.Empty(_session.Errors);
        Assert.Equal(new[] { "b.img", "c.img", "d/a.img" }.Select(name => _directory[name]), clones.Select(clone => clone.Path));
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
        var source = Uuids(_directory["a.img"]);
        Assert.Equal(4, clones.Select(clone => clone.Uuid.ToString()).Append(source.Super).Distinct().Count());
        foreach (var clone in clones)
        {
            ImageFiles.AssertClean(clone.Path);
            Assert.Equal("content", ImageFiles.Debugfs(clone.Path, "cat /upper/file"));
            Assert.Equal("mine", clone.Label);
            Assert.Equal((clone.Uuid.ToString(), clone.Uuid.ToString()), Uuids(clone.Path));
            Assert.Contains(clone.Uuid.ToString(), Machine.Run("dumpe2fs", "-h", "-o", "superblock=8193", "-o", "blocksize=1024", clone.Path).Output, StringComparison.Ordinal);
            Assert.True(ImageFiles.AllocatedBytes(clone.Path) <= ImageFiles.AllocatedBytes(_directory["a.img"]) + 65536);
        }
    }

    [Fact]
    public void The_uuid_is_kept_on_request_and_then_the_bytes_are_the_same()
    {
        _session.Run("Copy-OverlayImage a.img b.img -Keep Uuid");
        Assert.Empty(_session.Errors);
        Assert.Equal(ImageFiles.Digest(_directory["a.img"]), ImageFiles.Digest(_directory["b.img"]));
    }

    [Fact]
    public void One_target_that_exists_does_not_hinder_the_others()
    {
        File.WriteAllText(_directory["b.img"], "mine");
        _session.Run("Copy-OverlayImage a.img b.img, c.img");
        ErrorAssert.Single(_session, ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists);
        Assert.Equal("mine", File.ReadAllText(_directory["b.img"]));
        ImageFiles.AssertClean(_directory["c.img"]);
        _session.Run("Copy-OverlayImage a.img b.img -Force");
        Assert.Empty(_session.Errors);
        ImageFiles.AssertClean(_directory["b.img"]);
        _session.Run("Copy-OverlayImage a.img a.img -Force");
        ErrorAssert.Single(_session, ErrorIds.OptionConflict, ErrorCategory.InvalidArgument);
        Assert.Equal(["a.img", "b.img", "c.img", "source"], ImageFiles.Names(_directory));
    }

    [Fact]
    public void WhatIf_and_an_image_that_somebody_writes_leave_nothing()
    {
        _session.Run("Copy-OverlayImage a.img b.img -WhatIf");
        Assert.Empty(_session.Errors);
        using (var file = File.OpenHandle(_directory["a.img"], FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            IO.RangeLock.Acquire(file, "a.img", exclusive: true, 0, 0);
            _session.Run("Copy-OverlayImage a.img b.img");
            ErrorAssert.Single(_session, ErrorIds.OverlayInUse, ErrorCategory.ResourceBusy);
        }

        Assert.Equal(["a.img", "source"], ImageFiles.Names(_directory));
    }

    [Fact]
    public void A_dirty_image_is_cloned_clean_and_stays_dirty()
    {
        Machine.NeedTool("debugfs");
        Machine.Run("sh", "-c", $"printf 'jo\\njw -b 60000 /dev/zero\\njc\\n' | debugfs -w -f - '{_directory["a.img"]}'");
        var before = ImageFiles.Digest(_directory["a.img"]);
        Assert.Equal(["NeedsRecovery"], _session.Lines("(Get-OverlayImage a.img).State"));
        Assert.Equal(["Clean"], _session.Lines("(Copy-OverlayImage a.img b.img -PassThru).State"));
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
        Assert.NotEqual(Uuids(_directory["a.img"]).Super, Uuids(_directory["b.img"]).Super);
    }

    private static (string Super, string Journal) Uuids(string path)
    {
        Machine.NeedTool("dumpe2fs");
        var super = Regex.Match(Machine.Run("dumpe2fs", "-h", path).Output, @"Filesystem UUID:\s+(\S+)").Groups[1].Value;
        var log = ImageFiles.Debugfs(path, "logdump -S");
        // debugfs does not name the field: bytes 48 to 63 of the journal's first block are it.
        var block = Regex.Match(ImageFiles.Debugfs(path, "blocks <8>"), @"^\d+").Value;
        var bytes = File.ReadAllBytes(path).AsSpan(int.Parse(block, System.Globalization.CultureInfo.InvariantCulture) * 1024 + 48, 16);
        Assert.NotEmpty(log);
        return (super, new Guid(bytes, bigEndian: true).ToString());
    }
}
