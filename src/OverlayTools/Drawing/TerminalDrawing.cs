using System.Globalization;
using System.Text;

namespace OverlayTools.Drawing;

/// <summary>Draws a map with characters. What is said by a colour is said by the character, too.</summary>
internal static class TerminalDrawing
{
    private const int LeastWidth = 40;
    private const int MostWidth = 100;
    private const int OffsetWidth = 10;

    /// <summary>The drawing, line by line.</summary>
    /// <param name="map">What to draw.</param>
    /// <param name="width">Characters that fit on a line.</param>
    /// <param name="color">Whether colours may be used.</param>
    public static string Draw(SpaceMap map, int width, bool color)
    {
        width = Math.Clamp(width, LeastWidth, MostWidth) - 1;
        var text = new StringBuilder().AppendLine(map.Title).Append("  ").AppendLine(map.Subtitle).AppendLine();
        var columns = width - (map.Rows > 1 ? OffsetWidth + 3 : 2);
        var cells = map.Cells(columns * map.Rows);
        for (var row = 0; row < map.Rows; row++)
        {
            text.Append("  ");
            if (map.Rows > 1)
                text.Append(ByteSize.Format((long)((Int128)map.SizeBytes * row / map.Rows)).PadLeft(OffsetWidth)).Append(' ');
            Row(text, cells.GetRange(row * columns, columns), color);
            text.AppendLine();
        }

        text.AppendLine();
        if (map.ListsRanges)
            List(text, map, color);
        else
            Legend(text, map, cells.Count, color);
        return text.ToString().TrimEnd();
    }

    private static void Row(StringBuilder text, List<(SpaceKind Kind, bool IsFull)> cells, bool color)
    {
        SpaceKind? last = null;
        foreach (var (kind, isFull) in cells)
        {
            if (color && !ReferenceEquals(last, kind))
                text.Append("\u001b[").Append(kind.Color).Append('m');
            last = kind;
            text.Append(!isFull && ReferenceEquals(kind, SpaceKinds.Files) ? '▄' : kind.Symbol);
        }

        if (color)
            text.Append("\u001b[0m");
    }

    private static void List(StringBuilder text, SpaceMap map, bool color)
    {
        foreach (var range in map.Ranges)
        {
            text.Append("  ").Append(Symbol(range.Kind, color))
                .Append(range.Offset.ToString(CultureInfo.InvariantCulture).PadLeft(16))
                .Append(ByteSize.Format(range.SizeBytes).PadLeft(12)).Append("  ").AppendLine(range.Text);
        }
    }

    private static void Legend(StringBuilder text, SpaceMap map, int cells, bool color)
    {
        foreach (var (kind, size) in map.Legend)
        {
            var percent = map.SizeBytes == 0 ? 0 : 100.0 * size / map.SizeBytes;
            text.Append("  ").Append(Symbol(kind, color)).Append(' ').Append(kind.Name.PadRight(10))
                .Append(ByteSize.Format(size).PadLeft(10))
                .AppendLine(string.Create(CultureInfo.InvariantCulture, $"{percent,7:0.0}%"));
        }

        text.Append("  One character is ").Append(ByteSize.Format(Math.Max(1, map.SizeBytes / cells)))
            .AppendLine("; ▄ is less than half of one in use.");
    }

    private static string Symbol(SpaceKind kind, bool color) =>
        color ? $"\u001b[{kind.Color}m{kind.Symbol}\u001b[0m" : kind.Symbol.ToString();
}
