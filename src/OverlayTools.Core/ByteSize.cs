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
}
