using System.Globalization;
using OverlayTools.Ext.Check;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>The verdicts of the check are those of <c>e2fsck -fn</c>.</summary>
public sealed class ExtCheckerTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    private static readonly int s_damages =
        int.Parse(Environment.GetEnvironmentVariable("OT_DAMAGES") ?? "240", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData(8 * MiB)]
    [InlineData(64 * MiB)]
    [InlineData(600 * MiB)]
    public void Nothing_is_found_on_our_own_images(long size)
    {
        using var directory = new TemporaryDirectory();
        AssertNothing(Ext3Image.Made(directory, size, SampleTree.Everything()));
    }

    [Theory]
    [InlineData]
    [InlineData("-b", "4096")]
    [InlineData("-I", "128")]
    [InlineData("-O", "^resize_inode")]
    [InlineData("-O", "^dir_index")]
    [InlineData("-O", "^filetype")]
    [InlineData("-O", "^has_journal")]
    public void Nothing_is_found_on_images_of_mke2fs(params string[] options)
    {
        using var directory = new TemporaryDirectory();
        AssertNothing(RichImages.ByMke2fs(directory, 80 * MiB, options));
    }

    [Theory]
    [InlineData]
    [InlineData("-b", "4096")]
    public void Nothing_is_found_after_the_kernel_used_the_image(params string[] options)
    {
        using var directory = new TemporaryDirectory();
        AssertNothing(RichImages.ByTheKernel(directory, 80 * MiB, options));
    }

    [Fact]
    public void Nothing_is_found_after_growing()
    {
        using var directory = new TemporaryDirectory();
        var image = RichImages.ByMke2fs(directory, 80 * MiB);
        image.Grow(300 * MiB);
        AssertNothing(image);
    }

    [Fact]
    public void A_dirty_image_is_checked_as_after_the_replay_and_not_changed()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 24 * MiB);
        DirtyImages.ByTheKernel(image, 2, new Random(5));
        var before = File.ReadAllBytes(image.Path);
        var result = Check(image);
        Assert.True(result.IsSound, string.Join('\n', result.Findings));
        Assert.True(result.ReplayedTransactions > 0);
        Assert.Equal(before, File.ReadAllBytes(image.Path));
    }

    [Fact]
    public void The_verdict_on_damaged_images_is_that_of_e2fsck()
    {
        Machine.NeedTool("e2fsck");
        Machine.NeedTool("debugfs");
        var start = int.Parse(Environment.GetEnvironmentVariable("OT_SEED") ?? "20261123", CultureInfo.InvariantCulture);
        output.WriteLine($"seeds from {start}, {s_damages} of them");
        using var directory = new TemporaryDirectory();
        var tree = RichImages.Tree(directory, 400);
        Ext3Image[] pristine =
        [
            Ext3Image.MadeByMke2fs(directory, 24 * MiB, "-d", tree),
            Ext3Image.MadeByMke2fs(directory, 24 * MiB, "-d", tree, "-b", "4096"),
            Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything()),
        ];
        var work = new Ext3Image(directory["damaged"]);
        var disagreements = new List<string>();
        var damaged = 0;
        for (var seed = start; seed < start + s_damages; seed++)
        {
            Ext3Image.Run("cp", "--sparse=always", pristine[seed % pristine.Length].Path, work.Path);
            var what = Damage.Do(work, new Random(seed));
            var (exit, said, error) = Machine.Run("e2fsck", "-f", "-n", work.Path);
            var (isSound, findings) = Verdict(work);
            damaged += exit == 0 ? 0 : 1;
            if (isSound != (exit == 0) && !IsJustified(exit, said + error, findings))
                disagreements.Add($"seed {seed}, {what}: e2fsck {exit}, we {(isSound ? "sound" : "damaged")}\n{findings}\n{said}{error}");
        }

        output.WriteLine($"{damaged} of {s_damages} damaged in e2fsck's eyes; the verdict is the same on "
            + $"{s_damages - disagreements.Count} of {s_damages}: {100.0 * (s_damages - disagreements.Count) / s_damages:0.0} %");
        Assert.True(disagreements.Count == 0, string.Join("\n----\n", disagreements));
        Assert.True(damaged > s_damages / 3, "too little damage was done");
    }

    // All that may differ. Where e2fsck reads a backup instead of what is damaged, it may find nothing wrong; a mount
    // reads no backup. What it finds before its first pass, and wants to fix, it forgets in its exit code: data in a
    // journal that is not marked, checksums of descriptors, features. It does not look where a log begins; the kernel
    // refuses a wrong beginning. And it compares the journal's size as a number of 32 bits with a sign.
    private static bool IsJustified(int exit, string said, string findings) =>
        said.Contains("trying backup blocks", StringComparison.Ordinal)
        || (exit == 0 && said.Split("Pass 1")[0].Contains("? no", StringComparison.Ordinal))
        || findings.Contains("its log goes from", StringComparison.Ordinal)
        || findings.Contains("is no file of a possible length", StringComparison.Ordinal)
        || findings.Contains("more blocks are free than there are", StringComparison.Ordinal)
        || findings.Contains("more inodes are free than there are", StringComparison.Ordinal);

    private static (bool IsSound, string Findings) Verdict(Ext3Image image)
    {
        try
        {
            var result = Check(image);
            return (result.IsSound, string.Join('\n', result.Findings));
        }
        catch (EngineException error)
        {
            return (false, $"{error.ErrorId}: {error.Message}");
        }
    }

    private static ExtCheckResult Check(Ext3Image image)
    {
        using var file = image.Open();
        return ExtChecker.Check(new FileWindow(file), null, TestContext.Current.CancellationToken);
    }

    private static void AssertNothing(Ext3Image image)
    {
        image.AssertClean();
        var result = Check(image);
        Assert.True(result.Findings.Count == 0, string.Join('\n', result.Findings));
        Assert.Equal((0, 0, 0), (result.ErrorCount, result.WarningCount, result.ReplayedTransactions));
    }
}
