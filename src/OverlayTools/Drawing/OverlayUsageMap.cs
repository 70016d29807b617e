using System.Globalization;
using OverlayTools.Overlays;

namespace OverlayTools.Drawing;

/// <summary>What the space of an overlay image is used for, to be drawn.</summary>
public sealed class OverlayUsageMap
{
    private const int Rows = 8;

    private readonly SpaceMap _map;

    internal OverlayUsageMap(OverlayUsage usage)
    {
        Usage = usage;
        var subtitle = string.Create(CultureInfo.InvariantCulture,
            $"{ByteSize.Format(usage.SizeBytes)}, {usage.GroupCount} group{(usage.GroupCount == 1 ? "" : "s")}, {usage.InodeCount - usage.FreeInodeCount} of {usage.InodeCount} inodes in use");
        _map = new SpaceMap(usage.Id is { } id ? string.Create(CultureInfo.InvariantCulture, $"{Path}, object {id}") : Path,
            subtitle, usage.SizeBytes, [.. usage.Parts.SelectMany(RangesOf)],
            [
                (SpaceKinds.Metadata, usage.MetadataBytes), (SpaceKinds.Journal, usage.JournalBytes),
                (SpaceKinds.Files, usage.FileBytes), (SpaceKinds.Free, usage.FreeBytes),
            ], Rows, ListsRanges: false);
    }

    /// <summary>The image, or the SIF image that it is in.</summary>
    public string Path => Usage.Path;

    /// <summary>The partition of a SIF image; null for a file of its own.</summary>
    public uint? Id => Usage.Id;

    /// <summary>The numbers.</summary>
    public OverlayUsage Usage { get; }

    /// <summary>The drawing, for a terminal.</summary>
    /// <param name="width">Characters that fit on a line.</param>
    /// <param name="color">Whether colours may be used.</param>
    public string Draw(int width, bool color) => TerminalDrawing.Draw(_map, width, color);

    /// <summary>The drawing, as an SVG document.</summary>
    public string ToSvg() => SvgDrawing.Draw(_map);

    // Where things lie inside a part does not show.
    private static IEnumerable<SpaceRange> RangesOf(OverlayUsagePart part)
    {
        var at = part.Offset;
        foreach (var (kind, size) in new[]
        {
            (SpaceKinds.Metadata, part.MetadataBytes), (SpaceKinds.Journal, part.JournalBytes),
            (SpaceKinds.Files, part.FileBytes), (SpaceKinds.Free, part.FreeBytes),
        })
        {
            if (size == 0)
                continue;
            yield return new SpaceRange(at, size, kind, kind.Name);
            at += size;
        }
    }
}
