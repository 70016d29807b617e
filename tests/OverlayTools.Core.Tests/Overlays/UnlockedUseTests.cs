using OverlayTools.Overlays;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>What a loop device shows, and with it every mount, is in use without a lock; what a signature covers is not
/// changed in place either.</summary>
public sealed class UnlockedUseTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    private string Image => _directory["image"];

    public static TheoryData<string> Changes => ["grow", "shrink", "rebuild", "label", "repair"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Changes))]
    public void An_image_file_behind_a_loop_device_is_left_alone(string change)
    {
        File.WriteAllBytes(Image, FileSystem());
        Refused(ErrorIds.OverlayInUse, change, 0, new FileInfo(Image).Length);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void An_embedded_overlay_behind_a_loop_device_is_left_alone(string change)
    {
        var overlay = MakeSif(signed: false);
        Refused(ErrorIds.OverlayInUse, change, overlay.Offset, overlay.SizeBytes);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void A_signed_overlay_is_left_alone(string change)
    {
        MakeSif(signed: true);
        Refused(ErrorIds.SifSigned, change);
    }

    [Fact]
    public void What_a_removal_left_is_not_written_over_while_a_loop_device_shows_it()
    {
        var overlay = MakeSif(signed: false);
        using (new LoopDevice(Image, overlay.Offset, overlay.SizeBytes))
        {
            SifEditor.Remove(Image, [2], token: TestContext.Current.CancellationToken);
            var before = File.ReadAllBytes(Image);
            var error = Assert.Throws<EngineException>(() => Add());
            Assert.Equal(ErrorIds.OverlayInUse, error.ErrorId);
            Assert.Equal(before, File.ReadAllBytes(Image));
        }

        Assert.Equal(overlay.Offset, Add().Object.Offset);
    }

    private SifAddition Add() => SifEditor.Add(Image, Sif.Samples.Generic(new byte[4096]),
        token: TestContext.Current.CancellationToken);

    private void Refused(string expected, string change, long offset = 0, long length = 0)
    {
        var before = File.ReadAllBytes(Image);
        using (length > 0 ? new LoopDevice(Image, offset, length) : null)
            Assert.Equal(expected, Assert.Throws<EngineException>(() => Change(change)).ErrorId);
        Assert.Equal(before, File.ReadAllBytes(Image));
    }

    private void Change(string change)
    {
        var token = TestContext.Current.CancellationToken;
        switch (change)
        {
            case "grow":
                OverlayResizer.Resize(Image, 12 * MiB, token: token);
                break;
            case "shrink":
                OverlayResizer.Resize(Image, 6 * MiB, token: token);
                break;
            case "rebuild":
                OverlayResizer.Resize(new OverlayResizing { Path = Image, InodeCount = 4096 }, token: token);
                break;
            case "label":
                OverlayChanger.Apply(new OverlayChange { Path = Image, Label = "mine" }, token: token);
                break;
            default:
                OverlayRepairer.Repair(Image, token: token);
                break;
        }
    }

    private SifObject MakeSif(bool signed)
    {
        var overlay = Sif.Samples.Partition(FileSystem(), SifPartitionType.Overlay, fileSystem: SifFileSystem.Ext3);
        SifNewObject[] objects = [Sif.Samples.Primary(new byte[4096]), overlay];
        SifWriter.Create(Image, Sif.Samples.Deterministic, signed ? [.. objects, Sif.Samples.SignatureOf(1)] : objects,
            token: TestContext.Current.CancellationToken);
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        return image.Find(2);
    }

    private byte[] FileSystem() => File.ReadAllBytes(Ext.Ext3Image.Made(_directory, 8 * MiB, Ext.SampleTree.Everything()).Path);

    private sealed class LoopDevice : IDisposable
    {
        private readonly string _path;

        public LoopDevice(string image, long offset, long length)
        {
            Machine.NeedRoot();
            Machine.NeedTool("losetup");
            var (exit, output, error) = Machine.Run("losetup", "-f", "--show", "-o", $"{offset}", "--sizelimit", $"{length}", image);
            Assert.SkipUnless(exit == 0, "needs a loop device: " + error);
            _path = output.Trim();
        }

        public void Dispose() => Machine.Run("losetup", "-d", _path);
    }
}
