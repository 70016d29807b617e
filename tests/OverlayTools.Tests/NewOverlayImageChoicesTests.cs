using System.Management.Automation;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>What can be chosen about the file system of a new overlay, as the foreign tools see it.</summary>
public sealed class NewOverlayImageChoicesTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public NewOverlayImageChoicesTests() => _session = new ModuleSession(_directory.Path);

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("-InodeCount 100000", "-N", "100000")]
    [InlineData("-BytesPerInode 2048", "-i", "2048")]
    [InlineData("-Profile ManySmallFiles", "-i", "4096")]
    [InlineData("-Profile FewLargeFiles", "-i", "1048576")]
    [InlineData("-Profile Ordinary -BlockSize 1024", "-b", "1024")]
    [InlineData("-BlockSize 2048", "-b", "2048")]
    public void Inodes_and_blocks_are_what_mke2fs_makes_of_the_same_wish(string ours, string option, string value)
    {
        Machine.NeedTool("mke2fs");
        var made = Made($"New-OverlayImage o.img 600MB {ours}");
        var theirs = _directory["theirs.img"];
        Machine.Run("truncate", "-s", "600M", theirs);
        Assert.Equal(0, Machine.Run("mke2fs", "-q", "-F", "-t", "ext3", option, value, theirs).ExitCode);

        foreach (var field in (string[])["Inode count", "Block count", "Block size", "Inodes per group", "Blocks per group"])
            Assert.Equal(Field(theirs, field), Field(made.Path, field));
        ImageFiles.AssertClean(made.Path);
    }

    [Fact]
    public void Label_uuid_and_reserve_are_the_ones_given()
    {
        var made = Made("New-OverlayImage o.img 100MB -Label 'Grüße 1' -Uuid 6b1fc39f-9b0a-4d29-b7c8-6ac8d2f3a111 -ReservedBlockCount 123");

        Assert.Equal(new Guid("6b1fc39f-9b0a-4d29-b7c8-6ac8d2f3a111"), made.Uuid);
        Assert.Equal("6b1fc39f-9b0a-4d29-b7c8-6ac8d2f3a111", Field(made.Path, "Filesystem UUID"));
        Assert.Equal("Grüße 1", Field(made.Path, "Filesystem volume name"));
        Assert.Equal("123", Field(made.Path, "Reserved block count"));
        ImageFiles.AssertClean(made.Path);
    }

    [Theory]
    [InlineData("-Owner 1234:5678 -Mode 0770", 1234, 5678, "0770")]
    [InlineData("-Owner 70000:3000000 -Mode 1777", 70000, 3_000_000, "01777")]
    [InlineData("-Owner root:root -Mode 700", 0, 0, "0700")]
    [InlineData("-FakeRoot -Owner 0:0 -Mode '2755'", 0, 0, "02755")]
    public void Owner_and_mode_are_those_of_upper_work_and_the_directories(
        string choice, int user, int group, string mode)
    {
        var made = Made($"New-OverlayImage o.img -CreateDirectory /srv/data {choice}");

        Assert.Equal($"{user}:{group}", made.Owner);
        foreach (var file in (string[])["/upper", "/work", "/upper/srv", "/upper/srv/data"])
            Assert.Equal((user, group, mode), ImageFiles.Owner(made.Path, file));
        ImageFiles.AssertClean(made.Path);
    }

    [Theory]
    [InlineData("2MB")]
    [InlineData("5MB")]
    [InlineData("63MB")]
    public void Force_makes_an_image_below_64_MiB(string size)
    {
        var made = Made($"New-OverlayImage o.img {size} -Force");

        Assert.InRange(made.SizeBytes, 2 * MiB, 63 * MiB);
        ImageFiles.AssertClean(made.Path);
    }

    [Fact]
    public void Force_does_not_make_what_cannot_hold_a_journal()
    {
        _session.Run("New-OverlayImage o.img 1MB -Force");

        ErrorAssert.Single(_session, "OverlaySizeTooSmall", ErrorCategory.LimitsExceeded);
        Assert.Empty(ImageFiles.Names(_directory));
    }

    [Theory]
    [InlineData("-Profile ManySmallFiles -InodeCount 5", "OptionConflict")]
    [InlineData("-BytesPerInode 4096 -InodeCount 5", "OptionConflict")]
    [InlineData("-BytesPerInode 4096 -Profile FewLargeFiles", "OptionConflict")]
    [InlineData("-InodeCount 10000000", "OptionConflict")]
    [InlineData("-InodeCount -1", "OptionConflict")]
    [InlineData("-BytesPerInode 100", "OptionConflict")]
    [InlineData("-ReservedBlockCount 60000", "OptionConflict")]
    [InlineData("-FakeRoot -Owner 5:5", "OptionConflict")]
    [InlineData("-Label 12345678901234567", "OverlayLabelInvalid")]
    [InlineData("-Label üüüüüüüüü", "OverlayLabelInvalid")]
    [InlineData("-BlockSize 512", "ParameterArgumentValidationError")]
    [InlineData("-Mode 0888", "ParameterArgumentTransformationError")]
    [InlineData("-Mode 17777", "ParameterArgumentTransformationError")]
    [InlineData("-Mode rwx", "ParameterArgumentTransformationError")]
    [InlineData("-Owner nobody-of-that-name", "ParameterArgumentTransformationError")]
    public void A_choice_that_cannot_be_had_is_refused_and_nothing_is_left(string choice, string id)
    {
        _session.Run($"New-OverlayImage o.img 64MB {choice}");

        Assert.StartsWith(id, Assert.Single(_session.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(ImageFiles.Names(_directory));
    }

    [Fact]
    public void More_than_the_disk_has_is_a_warning_and_an_image_all_the_same()
    {
        using var disk = new SmallDisk(_directory["disk"], 128);
        _session.Run("New-OverlayImage $args[0] 1GB", disk["large.img"]);

        Assert.Empty(_session.Errors);
        Assert.Contains("left", Assert.Single(_session.Warnings), StringComparison.Ordinal);
        ImageFiles.AssertClean(disk["large.img"]);
        _session.Run("New-OverlayImage $args[0] 64MB", disk["small.img"]);
        Assert.Empty(_session.Warnings);
    }

    private OverlayImage Made(string command)
    {
        var made = Assert.Single(_session.Run(command));
        Assert.Empty(_session.Errors);
        return Assert.IsType<OverlayImage>(made.BaseObject);
    }

    private static string Field(string path, string name)
    {
        Machine.NeedTool("dumpe2fs");
        var line = Machine.Run("dumpe2fs", "-h", path).Output.Split('\n')
            .Single(l => l.StartsWith(name + ":", StringComparison.Ordinal));
        return line[(name.Length + 1)..].Trim();
    }
}
