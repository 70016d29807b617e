using System.Globalization;
using OverlayTools.Sif;

namespace OverlayTools.Drawing;

/// <summary>The layout of a SIF image, to be drawn.</summary>
public sealed class SifLayoutMap
{
    private readonly SpaceMap _map;

    internal SifLayoutMap(SifImage image)
    {
        Path = image.Path;
        SizeBytes = image.Length;
        Ranges = image.Ranges;
        var objects = image.Objects.ToDictionary(found => found.Id, found => found);
        var ranges = new List<SpaceRange>();
        foreach (var range in Ranges)
        {
            var kind = KindOf(range);
            // Header and table are one thing to whoever looks at the picture.
            if (ranges.Count > 0 && ReferenceEquals(kind, SpaceKinds.Header) && ReferenceEquals(ranges[^1].Kind, kind))
                ranges[^1] = ranges[^1] with { SizeBytes = range.Offset + range.SizeBytes - ranges[^1].Offset };
            else
                ranges.Add(new SpaceRange(range.Offset, range.SizeBytes, kind, TextOf(range, kind, objects)));
        }

        var holes = Ranges.Where(range => range.Kind == SifRangeKind.Hole).ToList();
        var subtitle = string.Create(CultureInfo.InvariantCulture,
            $"{ByteSize.Format(SizeBytes)}, {Count(objects.Count, "object")}, {Count(holes.Count, "hole")}")
            + (holes.Count > 0 ? $" ({ByteSize.Format(holes.Sum(hole => hole.SizeBytes))})" : string.Empty);
        _map = new SpaceMap(Path, subtitle, SizeBytes, ranges, [], Rows: 1, ListsRanges: true);
    }

    /// <summary>The image's full path.</summary>
    public string Path { get; }

    /// <summary>Length of the file in bytes.</summary>
    public long SizeBytes { get; }

    /// <summary>What lies where.</summary>
    public IReadOnlyList<SifRange> Ranges { get; }

    /// <summary>The drawing, for a terminal.</summary>
    /// <param name="width">Characters that fit on a line.</param>
    /// <param name="color">Whether colours may be used.</param>
    public string Draw(int width, bool color) => TerminalDrawing.Draw(_map, width, color);

    /// <summary>The drawing, as an SVG document.</summary>
    public string ToSvg() => SvgDrawing.Draw(_map);

    private static SpaceKind KindOf(SifRange range) => range.Kind switch
    {
        SifRangeKind.Header or SifRangeKind.Table => SpaceKinds.Header,
        SifRangeKind.Padding => SpaceKinds.Padding,
        SifRangeKind.Hole => SpaceKinds.Hole,
        _ => SpaceKinds.Object(range.Id ?? 0),
    };

    private static string TextOf(SifRange range, SpaceKind kind, Dictionary<uint, SifObject> objects)
    {
        if (range.Id is not { } id || !objects.TryGetValue(id, out var found))
            return kind.Name;
        var sparse = range.DataBytes is { } data && data < range.SizeBytes / 2 ? $", {ByteSize.Format(data)} of data" : string.Empty;
        return string.Create(CultureInfo.InvariantCulture, $"{id} {found.TypeText}{sparse}");
    }

    private static string Count(int count, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? string.Empty : "s")}");
}
