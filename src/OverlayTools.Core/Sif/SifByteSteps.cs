using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>
/// Changes a number in the header byte by byte: one byte is what no crash can tear. Which bytes come first decides what
/// a reader may see on the way.
/// </summary>
internal static class SifByteSteps
{
    /// <summary>The way from a number to a larger one on which none is below the first: the high bytes come
    /// first.</summary>
    public static IEnumerable<long> Up(long from, long to) => Steps(from, to, [7, 6, 5, 4, 3, 2, 1, 0]);

    /// <summary>The way from a number to a smaller one on which none is below the last: the low bytes come
    /// first.</summary>
    public static IEnumerable<long> Down(long from, long to) => Steps(from, to, [0, 1, 2, 3, 4, 5, 6, 7]);

    /// <summary>The least number that is not below another, and differs from a third in one byte only.</summary>
    public static long OneByteAbove(long number, long least)
    {
        if (number >= least)
            return number;
        for (var shift = 0; shift < 63; shift += 8)
        {
            var rest = number & ~(0xFFL << shift);
            // The byte that reaches `least`, rounded up.
            var needed = (least - rest + (1L << shift) - 1) >> shift;
            if (needed is > 0 and <= (long)byte.MaxValue && (shift < 56 || needed < 128))
                return rest + (needed << shift);
        }

        throw SifFailure.InvalidValue("The image is as long as a file can be.");
    }

    /// <summary>A number with one byte of another.</summary>
    public static long WithByte(long number, long other, int index)
    {
        var mask = 0xFFL << (8 * index);
        return (number & ~mask) | (other & mask);
    }

    /// <summary>Makes one such change durable.</summary>
    /// <param name="file">The image.</param>
    /// <param name="field">Where the number is in the file.</param>
    /// <param name="from">What it is.</param>
    /// <param name="to">What it shall be.</param>
    public static void Write(Window file, int field, long from, long to)
    {
        for (var i = 0; i < sizeof(long); i++)
        {
            var value = (byte)(to >> (8 * i));
            if (value != (byte)(from >> (8 * i)))
                file.Write(field + i, [value]);
        }

        file.Flush();
    }

    private static IEnumerable<long> Steps(long from, long to, int[] order)
    {
        var at = from;
        foreach (var index in order)
        {
            var next = WithByte(at, to, index);
            if (next != at)
                yield return at = next;
        }
    }
}
