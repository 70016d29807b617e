using System.Globalization;

namespace OverlayTools;

/// <summary>Sizes for people: <c>64 MiB</c>, <c>1.5 GiB</c>.</summary>
public static class ByteSize
{
    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>The size with the largest unit that leaves a number of at least 1, to one decimal where it has one.</summary>
    /// <param name="bytes">Bytes.</param>
    public static string Format(long bytes)
    {
        var value = (double)bytes;
        var unit = 0;
        while (Math.Abs(value) >= 1024 && unit < s_units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {s_units[unit]}");
    }

    /// <summary>Reads a size as people write it: <c>1073741824</c>, <c>1GiB</c>, <c>1GB</c>, <c>500M</c>, <c>1.5T</c>.
    /// Every unit is a power of 1024, as PowerShell's <c>1GB</c> and Apptainer's and resize2fs's <c>M</c> are.</summary>
    /// <param name="text">The text.</param>
    /// <param name="bytes">Whole bytes; a fraction of one is dropped.</param>
    /// <returns>False for what is no size, or not below 8 EiB.</returns>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        text = text.Trim();
        var digits = text.AsSpan().IndexOfAnyExcept("0123456789.");
        var number = digits < 0 ? text : text[..digits];
        var unit = (digits < 0 ? string.Empty : text[digits..].Trim()).ToUpperInvariant();
        if (Exponent(unit) is not { } exponent
            || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            || value >= long.MaxValue)
            return false;
        for (var i = 0; i < exponent; i++)
        {
            value *= 1024;
            if (value >= long.MaxValue)
                return false;
        }

        bytes = (long)value;
        return true;
    }

    private static int? Exponent(string unit)
    {
        if (unit is "" or "B")
            return 0;
        var exponent = "BKMGTPE".IndexOf(unit[0], StringComparison.Ordinal);
        return exponent > 0 && unit[1..] is ("" or "B" or "IB") ? exponent : null;
    }
}
