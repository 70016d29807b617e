using System.Globalization;
using System.Text;

namespace OverlayTools.Sif;

/// <summary>Text from an image, which may hold anything: made safe to show.</summary>
internal static class SifText
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

    /// <summary>The bytes without the NULs at their end.</summary>
    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> field) => field.TrimEnd((byte)0);

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
