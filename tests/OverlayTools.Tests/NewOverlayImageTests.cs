using System.Management.Automation;
using OverlayTools.Overlays;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

public sealed class NewOverlayImageTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public NewOverlayImageTests() => _session = new ModuleSession(_directory.Path);

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void An_image_has_64_MiB_and_is_the_callers_alone()
    {
        var made = Made("New-OverlayImage overlay.img");

        Assert.Equal(_directory["overlay.img"], made.Path);
        Assert.Null(made.Id);
        Assert.Equal(64 * MiB, made.SizeBytes);
        Assert.Equal(64 * MiB, new FileInfo(made.Path).Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(made.Path));
        Assert.Equal(["overlay.img"], ImageFiles.Names(_directory));
        ImageFiles.AssertClean(made.Path);
    }

    [Theory]
    [InlineData("New-OverlayImage o.img 100MB", 100)]
    [InlineData("New-OverlayImage o.img -Size 65MB", 65)]
    [InlineData("New-OverlayImage -Path o.img -SizeBytes 1GB -Sparse", 1024)]
    [InlineData("New-OverlayImage o.img 64MB -Preallocate", 64)]
    public void The_size_is_the_one_asked_for(string command, long mebibytes)
    {
        var made = Made(command);

        Assert.Equal(mebibytes * MiB, made.SizeBytes);
        Assert.Equal(mebibytes * MiB, new FileInfo(made.Path).Length);
        ImageFiles.AssertClean(made.Path);
    }

    [Fact]
    public void What_is_emitted_is_what_other_tools_see()
    {
        Machine.NeedTool("dumpe2fs");
        var made = Made("New-OverlayImage o.img 100MB");
        var text = Machine.Run("dumpe2fs", "-h", made.Path).Output;

        Assert.Matches($@"Inode count:\s+{made.InodeCount}\n", text);
        Assert.Matches($@"Free inodes:\s+{made.FreeInodeCount}\n", text);
        Assert.Matches($@"Free blocks:\s+{made.FreeBytes / made.BlockSize}\n", text);
        Assert.Matches($@"Block size:\s+{made.BlockSize}\n", text);
        Assert.Contains(made.Uuid.ToString(), text, StringComparison.Ordinal);
        Assert.Equal(ImageFiles.AllocatedBytes(made.Path), made.AllocatedBytes);
    }

    [Fact]
    public void Sparse_leaves_holes_and_Preallocate_leaves_none()
    {
        var sparse = Made("New-OverlayImage sparse.img -SizeBytes 256MB");
        var full = Made("New-OverlayImage full.img -SizeBytes 256MB -Preallocate");

        Assert.InRange(ImageFiles.AllocatedBytes(sparse.Path), 1, 8 * MiB);
        Assert.InRange(ImageFiles.AllocatedBytes(full.Path), 256 * MiB, long.MaxValue);
        ImageFiles.AssertClean(full.Path);
    }

    [Fact]
    public void Sparse_and_Preallocate_exclude_each_other()
    {
        _session.Run("New-OverlayImage o.img -Sparse -Preallocate");

        Assert.StartsWith("AmbiguousParameterSet", Assert.Single(_session.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(ImageFiles.Names(_directory));
    }

    [Fact]
    public void Directories_are_made_with_their_parents_and_belong_to_the_caller()
    {
        var made = Made("New-OverlayImage o.img -CreateDirectory /var/cache/nginx, /var/lib, '//data/./x y/'");
        var expected = (IdOf("-u"), IdOf("-g"), "0755");

        foreach (var file in (string[])["/upper", "/work", "/upper/var/cache/nginx", "/upper/var/lib", "\"/upper/data/x y\""])
            Assert.Equal(expected, ImageFiles.Owner(made.Path, file));
        Assert.Equal($"{expected.Item1}:{expected.Item2}", made.Owner);
        ImageFiles.AssertClean(made.Path);
    }

    [Fact]
    public void FakeRoot_gives_everything_to_root_whoever_calls()
    {
        AsOrdinaryUser.Need();
        _directory.OpenToAll();
        var (mine, myError) = AsOrdinaryUser.Run(_directory, "(New-OverlayImage own.img -CreateDirectory /srv).Owner");
        var (roots, error) = AsOrdinaryUser.Run(_directory, "(New-OverlayImage root.img -FakeRoot -CreateDirectory /srv).Owner");

        Assert.Equal((AsOrdinaryUser.Owner, ""), (mine, myError));
        Assert.Equal(("0:0", ""), (roots, error));
        Assert.Equal((0, 0, "0755"), ImageFiles.Owner(_directory["root.img"], "/upper/srv"));
        Assert.Equal((AsOrdinaryUser.Id, AsOrdinaryUser.Id, "0755"), ImageFiles.Owner(_directory["own.img"], "/upper/srv"));
    }

    [Theory]
    [InlineData("/../upper2")]
    [InlineData("/a/../b")]
    [InlineData("..")]
    [InlineData("relative/path")]
    public void A_directory_that_may_lead_outside_is_refused(string name)
    {
        _session.Run("New-OverlayImage o.img -CreateDirectory /good, $args[0]", name);

        AssertFailed(ErrorIds.InvalidDirectoryName, ErrorCategory.InvalidArgument);
        Assert.Empty(ImageFiles.Names(_directory));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1MB")]
    [InlineData("67108863")]
    public void A_size_below_64_MiB_is_refused(string size)
    {
        ImageFiles.MakeSif(_directory["a.sif"]);
        var before = ImageFiles.Digest(_directory["a.sif"]);
        foreach (var path in (string[])["o.img", "a.sif"])
        {
            _session.Run($"New-OverlayImage {path} -SizeBytes {size}");
            AssertFailed(ErrorIds.OverlaySizeTooSmall, ErrorCategory.LimitsExceeded);
        }

        Assert.Equal(["a.sif"], ImageFiles.Names(_directory));
        Assert.Equal(before, ImageFiles.Digest(_directory["a.sif"]));
    }

    [Fact]
    public void An_existing_file_stays_as_it_is_without_Force()
    {
        File.WriteAllText(_directory["o.img"], "mine");
        File.CreateSymbolicLink(_directory["dangling.img"], "nowhere");
        foreach (var path in (string[])["o.img", "dangling.img"])
        {
            _session.Run($"New-OverlayImage {path}");
            AssertFailed(ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists);
        }

        Assert.Equal("mine", File.ReadAllText(_directory["o.img"]));
        Assert.Equal(["dangling.img", "o.img"], ImageFiles.Names(_directory));
    }

    [Fact]
    public void Force_replaces_a_file_and_nothing_that_is_named_alike()
    {
        foreach (var name in (string[])["o.img", "o.img.ext3", ".o.img.tmp", "o.img.tmp", "o.ext3"])
            File.WriteAllText(_directory[name], "mine");
        var before = ImageFiles.Names(_directory);

        Assert.Equal(64 * MiB, Made("New-OverlayImage o.img -Force").SizeBytes);
        Assert.Equal(before, ImageFiles.Names(_directory));
        ImageFiles.AssertClean(_directory["o.img"]);
        foreach (var name in before.Where(name => name != "o.img"))
            Assert.Equal("mine", File.ReadAllText(_directory[name]));
    }

    [Theory]
    [InlineData("New-OverlayImage sub -Force", ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists)]
    [InlineData("New-OverlayImage no/o.img", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("New-OverlayImage no/o.img -Force", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("New-OverlayImage pipe", ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists)]
    [InlineData("New-OverlayImage Variable:x", ErrorIds.PathNotFileSystem, ErrorCategory.InvalidArgument)]
    [InlineData("New-OverlayImage nodrive:x", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("New-OverlayImage o.img 20TB", ErrorIds.OverlaySizeTooLarge, ErrorCategory.LimitsExceeded)]
    public void A_place_that_cannot_be_is_refused(string command, string id, ErrorCategory category)
    {
        Directory.CreateDirectory(_directory["sub"]);
        Machine.Run("mkfifo", _directory["pipe"]);
        _session.Run(command);

        AssertFailed(id, category);
        Assert.Equal(["pipe", "sub"], ImageFiles.Names(_directory));
    }

    [Theory]
    [InlineData("New-OverlayImage new.img -WhatIf")]
    [InlineData("New-OverlayImage o.img -Force -WhatIf")]
    [InlineData("New-OverlayImage a.sif -WhatIf")]
    [InlineData("New-OverlayImage a.sif -Force -Preallocate -WhatIf")]
    public void WhatIf_changes_nothing(string command)
    {
        File.WriteAllText(_directory["o.img"], "mine");
        ImageFiles.MakeSif(_directory["a.sif"]);
        var before = Snapshot();

        Assert.Empty(_session.Run(command));
        Assert.Empty(_session.Errors);
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public void A_new_name_is_taken_literally_with_its_brackets()
    {
        Made("New-OverlayImage 'o[1]*.img'");

        Assert.Equal(["o[1]*.img"], ImageFiles.Names(_directory));
    }

    [Fact]
    public void Paths_come_from_the_pipeline_and_one_bad_path_does_not_stop_the_others()
    {
        File.WriteAllText(_directory["b.img"], "mine");
        var made = _session.Run("'a.img', 'b.img' | New-OverlayImage; [pscustomobject]@{ Path = 'c.img' } | New-OverlayImage;"
            + "New-OverlayImage d.img, no/e.img, f.img");

        Assert.Equal(["a.img", "c.img", "d.img", "f.img"], made.Select(o => Path.GetFileName(((OverlayImage)o.BaseObject).Path)));
        Assert.Equal([ErrorIds.OverlayAlreadyExists, ErrorIds.OverlayFileNotFound],
            _session.Errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Equal([_directory["b.img"], _directory["no/e.img"]], _session.Errors.Select(error => error.TargetObject));
    }

    [Fact]
    public void A_new_container_pipes_into_an_overlay_of_the_usual_size()
    {
        Directory.CreateDirectory(_directory["root/etc"]);
        var made = Made("New-SifImage a.sif root -FileSystem Ext3 | New-OverlayImage");

        Assert.Equal(2u, made.Id);
        Assert.Equal(64 * MiB, made.SizeBytes);
    }

    [Fact]
    public void A_full_disk_is_said_and_nothing_remains_on_it()
    {
        using var disk = new SmallDisk(_directory["disk"], 80);
        ImageFiles.MakeSif(disk["a.sif"]);
        var before = ImageFiles.Digest(disk["a.sif"]);
        foreach (var name in (string[])["o.img", "a.sif"])
        {
            _session.Run("New-OverlayImage $args[0] -SizeBytes 100MB -Preallocate", disk[name]);
            AssertFailed(ErrorIds.DiskFull, ErrorCategory.ResourceUnavailable);
        }

        Assert.Equal(["a.sif"], disk.Names);
        Assert.Equal(before, ImageFiles.Digest(disk["a.sif"]));
    }

    // A file system that allocates nothing in advance has zeros written, which takes long enough to be stopped in.
    [Fact]
    public void Stopping_in_the_middle_of_Preallocate_leaves_a_SIF_as_it_was()
    {
        ImageFiles.MakeSif(_directory["a.sif"]);
        var before = Snapshot();
        _session.RunAndStop("New-OverlayImage a.sif -SizeBytes 8GB -Preallocate",
            () => new FileInfo(_directory["a.sif"]).Length > MiB);

        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public void Stopping_in_the_middle_of_a_new_file_leaves_none()
    {
        _session.RunAndStop("while ($true) { New-OverlayImage o.img -SizeBytes 1GB -Preallocate -Force }",
            () => ImageFiles.Names(_directory).Any(name => name.EndsWith(".tmp", StringComparison.Ordinal)));

        Assert.DoesNotContain(ImageFiles.Names(_directory), name => name != "o.img");
        if (File.Exists(_directory["o.img"]))
            ImageFiles.AssertClean(_directory["o.img"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Preallocate")]
    public void An_overlay_goes_into_a_SIF_beside_its_root_file_system(string option)
    {
        ImageFiles.MakeSif(_directory["a.sif"]);
        File.WriteAllText(_directory["a.sif.ext3"], "mine");
        var made = Made($"New-OverlayImage a.sif -CreateDirectory /data {option}");

        Assert.Equal(2u, made.Id);
        Assert.Equal(64 * MiB, made.SizeBytes);
        Assert.Equal(["a.sif", "a.sif.ext3"], ImageFiles.Names(_directory));
        Assert.Equal("mine", File.ReadAllText(_directory["a.sif.ext3"]));
        var allocated = ImageFiles.AllocatedBytes(_directory["a.sif"]);
        Assert.InRange(allocated, option.Length == 0 ? 1 : 64 * MiB, option.Length == 0 ? 8 * MiB : long.MaxValue);
        Machine.NeedTool("siftool");
        Assert.Contains("FS (Ext3/Overlay/amd64)", Machine.Run("siftool", "list", _directory["a.sif"]).Output, StringComparison.Ordinal);
        ImageFiles.AssertClean(_directory["a.sif"], 2);
    }

    [Theory]
    [InlineData("headless", ErrorIds.SifNoPrimaryPartition, ErrorCategory.InvalidData)]
    [InlineData("signed", ErrorIds.SifSigned, ErrorCategory.SecurityError)]
    [InlineData("encrypted", ErrorIds.SifEncrypted, ErrorCategory.SecurityError)]
    [InlineData("gocryptfs", ErrorIds.SifEncrypted, ErrorCategory.SecurityError)]
    [InlineData("overlaid", ErrorIds.SifOverlayExists, ErrorCategory.ResourceExists)]
    public void A_SIF_that_cannot_take_an_overlay_stays_as_it_is(string kind, string id, ErrorCategory category)
    {
        ImageFiles.MakeSif(_directory["a.sif"], primary: kind != "headless", signed: kind == "signed", overlay: kind == "overlaid",
            fileSystem: kind switch
            {
                "encrypted" => SifFileSystem.EncryptedSquashfs,
                "gocryptfs" => SifFileSystem.GocryptfsSquashfs,
                _ => SifFileSystem.Squashfs,
            });
        var before = Snapshot();
        foreach (var option in (string[])["", "-Force", "-Preallocate"])
        {
            _session.Run($"New-OverlayImage a.sif {option}");
            AssertFailed(id, category);
        }

        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public void A_SIF_that_the_user_may_not_write_is_never_replaced()
    {
        AsOrdinaryUser.Need();
        _directory.OpenToAll();
        ImageFiles.MakeSif(_directory["a.sif"]);
        File.SetUnixFileMode(_directory["a.sif"], UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        var before = Snapshot();
        foreach (var option in (string[])["", "-Force"])
        {
            var (output, _) = AsOrdinaryUser.Run(_directory,
                $"New-OverlayImage a.sif {option} -ErrorAction SilentlyContinue; $Error[0].FullyQualifiedErrorId");
            Assert.StartsWith(ErrorIds.AccessDenied, output, StringComparison.Ordinal);
        }

        Assert.Equal(before, Snapshot());
    }

    private string[] Snapshot() =>
        [.. ImageFiles.Names(_directory).Select(name => $"{name} {ImageFiles.Digest(_directory[name])}")];

    private OverlayImage Made(string command)
    {
        var made = Assert.IsType<OverlayImage>(Assert.Single(_session.Run(command)).BaseObject);
        Assert.Empty(_session.Errors);
        return made;
    }

    private static int IdOf(string option) =>
        int.Parse(Machine.Run("id", option).Output, System.Globalization.CultureInfo.InvariantCulture);

    private void AssertFailed(string id, ErrorCategory category) => ErrorAssert.Single(_session, id, category);
}
