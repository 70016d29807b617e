namespace OverlayTools.Drawing;

/// <summary>What fills a part of a drawing.</summary>
/// <param name="Name">In words, for the legend.</param>
/// <param name="Symbol">One character for the terminal.</param>
/// <param name="Color">The terminal's colour, as the parameter of an SGR sequence.</param>
/// <param name="Fill">The colour of an SVG drawing.</param>
internal sealed record SpaceKind(string Name, char Symbol, string Color, string Fill);

/// <summary>A range of a file or file system, and what fills it.</summary>
/// <param name="Offset">Its first byte.</param>
/// <param name="SizeBytes">How many bytes it has.</param>
/// <param name="Kind">What is in it.</param>
/// <param name="Text">What it is, in words.</param>
internal sealed record SpaceRange(long Offset, long SizeBytes, SpaceKind Kind, string Text);

/// <summary>The map of a file or file system, ready to be drawn: where what lies, and totals for the legend.</summary>
/// <param name="Title">What it is of.</param>
/// <param name="Subtitle">What one wants to know at once.</param>
/// <param name="SizeBytes">Bytes in all.</param>
/// <param name="Ranges">Ascending, without a gap.</param>
/// <param name="Legend">What fills how much of it.</param>
/// <param name="Rows">Rows of the picture.</param>
/// <param name="ListsRanges">Whether each range is listed below the picture.</param>
internal sealed record SpaceMap(
    string Title, string Subtitle, long SizeBytes, IReadOnlyList<SpaceRange> Ranges,
    IReadOnlyList<(SpaceKind Kind, long SizeBytes)> Legend, int Rows, bool ListsRanges)
{
    /// <summary>The picture cut into cells of equal size: what fills most of each, and whether at least half.</summary>
    /// <remarks>A range is seen in at least one cell where there are enough: a small one wins over a large one.</remarks>
    public List<(SpaceKind Kind, bool IsFull)> Cells(int count)
    {
        var cells = new List<(SpaceKind Kind, bool IsFull)>(count);
        var at = 0;
        for (var cell = 0; cell < count; cell++)
        {
            var (start, end) = (Edge(cell, count), Edge(cell + 1, count));
            var sums = new Dictionary<SpaceKind, long>();
            while (at < Ranges.Count && Ranges[at].Offset + Ranges[at].SizeBytes <= start)
                at++;
            for (var i = at; i < Ranges.Count && Ranges[i].Offset < end; i++)
            {
                var part = Math.Min(end, Ranges[i].Offset + Ranges[i].SizeBytes) - Math.Max(start, Ranges[i].Offset);
                sums[Ranges[i].Kind] = sums.GetValueOrDefault(Ranges[i].Kind) + part;
            }

            cells.Add(Dominant(sums, Math.Max(1, end - start)));
        }

        return ListsRanges ? WithSmallOnes(cells) : cells;
    }

    private long Edge(int cell, int count) => (long)((Int128)SizeBytes * cell / count);

    private static (SpaceKind Kind, bool IsFull) Dominant(Dictionary<SpaceKind, long> sums, long size)
    {
        var used = sums.Where(pair => !pair.Key.IsEmpty()).OrderByDescending(pair => pair.Value).FirstOrDefault();
        return used.Key is { } kind
            ? (kind, used.Value * 2 >= size)
            : (sums.Keys.FirstOrDefault() ?? SpaceKinds.Free, true);
    }

    private List<(SpaceKind Kind, bool IsFull)> WithSmallOnes(List<(SpaceKind Kind, bool IsFull)> cells)
    {
        if (cells.Count < Ranges.Count)
            return cells;
        foreach (var range in Ranges.Where(range => !range.Kind.IsEmpty() && cells.TrueForAll(cell => cell.Kind != range.Kind)))
        {
            var cell = (int)((Int128)range.Offset * cells.Count / Math.Max(1, SizeBytes));
            // Never in place of the only cell of another.
            while (cell < cells.Count && cells.Count(other => other.Kind == cells[cell].Kind) < 2)
                cell++;
            if (cell < cells.Count)
                cells[cell] = (range.Kind, true);
        }

        return cells;
    }
}
