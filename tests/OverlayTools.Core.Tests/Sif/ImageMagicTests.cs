using OverlayTools.Containers;
using OverlayTools.Overlays;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Whoever asks what a file is gets the same answer.</summary>
public sealed class ImageMagicTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("empty", null, false)]
    [InlineData("short", null, false)]
    [InlineData("squashfs", SifFileSystem.Squashfs, false)]
    [InlineData("four bytes of squashfs", SifFileSystem.Squashfs, false)]
    [InlineData("ext3", SifFileSystem.Ext3, false)]
    [InlineData("ext3 less a byte", null, false)]
    [InlineData("LUKS", SifFileSystem.EncryptedSquashfs, false)]
    [InlineData("SIF", null, true)]
    [InlineData("SIF up to its magic", null, true)]
    [InlineData("SIF less a byte of its magic", null, false)]
    [InlineData("SIF of version 02", null, true)]
    public void A_file_is_recognised_by_its_first_bytes(string kind, SifFileSystem? fileSystem, bool isSif)
    {
        var ext3 = new byte[1082];
        ext3[1080] = 0x53;
        ext3[1081] = 0xEF;
        byte[] bytes = kind switch
        {
            "short" => [0x53],
            "squashfs" => [.. "hsqs"u8, .. new byte[4092]],
            "four bytes of squashfs" => [.. "hsqs"u8],
            "ext3" => ext3,
            "ext3 less a byte" => ext3[..^1],
            "LUKS" => [.. "LUKS"u8, 0xBA, 0xBE, 0, 2],
            "SIF" => OneGroup(),
            "SIF up to its magic" => OneGroup()[..42],
            "SIF less a byte of its magic" => OneGroup()[..41],
            "SIF of version 02" => Patch(OneGroup(), 42, "02\0"u8.ToArray()),
            _ => [],
        };
        File.WriteAllBytes(_directory["file"], bytes);
        using var file = File.OpenHandle(_directory["file"]);

        Assert.Equal(isSif, OverlayCreator.IsSif(_directory["file"]));
        Assert.Equal(fileSystem, SifFileSystems.Detect(_directory["file"]));
        Assert.Equal(isSif, ImageFormats.Recognize(file, "file") == ImageFormat.Sif);
        Assert.Equal(fileSystem == SifFileSystem.Squashfs, ImageFormats.Recognize(file, "file") == ImageFormat.Squashfs);
        Assert.Equal(fileSystem == SifFileSystem.Ext3, ImageFormats.Recognize(file, "file") == ImageFormat.Ext3);
        var opened = Record.Exception(
            () => SifImage.Open(_directory["file"], TestContext.Current.CancellationToken).Dispose()) as EngineException;
        Assert.Equal(!isSif, opened?.ErrorId == ErrorIds.SifBadMagic);
    }
}
