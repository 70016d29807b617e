using System.Diagnostics;
using System.Management.Automation;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

public sealed class ResizeOverlayImageTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public ResizeOverlayImageTests()
    {
        _session = new ModuleSession(_directory.Path);
        _session.Run("New-OverlayImage o.img -CreateDirectory /data");
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("Resize-OverlayImage o.img 128MB", 128)]
    [InlineData("Resize-OverlayImage -Path o.img -Size 1GB", 1024)]
    [InlineData("Resize-OverlayImage -LiteralPath o.img -SizeBytes 65MB", 65)]
    [InlineData("'o.img' | Resize-OverlayImage -SizeBytes 96MB", 96)]
    public void An_image_grows_and_keeps_what_it_holds(string command, long mebibytes)
    {
        Assert.Empty(_session.Run(command));
        Assert.Empty(_session.Errors);

        Assert.Equal(mebibytes * MiB, new FileInfo(_directory["o.img"]).Length);
        ImageFiles.AssertClean(_directory["o.img"]);
        Assert.Equal("0755", ImageFiles.Owner(_directory["o.img"], "/upper/data").Mode);
        Assert.Equal(["o.img"], ImageFiles.Names(_directory));
    }

    [Theory]
    [InlineData("Resize-OverlayImage o.img 20MB", 20)]
    [InlineData("Resize-OverlayImage o.img -GrowBy 6MB", 70)]
    [InlineData("Resize-OverlayImage -LiteralPath o.img -GrowBy 6MB", 70)]
    [InlineData("Resize-OverlayImage o.img 100MB -InodeCount 5000", 100)]
    [InlineData("Resize-OverlayImage o.img -InodeCount 5000", 64)]
    [InlineData("Resize-OverlayImage -LiteralPath o.img -InodeCount 5000", 64)]
    [InlineData("[IO.FileInfo]::new(\"$PWD/o.img\") | Resize-OverlayImage -SizeBytes 20MB", 20)]
    [InlineData("Get-OverlayImage o.img | Resize-OverlayImage -GrowBy 6MB", 70)]
    public void An_image_gets_the_size_and_keeps_what_it_holds(string command, long mebibytes)
    {
        var identity = Identity("o.img");
        Assert.Empty(_session.Run(command));
        Assert.Empty(_session.Errors);

        Assert.Equal(mebibytes * MiB, new FileInfo(_directory["o.img"]).Length);
        ImageFiles.AssertClean(_directory["o.img"]);
        Assert.Equal("0755", ImageFiles.Owner(_directory["o.img"], "/upper/data").Mode);
        Assert.Equal(identity, Identity("o.img"));
        Assert.Equal(["o.img"], ImageFiles.Names(_directory));
    }

    [Fact]
    public void To_the_minimum_and_up_again()
    {
        var small = (OverlayImage)Assert.Single(_session.Run("Resize-OverlayImage o.img -ToMinimumSize -PassThru")).BaseObject;
        Assert.Empty(_session.Errors);
        Assert.InRange(small.SizeBytes, 4 * MiB, 9 * MiB);
        Assert.Equal(small.SizeBytes, new FileInfo(_directory["o.img"]).Length);
        ImageFiles.AssertClean(_directory["o.img"]);
        _session.Run($"Resize-OverlayImage o.img {small.SizeBytes - 4096}");
        var error = ErrorAssert.Single(_session, ErrorIds.OverlayBelowMinimumSize, ErrorCategory.LimitsExceeded);
        Assert.Contains($"{small.SizeBytes} bytes ({ByteSize.Format(small.SizeBytes)})", error.Exception.Message, StringComparison.Ordinal);
        _session.Run("Resize-OverlayImage o.img 1GB");
        ImageFiles.AssertClean(_directory["o.img"]);
    }

    [Fact]
    public void InodeCount_gives_the_image_so_many_and_keeps_owner_and_mode_of_the_file()
    {
        File.SetUnixFileMode(_directory["o.img"], (UnixFileMode)0b110_100_000);
        var image = (OverlayImage)Assert.Single(_session.Run("Resize-OverlayImage o.img -InodeCount 100000 -PassThru")).BaseObject;

        Assert.Empty(_session.Errors);
        Assert.InRange(image.InodeCount, 100_000, 101_000);
        Assert.Equal((UnixFileMode)0b110_100_000, File.GetUnixFileMode(_directory["o.img"]));
        ImageFiles.AssertClean(_directory["o.img"]);
    }

    [Fact]
    public void An_embedded_overlay_is_resized_by_its_id_or_as_the_only_one()
    {
        ImageFiles.MakeSif(_directory["a.sif"]);
        _session.Run("New-OverlayImage a.sif -CreateDirectory /data");
        Assert.Empty(_session.Errors);
        var sizes = _session.Run("""
            (Resize-OverlayImage a.sif 100MB -PassThru).SizeBytes
            (Resize-OverlayImage a.sif -Id 2 -SizeBytes 30MB -PassThru).SizeBytes
            (Get-OverlayImage a.sif | Resize-OverlayImage -GrowBy 10MB -PassThru).SizeBytes
            (Get-SifDescriptor a.sif -Id 2).SizeBytes
            """);
        Assert.Empty(_session.Errors);
        Assert.Equal([100 * MiB, 30 * MiB, 40 * MiB, 40 * MiB], sizes.Select(size => (long)size.BaseObject));
        _session.Run("Resize-OverlayImage a.sif -Id 1 -SizeBytes 50MB");
        ErrorAssert.Single(_session, ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData);
    }

    [Theory]
    [InlineData("o.img -SizeBytes 1GB -GrowBy 5")]
    [InlineData("o.img -GrowBy 5 -ToMinimumSize")]
    [InlineData("o.img -ToMinimumSize -InodeCount 5")]
    public void Two_goals_at_once_are_refused_by_the_binder(string arguments)
    {
        _session.Run($"Resize-OverlayImage {arguments}");
        Assert.StartsWith("AmbiguousParameterSet", Assert.Single(_session.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void PassThru_emits_the_image_as_it_is_now()
    {
        var image = Assert.IsType<OverlayImage>(
            Assert.Single(_session.Run("Resize-OverlayImage o.img 256MB -PassThru")).BaseObject);

        Assert.Equal(_directory["o.img"], image.Path);
        Assert.Equal(256 * MiB, image.SizeBytes);
        Assert.InRange(image.AllocatedBytes, 1, 16 * MiB);
    }

    [Fact]
    public void An_image_of_that_size_stays_as_it_is()
    {
        var before = ImageFiles.Digest(_directory["o.img"]);
        _session.Run("Resize-OverlayImage o.img 64MB");

        Assert.Empty(_session.Errors);
        Assert.Equal(before, ImageFiles.Digest(_directory["o.img"]));
    }

    [Theory]
    [InlineData("o.img 1MB", ErrorIds.OverlayBelowMinimumSize, ErrorCategory.LimitsExceeded)]
    [InlineData("o.img 1", ErrorIds.OverlayBelowMinimumSize, ErrorCategory.LimitsExceeded)]
    [InlineData("o.img 100TB", ErrorIds.OverlaySizeTooLarge, ErrorCategory.LimitsExceeded)]
    [InlineData("o.img -GrowBy 9223372036854775807", ErrorIds.OverlaySizeTooLarge, ErrorCategory.LimitsExceeded)]
    [InlineData("o.img -InodeCount 100000000", ErrorIds.OptionConflict, ErrorCategory.InvalidArgument)]
    [InlineData("o.img 3MB -InodeCount 4", ErrorIds.OverlayFull, ErrorCategory.LimitsExceeded)]
    [InlineData("o.img 1GB -Id 1", ErrorIds.OptionConflict, ErrorCategory.InvalidArgument)]
    [InlineData("none.img -ToMinimumSize", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("text -ToMinimumSize", ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData)]
    [InlineData("none.img 1GB", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("text 1GB", ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData)]
    [InlineData("empty 1GB", ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData)]
    [InlineData("a.sif 1GB", ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData)]
    [InlineData("pipe 1GB", ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData)]
    [InlineData(". 1GB", ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData)]
    [InlineData("Variable:x 1GB", ErrorIds.PathNotFileSystem, ErrorCategory.InvalidArgument)]
    public void What_cannot_be_done_changes_nothing(string arguments, string id, ErrorCategory category)
    {
        File.WriteAllText(_directory["text"], new string('x', 5000));
        File.WriteAllText(_directory["empty"], "");
        ImageFiles.MakeSif(_directory["a.sif"]);
        var before = Snapshot();
        Machine.Run("mkfifo", _directory["pipe"]);
        _session.Run($"Resize-OverlayImage {arguments}");

        ErrorAssert.Single(_session, id, category);
        File.Delete(_directory["pipe"]);
        Assert.Equal(before, Snapshot());
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-5")]
    public void A_size_that_is_none_is_refused_by_the_binder(string size)
    {
        _session.Run($"Resize-OverlayImage o.img {size}");

        Assert.StartsWith("ParameterArgumentValidationError", Assert.Single(_session.Errors).FullyQualifiedErrorId,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_dirty_journal_is_replayed_first()
    {
        Machine.NeedTool("debugfs");
        Machine.NeedTool("e2fsck");
        Assert.Equal(0, Machine.Run("debugfs", "-w", "-R", "feature needs_recovery", _directory["o.img"]).ExitCode);
        _session.Run("Resize-OverlayImage o.img 128MB");

        Assert.Empty(_session.Errors);
        Assert.Equal(128 << 20, new FileInfo(_directory["o.img"]).Length);
        Assert.Equal(0, Machine.Run("e2fsck", "-f", "-n", _directory["o.img"]).ExitCode);
    }

    [Fact]
    public void An_image_in_use_is_refused_and_its_reader_is_named()
    {
        Machine.NeedTool("python3");
        using var reader = Reader();
        Assert.Equal("locked", reader.StandardOutput.ReadLine());
        var before = Snapshot();
        _session.Run("Resize-OverlayImage o.img 128MB");
        reader.StandardInput.Close();
        reader.WaitForExit();

        var error = ErrorAssert.Single(_session, ErrorIds.OverlayInUse, ErrorCategory.ResourceBusy);
        Assert.Contains($"process {reader.Id} (python3", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("reading", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(before, Snapshot());
        _session.Run("Resize-OverlayImage o.img 128MB");
        Assert.Empty(_session.Errors);
    }

    [Fact]
    public void An_image_that_is_mounted_is_refused()
    {
        Machine.NeedRoot();
        Directory.CreateDirectory(_directory["mnt"]);
        var (exitCode, _, problem) = Machine.Run("mount", "-o", "loop", _directory["o.img"], _directory["mnt"]);
        Assert.True(exitCode == 0, problem);
        try
        {
            _session.Run("Resize-OverlayImage o.img 128MB; Resize-OverlayImage o.img -ToMinimumSize; Resize-OverlayImage o.img -InodeCount 500");
        }
        finally
        {
            Assert.Equal(0, Machine.Run("umount", _directory["mnt"]).ExitCode);
        }

        Assert.Equal(3, _session.Errors.Count);
        Assert.All(_session.Errors, error => Assert.StartsWith(ErrorIds.OverlayInUse, error.FullyQualifiedErrorId, StringComparison.Ordinal));
        Assert.Equal(64 * MiB, new FileInfo(_directory["o.img"]).Length);
    }

    [Fact]
    public void An_image_that_the_user_may_not_write_stays_as_it_is()
    {
        AsOrdinaryUser.Need();
        _directory.OpenToAll();
        File.SetUnixFileMode(_directory["o.img"], UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        var before = Snapshot();
        var (output, _) = AsOrdinaryUser.Run(
            _directory, "Resize-OverlayImage o.img 1GB -ErrorAction SilentlyContinue; $Error[0].FullyQualifiedErrorId");

        Assert.StartsWith(ErrorIds.AccessDenied, output, StringComparison.Ordinal);
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public void A_full_disk_leaves_the_image_as_it_was()
    {
        using var disk = new SmallDisk(_directory["disk"], 1);
        _session.Run("New-OverlayImage $args[0]", disk["o.img"]);
        Assert.Empty(_session.Errors);
        var free = new DriveInfo(disk["."]).AvailableFreeSpace;
        using (var rest = File.Create(disk["rest"]))
            rest.Write(new byte[free]);
        var before = ImageFiles.Digest(disk["o.img"]);
        _session.Run("Resize-OverlayImage $args[0] 2GB", disk["o.img"]);

        ErrorAssert.Single(_session, ErrorIds.DiskFull, ErrorCategory.ResourceUnavailable);
        Assert.Equal(before, ImageFiles.Digest(disk["o.img"]));
    }

    [Fact]
    public void WhatIf_changes_nothing_and_says_both_sizes()
    {
        var before = Snapshot();

        Assert.Empty(_session.Run("Resize-OverlayImage o.img 1GB -WhatIf -PassThru"));
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public void Wildcards_name_several_images_and_one_bad_image_does_not_stop_the_others()
    {
        File.WriteAllText(_directory["m.img"], "no image");
        _session.Run("New-OverlayImage z.img");
        var grown = _session.Run("Resize-OverlayImage *.img, none*.img -SizeBytes 72MB -PassThru");

        Assert.Equal(["o.img", "z.img"], grown.Select(item => Path.GetFileName(((OverlayImage)item.BaseObject).Path)));
        ErrorAssert.Single(_session, ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData);
        Assert.Equal(_directory["m.img"], _session.Errors[0].TargetObject);
    }

    [Fact]
    public void LiteralPath_takes_brackets_as_they_are()
    {
        _session.Run("New-OverlayImage '[o].img'; Resize-OverlayImage -LiteralPath '[o].img' 72MB");

        Assert.Empty(_session.Errors);
        Assert.Equal(72 * MiB, new FileInfo(_directory["[o].img"]).Length);
        Assert.Equal(64 * MiB, new FileInfo(_directory["o.img"]).Length);
    }

    [Fact]
    public void A_new_image_pipes_into_the_command()
    {
        _session.Run("New-OverlayImage p.img | Resize-OverlayImage -SizeBytes 80MB");

        Assert.Empty(_session.Errors);
        Assert.Equal(80 * MiB, new FileInfo(_directory["p.img"]).Length);
    }

    private string Identity(string name) => string.Join(' ', Machine.Run("dumpe2fs", "-h", _directory[name]).Output.Split('\n')
        .Where(line => line.StartsWith("Filesystem UUID", StringComparison.Ordinal)
            || line.StartsWith("Directory Hash Seed", StringComparison.Ordinal)));

    private string[] Snapshot() =>
        [.. ImageFiles.Names(_directory).Where(name => File.Exists(_directory[name]))
            .Select(name => $"{name} {ImageFiles.Digest(_directory[name])}")];

    // F_OFD_SETLK is 37: the lock that Apptainer takes.
    private Process Reader()
    {
        const string Script = """
            import fcntl, struct, sys
            file = open(sys.argv[1], 'rb')
            fcntl.fcntl(file, 37, struct.pack('hhqqi4x', fcntl.F_RDLCK, 0, 0, 0, 0))
            print('locked', flush=True)
            sys.stdin.read()
            """;
        var start = new ProcessStartInfo("python3", ["-c", Script, _directory["o.img"]])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        return Process.Start(start)!;
    }
}
