using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>
/// Seals overlays, ext3 or a directory becoming squashfs, and makes squashfs writable again. Of an overlay, what is in
/// <c>upper</c> is the root of the squashfs: that is what runtimes mount as a layer. The source is only read.
/// </summary>
public static class OverlayConverter
{
    /// <summary>Converts one overlay. Until it is complete nothing is at its path, or in the SIF image.</summary>
    /// <param name="conversion">What to convert.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing remains.</param>
    /// <exception cref="EngineException">As <see cref="LayerReading.Open"/>, <see cref="SifDestination.Check"/>;
    /// <see cref="ErrorIds.OverlayAlreadyExists"/>, <see cref="ErrorIds.OptionConflict"/>,
    /// <see cref="ErrorIds.RuntimeNotFound"/> when no program packs squashfs, <see cref="ErrorIds.HelperFailed"/>,
    /// <see cref="ErrorIds.OverlaySizeTooSmall"/>, <see cref="ErrorIds.OverlayFull"/>.</exception>
    public static OverlayConversionResult Convert(
        OverlayConversion conversion, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var format = FormatOf(conversion);
        CheckOptions(conversion, format);
        var packer = format == SifFileSystem.Squashfs ? SquashfsTreePacker.Create(conversion.Packing, progress, token) : null;
        var isSif = OverlayCreator.IsSif(conversion.Destination);
        // What is read and what is written then is the same file, which has one lock.
        var isSame = isSif && LayerOutput.IsSameFile(conversion.Path, conversion.Destination);
        if (conversion.Replace && !isSame)
            throw new EngineException(ErrorIds.OptionConflict,
                $"There is nothing to replace: '{conversion.Path}' is not the SIF image that the overlay goes into.",
                "Leave -Replace out, or give the SIF image that has the overlay as the destination.", conversion.Path);
        var wanted = conversion.Format is null ? default(SifFileSystem?)
            : format == SifFileSystem.Ext3 ? SifFileSystem.Squashfs : SifFileSystem.Ext3;
        using var source = LayerReading.Open(conversion.Path, conversion.Id, LayerRole.Overlay, wanted, isSame, token);
        var normalizer = new LayerNormalizer(token);
        var layer = normalizer.Run(source.Root);
        var output = new LayerOutput
        {
            Path = conversion.Destination,
            Format = format,
            Packer = packer,
            SizeBytes = conversion.SizeBytes,
            Force = conversion.Force,
            Permissions = source.File is null ? OverlayCreator.OwnerOnly : Statx.Of(source.File, source.Path).Permissions & 0x1B6,
            BaseRecord = source.BaseRecord,
            Shared = isSame ? source : null,
            ReplacedId = conversion.Replace ? source.Id : null,
        };
        var result = output.Write(layer, conversion.Path, progress, token);
        return LayerOutput.Describe(result, normalizer.Summary, [conversion.Path]);
    }

    /// <summary>The file in a directory that a conversion makes: named as its source, with the ending of its
    /// format.</summary>
    /// <exception cref="EngineException">As <see cref="Convert"/>, for a source of no known kind.</exception>
    public static string NameIn(string directory, OverlayConversion conversion)
    {
        var ending = FormatOf(conversion) == SifFileSystem.Squashfs ? ".sqfs" : ".img";
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(conversion.Path));
        return Path.Combine(directory, (Directory.Exists(conversion.Path) ? name : Path.GetFileNameWithoutExtension(name)) + ending);
    }

    // The one that the source is not.
    private static SifFileSystem FormatOf(OverlayConversion conversion)
    {
        if (conversion.Format is SifFileSystem.Squashfs or SifFileSystem.Ext3)
            return conversion.Format.Value;
        if (conversion.Format is { } other)
            throw new EngineException(ErrorIds.OptionConflict, $"An overlay cannot be {other}.", "Give Squashfs or Ext3.", conversion.Path);
        if (Directory.Exists(conversion.Path))
            return SifFileSystem.Squashfs;
        using var file = OverlayFile.OpenExisting(conversion.Path, Native.Open.ReadOnly);
        var (_, found) = LayerLocation.Find(file, conversion.Path, conversion.Id, LayerRole.Overlay, null);
        return found == SifFileSystem.Squashfs ? SifFileSystem.Ext3 : SifFileSystem.Squashfs;
    }

    private static void CheckOptions(OverlayConversion conversion, SifFileSystem format)
    {
        if (format == SifFileSystem.Squashfs && conversion.SizeBytes is not null)
            throw new EngineException(ErrorIds.OptionConflict, "A squashfs is as large as what is in it.",
                "Leave -SizeBytes out.", conversion.Path);
        CheckSize(conversion.SizeBytes, conversion.Force, conversion.Path);
    }

    /// <summary>Refuses an ext3 overlay that is too small.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlaySizeTooSmall"/>.</exception>
    internal static void CheckSize(long? size, bool force, string path)
    {
        if (size is { } bytes && bytes < OverlayCreation.LeastSizeBytes && (bytes < 1 || !force))
            throw new EngineException(ErrorIds.OverlaySizeTooSmall, $"An overlay of {ByteSize.Format(bytes)} is too small.",
                $"Give a size of at least {ByteSize.Format(OverlayCreation.LeastSizeBytes)}{(bytes < 1 ? "" : ", or -Force")}.", path);
    }
}
