using System.Globalization;
using System.Security;
using System.Text;

namespace OverlayTools.Drawing;

/// <summary>Draws a map as SVG: a picture of its own, with words for who does not see the colours.</summary>
internal static class SvgDrawing
{
    private const int Width = 760;
    private const int Margin = 20;
    private const int Columns = 90;
    private const int BarHeight = 36;
    private const int CellHeight = 16;
    private const int LineHeight = 20;
    private const int MostListed = 48;

    /// <summary>The drawing, a whole SVG document.</summary>
    public static string Draw(SpaceMap map)
    {
        var body = new StringBuilder();
        var y = 34;
        Text(body, Margin, y, map.Title, "t");
        y += LineHeight;
        Text(body, Margin, y, map.Subtitle, "s");
        y += 14;
        y = map.ListsRanges ? Bar(body, map, y) : Grid(body, map, y);
        y += LineHeight + 6;
        foreach (var (kind, size, words) in Lines(map))
        {
            Rect(body, Margin, y - 11, 12, 12, kind.Fill);
            Text(body, Margin + 20, y, words, "l");
            Text(body, Width - Margin, y, ByteSize.Format(size), "n");
            y += LineHeight;
        }

        return string.Create(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{y}" viewBox="0 0 {Width} {y}" role="img">
            <title>{Escape(map.Title)}</title>
            <desc>{Escape(map.Subtitle)}</desc>
            <style>
            text {"{"} font-family: system-ui, sans-serif; font-size: 13px; fill: #24292f {"}"}
            .t {"{"} font-size: 15px; font-weight: 600 {"}"}
            .n {"{"} text-anchor: end; font-variant-numeric: tabular-nums {"}"}
            @media (prefers-color-scheme: dark) {"{"} text {"{"} fill: #d7dde3 {"}"} {"}"}
            </style>
            {body.ToString().TrimEnd()}
            </svg>

            """);
    }

    private static int Bar(StringBuilder body, SpaceMap map, int y)
    {
        const int inner = Width - 2 * Margin;
        var cells = map.Cells(inner);
        for (var at = 0; at < cells.Count;)
        {
            var end = at;
            while (end < cells.Count && cells[end].Kind == cells[at].Kind)
                end++;
            Rect(body, Margin + at, y, end - at, BarHeight, cells[at].Kind.Fill);
            at = end;
        }

        return y + BarHeight;
    }

    private static int Grid(StringBuilder body, SpaceMap map, int y)
    {
        const int inner = Width - 2 * Margin;
        var cells = map.Cells(Columns * map.Rows);
        for (var row = 0; row < map.Rows; row++)
        {
            for (var at = 0; at < Columns;)
            {
                var end = at;
                while (end < Columns && cells[row * Columns + end] == cells[row * Columns + at])
                    end++;
                var (kind, isFull) = cells[row * Columns + at];
                var (left, right) = (Margin + inner * at / Columns, Margin + inner * end / Columns);
                Rect(body, left, y + row * CellHeight, right - left, CellHeight - 2, kind.Fill, isFull ? 1 : 0.45);
                at = end;
            }
        }

        return y + map.Rows * CellHeight;
    }

    private static IEnumerable<(SpaceKind Kind, long SizeBytes, string Words)> Lines(SpaceMap map)
    {
        if (!map.ListsRanges)
            return map.Legend.Select(part => (part.Kind, part.SizeBytes, part.Kind.Name));
        var listed = map.Ranges.Take(MostListed)
            .Select(range => (range.Kind, range.SizeBytes, string.Create(CultureInfo.InvariantCulture, $"{range.Text}, at {range.Offset}")));
        return map.Ranges.Count <= MostListed
            ? listed
            : listed.Append((SpaceKinds.Padding, map.Ranges.Skip(MostListed).Sum(range => range.SizeBytes),
                string.Create(CultureInfo.InvariantCulture, $"{map.Ranges.Count - MostListed} more")));
    }

    private static void Rect(StringBuilder body, int x, int y, int width, int height, string fill, double opacity = 1) =>
        body.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"")
            .Append(opacity < 1 ? string.Create(CultureInfo.InvariantCulture, $" opacity=\"{opacity}\"") : string.Empty).AppendLine("/>");

    private static void Text(StringBuilder body, int x, int y, string text, string style) =>
        body.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{x}\" y=\"{y}\" class=\"{style}\">{Escape(text)}</text>");

    // What XML has no place for, a file name may have.
    private static string Escape(string text) =>
        SecurityElement.Escape(string.Concat(text.Where(character => !char.IsControl(character) && !char.IsSurrogate(character))));
}
