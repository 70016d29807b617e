using System.Globalization;
using System.Text;

namespace OverlayTools;

/// <summary>Text from an image or another process, which may hold anything: made safe to show.</summary>
internal static class PrintableText
{
    /// <summary>Up to the first NUL; what is not valid UTF-8, and what would steer a terminal, becomes
    /// <c>\xNN</c> or <c>\uNNNN</c>.</summary>
    public static string Show(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        if (end >= 0)
            bytes = bytes[..end];

        var text = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var used);
            if (status != System.Buffers.OperationStatus.Done)
                Escape(text, bytes[..used]);
            else if (IsSafe(rune))
                text.Append(rune.ToString());
            else if (rune.Value < 0x80)
                Escape(text, bytes[..used]);
            else
                text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}");
            bytes = bytes[used..];
        }

        return text.ToString();
    }

    private static void Escape(StringBuilder text, ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
            text.Append(CultureInfo.InvariantCulture, $"\\x{value:X2}");
    }

    // Format characters include those that turn the writing direction around.
    private static bool IsSafe(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator);
}
