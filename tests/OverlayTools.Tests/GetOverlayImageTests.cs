using System.Globalization;
using System.Management.Automation;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Get-OverlayImage, as it is typed.</summary>
public sealed class GetOverlayImageTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public GetOverlayImageTests() => _session = new ModuleSession(_directory.Path);

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Paths_wildcards_and_the_pipeline_find_images_and_a_bad_one_spoils_only_its_own()
    {
        _session.Run("New-OverlayImage b.img, a.img, 'odd[1].img'");
        File.WriteAllText(_directory["text.txt"], "words");
        Directory.CreateDirectory(_directory["folder"]);
        Directory.CreateDirectory(_directory["over/upper"]);
        Assert.Equal(["a.img", "b.img", "odd[1].img"], Names("Get-OverlayImage *.img").Order());
        Assert.Equal(["odd[1].img"], Names("Get-OverlayImage -LiteralPath 'odd[1].img'"));
        Assert.Equal(["a.img", "b.img"], Names("'a.img', 'b.img' | Get-OverlayImage"));
        Assert.Equal(["a.img", "odd[1].img"], Names("'a.img', 'odd[1].img' | ForEach-Object { [IO.FileInfo]::new(\"$PWD/$_\") } | Get-OverlayImage"));
        Assert.Equal(["a.img"], Names("Get-OverlayImage a.img | Get-OverlayImage"));
        Assert.Empty(_session.Errors);

        Assert.Equal(["a.img", "b.img"], Names("Get-OverlayImage a.img, text.txt, none.img, folder, over, b.img"));
        Assert.Equal(["OverlayNotExt3", "OverlayFileNotFound", "OverlayNotExt3", "OverlayNotExt3"],
            _session.Errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0]));
        Assert.All(_session.Errors, error => Assert.NotNull(error.ErrorDetails.RecommendedAction));
        Assert.Contains("overlay in a directory", _session.Errors[3].ToString());
        Assert.Empty(_session.Run("Get-OverlayImage a.img -Id 1"));
        ErrorAssert.Single(_session, ErrorIds.OptionConflict, ErrorCategory.InvalidArgument);
    }

    [Fact]
    public void A_named_pipe_is_no_image_and_keeps_nobody_waiting()
    {
        Machine.NeedTool("mkfifo");
        Machine.Run("mkfifo", _directory["pipe"]);
        Assert.Empty(_session.Run("Get-OverlayImage pipe"));
        ErrorAssert.Single(_session, ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData);
    }

    [Fact]
    public void Looking_changes_no_byte_and_takes_no_lock()
    {
        _session.Run("New-OverlayImage a.img");
        var before = (ImageFiles.Digest(_directory["a.img"]), File.GetLastWriteTimeUtc(_directory["a.img"]));
        using var writer = Open.File(_directory["a.img"], Open.ReadWrite);
        Assert.True(RangeLock.Acquire(writer, _directory["a.img"], exclusive: true, 0, 0));
        var found = Image("Get-OverlayImage a.img");
        Assert.Equal((OverlayUse.Writing, OverlayState.InUse, true), (found.Use, found.State, found.IsStale));
        Assert.Equal(Environment.ProcessId, Assert.Single(found.Users).ProcessId);
        Assert.Equal(before, (ImageFiles.Digest(_directory["a.img"]), File.GetLastWriteTimeUtc(_directory["a.img"])));
    }

    [Fact]
    public void Each_ext3_partition_of_a_SIF_image_is_an_object_with_its_own_range()
    {
        ImageFiles.MakeSif(_directory["c.sif"]);
        _session.Run("New-OverlayImage x.img 64MB -FakeRoot; New-OverlayImage c.sif 96MB -Preallocate | Out-Null");
        _session.Run("Add-SifPartition c.sif x.img -DataType 4 -PartFs 2 -PartType 4 -PartArch 2 -GroupId 1");
        Assert.Empty(_session.Errors);
        var found = _session.Run("Get-OverlayImage c.sif").Select(item => (OverlayImage)item.BaseObject).ToList();
        Assert.Equal([2u, 3u], found.Select(image => image.Id!.Value));
        Assert.Equal([96 * MiB, 64 * MiB], found.Select(image => image.SizeBytes));
        Assert.Equal(96 * MiB, found[0].AllocatedBytes);
        Assert.InRange(found[1].AllocatedBytes, 1, 8 * MiB);
        Assert.Equal("0:0", found[1].Owner);
        Assert.Equal(64 * MiB, Image("Get-OverlayImage c.sif -Id 3").SizeBytes);
        Assert.Equal([96 * MiB], _session.Run("Get-OverlayImage c.sif -Id 2 | Get-OverlayImage").Select(item => ((OverlayImage)item.BaseObject).SizeBytes));
        Assert.Empty(_session.Run("Get-OverlayImage c.sif -Id 1"));
        ErrorAssert.Single(_session, ErrorIds.OverlayNotExt3, ErrorCategory.InvalidData);
        Assert.Equal(["2", "3"], _session.Complete("Get-OverlayImage c.sif -Id ").Select(result => result.CompletionText).Skip(1));

        // A partition is in use when its bytes are, and not when its neighbour's are.
        using var writer = Open.File(_directory["c.sif"], Open.ReadWrite);
        var offset = long.Parse(_session.Lines("(Get-SifDescriptor c.sif 3).Offset")[0], CultureInfo.InvariantCulture);
        Assert.True(RangeLock.Acquire(writer, _directory["c.sif"], exclusive: false, offset, 64 * MiB));
        Assert.Equal(["Free", "Reading"], _session.Lines("(Get-OverlayImage c.sif).Use"));
    }

    [Fact]
    public void Two_words_say_who_has_it()
    {
        _session.Run("New-OverlayImage a.img");
        Assert.Equal(["-"], _session.Lines("(Get-OverlayImage a.img).UseSummary"));
        using var writer = Open.File(_directory["a.img"], Open.ReadWrite);
        Assert.True(RangeLock.Acquire(writer, _directory["a.img"], exclusive: true, 0, 0));
        Assert.Equal([$"Writing {Environment.ProcessId}"], _session.Lines("(Get-OverlayImage a.img).UseSummary"));
        Assert.StartsWith($"process {Environment.ProcessId} (", _session.Lines("(Get-OverlayImage a.img).UseText")[0]);
    }

    [Fact]
    public void Sparse_images_say_what_they_promise_beyond_the_disk()
    {
        using var disk = new SmallDisk(_directory["disk"], 32);
        var found = Image($"New-OverlayImage '{disk["big.img"]}' 1GB -WarningAction Ignore | Get-OverlayImage");
        Assert.Equal(found.SizeBytes - found.AllocatedBytes, found.PromisedBytes);
        Assert.InRange(found.DiskFreeBytes!.Value, 1, 32 * MiB);
        Assert.Equal(found.PromisedBytes - found.DiskFreeBytes, found.OvercommittedBytes);
        Assert.Equal(0, Image("New-OverlayImage small.img | Get-OverlayImage").OvercommittedBytes);
    }

    [Fact]
    public void An_ordinary_user_sees_what_can_be_seen()
    {
        AsOrdinaryUser.Need();
        _session.Run($"New-OverlayImage mine.img -Owner {AsOrdinaryUser.Owner}; New-OverlayImage root.img -FakeRoot; New-OverlayImage closed.img");
        Machine.Run("chown", AsOrdinaryUser.Owner, _directory["mine.img"], _directory["root.img"]);
        Assert.Equal(["mine.img Plain Free", "root.img FakeRoot Free"], Lines("mine.img, root.img"));
        var (_, error) = AsOrdinaryUser.Run(_directory, "Get-OverlayImage closed.img | Out-Null; $Error[0].FullyQualifiedErrorId | Write-Host");
        Assert.Contains("ermission denied", error);

        // The lock of a process that this user may not look into; the mark says who it is.
        using var writer = Open.File(_directory["mine.img"], Open.ReadWrite);
        Assert.True(RangeLock.Acquire(writer, _directory["mine.img"], exclusive: true, 0, 0));
        Assert.Equal(["mine.img Plain HeldElsewhere"], Lines("mine.img"));
        Assert.SkipWhen(WriterMark.Put(writer, 0, Environment.ProcessId) is null, "needs user extended attributes");
        var (text, _) = AsOrdinaryUser.Run(_directory, "$i = Get-OverlayImage mine.img; $i.State; $i.IsStale; $i.UseText; $i.UseSummary");
        Assert.Equal(["InUse", "True"], text.Split('\n')[..2]);
        Assert.Contains("not visible from here: on another node, another user's, or a stale lock", text);
        Assert.Contains($"mark: host {Environment.MachineName}, process {Environment.ProcessId}, user {Environment.UserName}, since ", text);
        Assert.EndsWith("Elsewhere", text);
        // Whoever is refused the image is told the same.
        (_, error) = AsOrdinaryUser.Run(_directory, "Test-OverlayImage mine.img");
        Assert.Contains($"process {Environment.ProcessId}", error.ReplaceLineEndings(" "));
        Assert.Contains("not visible from here", error.ReplaceLineEndings(" "));
    }

    [Fact]
    public void What_is_emitted_survives_serialisation()
    {
        var numbers = _session.Lines("""
            New-OverlayImage a.img | Out-Null
            $image = Get-OverlayImage a.img
            $copy = [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($image))
            foreach ($name in 'Path', 'SizeBytes', 'FreeBytes', 'AvailableBytes', 'Owner', 'State', 'Use', 'UsedInodePercent') {
                "$($image.$name)" -eq "$($copy.$name)"
            }
            """);
        Assert.All(numbers, line => Assert.Equal("True", line));
    }

    private string[] Lines(string images)
    {
        var (output, error) = AsOrdinaryUser.Run(_directory,
            $$"""Get-OverlayImage {{images}} | ForEach-Object { "$([IO.Path]::GetFileName($_.Path)) $($_.WritableAs) $($_.Use)" }""");
        Assert.Equal(string.Empty, error);
        return output.Split('\n');
    }

    private OverlayImage Image(string script) => (OverlayImage)Assert.Single(_session.Run(script)).BaseObject;

    private IEnumerable<string> Names(string script) =>
        _session.Run(script).Select(item => Path.GetFileName(((OverlayImage)item.BaseObject).Path));
}
