using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>Merges a base with overlays into a new SIF image, or overlays into one. What is merged is only
/// read.</summary>
public static class OverlayMerger
{
    private const uint ImagePermissions = 0b111_101_101; // 0755, as of every SIF image

    private static readonly string[] s_squashfsEndings = [".sqfs", ".sqsh", ".sqf", ".squashfs", ".sif"];
    private static readonly string[] s_ext3Endings = [".img", ".ext3", ".image"];

    /// <summary>Merges. Until it is complete nothing is at its path, or in the SIF image.</summary>
    /// <param name="merge">What to merge.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing remains.</param>
    /// <exception cref="EngineException">As <see cref="OverlayConverter.Convert"/>;
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> for an overlay with files whose content is elsewhere
    /// (<c>metacopy</c>, <c>redirect</c>).</exception>
    public static OverlayConversionResult Merge(
        OverlayMerge merge, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var format = FormatOf(merge);
        Check(merge, format);
        var packer = format == SifFileSystem.Squashfs ? SquashfsTreePacker.Create(merge.Packing, progress, token) : null;
        var open = new List<LayerReading>();
        try
        {
            if (merge.Base is { } path)
                open.Add(LayerReading.Open(path, null, LayerRole.Base, token: token));
            var layers = open.Select(layer => layer.Root).ToList();
            foreach (var overlay in merge.Overlays.SelectMany(LayerLocation.Overlays))
            {
                open.Add(LayerReading.Open(overlay.Path, overlay.Id, LayerRole.Overlay, token: token));
                layers.Add(Normalized(open[^1], token));
            }

            if (merge.Base is null && open.Count < 2)
                throw new EngineException(ErrorIds.OptionConflict, "There is only one overlay, and no base to merge it with.",
                    "Name two overlays or more, or a base.", merge.Destination);
            var merged = new LayerMerger(layers, onBase: merge.Base is not null, token).Run();
            var result = merge.Base is null
                ? new LayerOutput
                {
                    Path = merge.Destination,
                    Format = format,
                    Packer = packer,
                    SizeBytes = merge.SizeBytes,
                    Force = merge.Force,
                    Permissions = OverlayCreator.OwnerOnly,
                    // What the lowest lies on is what all of them do.
                    BaseRecord = open[0].BaseRecord,
                }.Write(merged, merge.Destination, progress, token)
                : WriteImage(merge, merged, format, packer, progress, token);
            return LayerOutput.Describe(result, LayerSummary.Of(merged, token), Sources(merge));
        }
        finally
        {
            open.ForEach(layer => layer.Dispose());
        }
    }

    private static ExtNode Normalized(LayerReading layer, CancellationToken token)
    {
        var normalizer = new LayerNormalizer(token);
        var root = normalizer.Run(layer.Root);
        if (normalizer.Reference is { } name)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                $"In '{layer.Path}', '{name}' was renamed or changed with the kernel's options redirect_dir or metacopy: what "
                    + "belongs to it is still under its old name in the layers below.",
                "Run a container on these layers, copy that directory or file to another name and back, and merge then.", layer.Path);
        return root;
    }

    private static IReadOnlyList<string> Sources(OverlayMerge merge) =>
        [.. merge.Base is null ? [] : (string[])[merge.Base], .. merge.Overlays.Select(overlay => overlay.Path)];

    private static SifFileSystem FormatOf(OverlayMerge merge)
    {
        if (merge.Format is SifFileSystem.Squashfs or SifFileSystem.Ext3)
            return merge.Format.Value;
        if (merge.Format is { } other)
            throw new EngineException(ErrorIds.OptionConflict, $"An overlay cannot be {other}.", "Give Squashfs or Ext3.", merge.Destination);
        var ending = Path.GetExtension(merge.Destination);
        if (merge.Base is not null || s_squashfsEndings.Contains(ending, StringComparer.OrdinalIgnoreCase)
            || OverlayCreator.IsSif(merge.Destination))
            return SifFileSystem.Squashfs;
        return s_ext3Endings.Contains(ending, StringComparer.OrdinalIgnoreCase)
            ? SifFileSystem.Ext3
            : throw new EngineException(ErrorIds.OptionConflict,
                $"The name '{Path.GetFileName(merge.Destination)}' does not say whether squashfs or ext3 is meant.",
                "Give -Format Squashfs or -Format Ext3, or a name that ends with .sqfs or .img.", merge.Destination);
    }

    private static void Check(OverlayMerge merge, SifFileSystem format)
    {
        var inputs = Sources(merge);
        if (inputs.FirstOrDefault(input => LayerOutput.IsSameFile(input, merge.Destination)) is { } same)
            throw new EngineException(ErrorIds.OptionConflict, $"'{same}' is merged, and stays as it is: it cannot be the destination.",
                "Choose another name.", merge.Destination);
        if (merge.SizeBytes is not null && (format == SifFileSystem.Squashfs || merge.Base is not null))
            throw new EngineException(ErrorIds.OptionConflict, "What is read-only is as large as what is in it.",
                "Leave -SizeBytes out.", merge.Destination);
        OverlayConverter.CheckSize(merge.SizeBytes, merge.Force, merge.Destination);
    }

    private static OverlayConversionResult WriteImage(
        OverlayMerge merge, ExtNode root, SifFileSystem format, SquashfsTreePacker? packer, IProgress<EngineProgress>? progress,
        CancellationToken token)
    {
        var warnings = new List<string>();
        using var replaced = merge.Force ? OverlayCreator.HoldReplaced(merge.Destination) : null;
        // First, so that a name that is taken is not noticed after the packing.
        using var image = AtomicFile.Create(merge.Destination, ImagePermissions, merge.Force);
        using var source = OverlayCreator.IsSif(merge.Base!) ? SifImage.Open(merge.Base!, token) : null;
        using var packed = format == SifFileSystem.Squashfs
            ? AtomicFile.Create($"{image.Target}.{Guid.NewGuid():N}.squashfs", OverlayCreator.OwnerOnly, force: false)
            : null;
        if (packed is not null)
            warnings.AddRange(packer!.Pack(root, packed.Handle, packed.TemporaryPath, merge.Base!));
        using var content = packed is not null
            ? SifContent.FromFile(packed.TemporaryPath)
            : SifContent.Written(ExtSizing.SizeFor(root), (window, report, stop) =>
                ExtFormatter.Format(window, new ExtFormatOptions(), root, report, stop));
        var objects = MergedImage.Objects(source, content, format, warnings);
        var options = new SifCreateOptions
        {
            LaunchScript = source is null ? SifCreateOptions.RunSingularity : MergedImage.LaunchScript(source),
            Capacity = Math.Max(SifLayout.DefaultCapacity, objects.Count),
        };
        SifWriter.Create(new FileWindow(image.Handle), image.Target, options, objects, progress, token);
        token.ThrowIfCancellationRequested();
        image.Commit(merge.Force);
        return new OverlayConversionResult
        {
            Path = image.Target,
            FileSystem = format,
            SizeBytes = content.Length,
            Id = (uint)objects.FindIndex(added => added.Content == content) + 1,
            Warnings = warnings,
        };
    }
}
