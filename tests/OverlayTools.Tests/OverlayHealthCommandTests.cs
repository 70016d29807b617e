using System.Management.Automation;
using System.Diagnostics;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Test-OverlayImage and Repair-OverlayImage, as they are typed.</summary>
public sealed class OverlayHealthCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public OverlayHealthCommandTests()
    {
        _session = new ModuleSession(_directory.Path);
        _session.Run("New-OverlayImage good.img, 'odd[1].img'");
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void A_sound_image_is_true_and_nothing_is_said()
    {
        Assert.Equal([true], _session.Run("Test-OverlayImage good.img -Overlay -Verbose").Select(found => found.BaseObject));
        Assert.Empty(_session.Errors);
        Assert.Empty(_session.Warnings);
        Assert.Empty(_session.Verbose);
        Assert.NotEmpty(_session.Progress);
    }

    [Fact]
    public void A_damaged_image_is_false_and_warnings_say_why()
    {
        Damage("good.img", "sif /upper links_count 9");
        var before = File.ReadAllBytes(_directory["good.img"]);
        Assert.Equal(["False", "LinkCount", "/upper"], _session.Lines("""
            Test-OverlayImage good.img -InformationVariable found
            $found.MessageData.Id
            $found.MessageData.Path
            """));
        Assert.Contains("LinkCount '/upper'", Assert.Single(_session.Warnings));
        Assert.Empty(_session.Errors);
        Assert.Equal(before, File.ReadAllBytes(_directory["good.img"]));
    }

    [Fact]
    public void The_rules_of_overlays_count_only_when_asked()
    {
        Damage("good.img", "sif /work uid 4242");
        Assert.Equal(["True"], _session.Lines("Test-OverlayImage good.img -Verbose"));
        Assert.Contains("OwnersDiffer", Assert.Single(_session.Verbose));
        Assert.Equal(["False"], _session.Lines("Test-OverlayImage good.img -Overlay"));
        Assert.Contains("OwnersDiffer", Assert.Single(_session.Warnings));
    }

    [Fact]
    public void Each_path_has_its_answer_and_a_failure_spoils_only_its_own()
    {
        File.WriteAllBytes(_directory["text.img"], new byte[5000]);
        Assert.Equal(["True", "True"], _session.Lines("Test-OverlayImage *.img"));
        Assert.StartsWith(ErrorIds.OverlayNotExt3, Assert.Single(_session.Errors).FullyQualifiedErrorId);
        Assert.Equal(["True"], _session.Lines("Test-OverlayImage -LiteralPath 'odd[1].img'"));
        Assert.Empty(_session.Lines("Test-OverlayImage none.img"));
        Assert.StartsWith(ErrorIds.OverlayFileNotFound, Assert.Single(_session.Errors).FullyQualifiedErrorId);
        Assert.Empty(_session.Lines("Test-OverlayImage good.img -Id 1"));
        Assert.StartsWith(ErrorIds.OptionConflict, Assert.Single(_session.Errors).FullyQualifiedErrorId);
    }

    [Fact]
    public void Bitmaps_are_repaired_and_WhatIf_changes_nothing()
    {
        Damage("good.img", "setb 9000 5");
        var before = File.ReadAllBytes(_directory["good.img"]);
        Assert.Empty(_session.Run("Repair-OverlayImage good.img -WhatIf"));
        Assert.Equal(before, File.ReadAllBytes(_directory["good.img"]));
        Assert.Equal(["False", "True", "True"], _session.Lines("""
            Test-OverlayImage good.img -WarningAction Ignore
            (Repair-OverlayImage good.img -PassThru).IsSound
            Test-OverlayImage good.img
            """));
        Assert.Empty(_session.Run("Repair-OverlayImage good.img"));
        Assert.Empty(_session.Errors);
        Machine.NeedTool("e2fsck");
        Assert.Equal(0, Machine.Run("e2fsck", "-f", "-n", _directory["good.img"]).ExitCode);
    }

    [Fact]
    public void What_is_left_is_an_error_and_Full_repairs_it()
    {
        Machine.NeedTool("e2fsck");
        Damage("good.img", "sif /upper links_count 9");
        _session.Run("Repair-OverlayImage good.img");
        var error = Assert.Single(_session.Errors);
        Assert.StartsWith(ErrorIds.OverlayCorrupt, error.FullyQualifiedErrorId);
        Assert.Contains("-Full", error.ErrorDetails.RecommendedAction);
        Assert.Equal(["True"], _session.Lines("Repair-OverlayImage good.img -Full; Test-OverlayImage good.img"));
        Assert.Empty(_session.Errors);
    }

    [Fact]
    public void Partitions_in_a_SIF_image_are_tested_and_repaired_by_id()
    {
        Machine.NeedTool("siftool");
        File.WriteAllBytes(_directory["root.sqfs"], [.. "hsqs"u8, .. new byte[4092]]);
        Machine.Run("siftool", "new", _directory["a.sif"]);
        _session.Run("Add-SifPartition a.sif root.sqfs -DataType 4 -PartFs 1 -PartType 2 -PartArch 2 -GroupId 1");
        _session.Run("Add-SifPartition a.sif good.img -DataType 4 -PartFs 2 -PartType 4 -PartArch 2 -GroupId 1");
        Assert.Empty(_session.Errors);
        Assert.Equal(["True", "True"], _session.Lines("Test-OverlayImage a.sif; Test-OverlayImage a.sif -Id 2 -Overlay"));
        _session.Run("Test-OverlayImage a.sif -Id 1");
        Assert.StartsWith(ErrorIds.OverlayNotExt3, Assert.Single(_session.Errors).FullyQualifiedErrorId);
        Assert.Contains("2", _session.Complete("Test-OverlayImage a.sif -Id ").Select(found => found.CompletionText));

        var offset = Convert.ToInt64(_session.Lines("(Get-SifDescriptor a.sif -Id 2).Offset")[0], System.Globalization.CultureInfo.InvariantCulture);
        using (var file = File.OpenHandle(_directory["a.sif"], FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.Write(file, [0, 0], offset + 1024 + 1024 + 12); // free blocks of group 0
        Assert.Equal(["False", "True"], _session.Lines(
            "Test-OverlayImage a.sif -WarningAction Ignore; Repair-OverlayImage a.sif -Id 2; Test-OverlayImage a.sif"));
    }

    [Theory]
    [InlineData("New-OverlayImage \"a`0b\"")]
    [InlineData("Test-OverlayImage -LiteralPath \"a`0b\"")]
    [InlineData("Resize-OverlayImage -LiteralPath \"a`0b\" 64MB")]
    public void A_NUL_in_a_path_is_an_error_like_others(string script)
    {
        Assert.Empty(_session.Run(script));
        ErrorAssert.Single(_session, ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void An_image_in_use_is_named_and_not_touched()
    {
        using var holder = Process.Start(new ProcessStartInfo("python3",
        [
            "-c",
            "import fcntl,struct,sys; f=open(sys.argv[1],'r+b'); "
            + "fcntl.fcntl(f,37,struct.pack('hhqqi4x',1,0,0,0,0)); print('held',flush=True); sys.stdin.read()",
            _directory["good.img"],
        ])
        { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Assert.Equal("held", holder.StandardOutput.ReadLine());
        Assert.Empty(_session.Run("Test-OverlayImage good.img; Repair-OverlayImage good.img"));
        Assert.Equal(2, _session.Errors.Count);
        Assert.All(_session.Errors, error => Assert.StartsWith(ErrorIds.OverlayInUse, error.FullyQualifiedErrorId));
        holder.StandardInput.Close();
        holder.WaitForExit();
    }

    private void Damage(string image, string command)
    {
        Machine.NeedTool("debugfs");
        var (exit, _, error) = Machine.Run("debugfs", "-w", "-R", command, _directory[image]);
        Assert.True(exit == 0, error);
    }
}
