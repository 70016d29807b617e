using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Sif;

/// <summary>What a range of an image's bytes is for.</summary>
public enum SifRangeKind
{
    /// <summary>The global header.</summary>
    Header,

    /// <summary>The descriptor table.</summary>
    Table,

    /// <summary>An object's data.</summary>
    Object,

    /// <summary>What lies in front of something that has to be aligned.</summary>
    Padding,

    /// <summary>Nobody's: what a deletion, a table that moved or a crash left. <c>Optimize-SifImage</c> reclaims
    /// it.</summary>
    Hole,
}

/// <summary>A range of an image's bytes.</summary>
/// <param name="Kind">What it is for.</param>
/// <param name="Offset">Its first byte in the file.</param>
/// <param name="SizeBytes">How many bytes it has.</param>
/// <param name="Id">The object's id; null for anything else.</param>
/// <param name="DataBytes">How many of them are data and not a hole of the file; null where that is not known.</param>
public sealed record SifRange(SifRangeKind Kind, long Offset, long SizeBytes, uint? Id = null, long? DataBytes = null)
{
    private long End => Offset + SizeBytes;

    /// <summary>For example <c>Object 1: 32768-1073152</c>, the second number being the first byte after it.</summary>
    public override string ToString() => $"{Kind}{(Id is { } id ? $" {id}" : string.Empty)}: {Offset}-{End}";

    /// <summary>The whole file, cut into ranges; an object with a fault, or within another, is left out.</summary>
    internal static IReadOnlyList<SifRange> Of(SifImage image, SafeFileHandle? file)
    {
        var used = image.Objects.Where(o => o.PlaceFault is null && o.SizeBytes > 0)
            .Select(o => (Range: new SifRange(SifRangeKind.Object, o.Offset, o.SizeBytes, o.Id),
                Alignment: SifCompactLayout.AlignmentOf(o)))
            .Append((Range: new SifRange(SifRangeKind.Header, 0, SifHeader.Size), Alignment: 1))
            .Append((Range: new SifRange(
                SifRangeKind.Table, image.Header.DescriptorsOffset, image.Header.DescriptorsSize),
                Alignment: SifLayout.DescriptorsOffset))
            .OrderBy(part => part.Range.Offset).ThenByDescending(part => part.Range.SizeBytes);
        var ranges = new List<SifRange>();
        long end = 0;
        foreach (var (range, alignment) in used)
        {
            if (range.Offset < end || range.SizeBytes == 0)
                continue;
            if (range.Offset > end)
                ranges.Add(new SifRange(
                    range.Offset - end < alignment ? SifRangeKind.Padding : SifRangeKind.Hole, end, range.Offset - end));
            ranges.Add(range);
            end = range.End;
        }

        if (image.Length > end)
            ranges.Add(new SifRange(SifRangeKind.Hole, end, image.Length - end));
        return file is null ? ranges : [.. ranges.Select(range => range with { DataBytes = Data(file, range) })];
    }

    private static long Data(SafeFileHandle file, SifRange range)
    {
        long data = 0;
        for (var at = range.Offset; at < range.End && Lseek.NextData(file, at) is { } run && run.Start < range.End; at = run.End)
            data += Math.Min(run.End, range.End) - run.Start;
        return data;
    }
}
