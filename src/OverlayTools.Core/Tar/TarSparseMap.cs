using System.Text;

namespace OverlayTools.Tar;

/// <summary>Where a sparse member has data: the forms that GNU tar has had for it.</summary>
internal static class TarSparseMap
{
    private const int EntrySize = 24;
    private const int NumberSize = 12;

    /// <summary>The entries in a header of the older form, or in a block that carries it on.</summary>
    public static void AddOld(ReadOnlySpan<byte> map, List<(long Start, long Count)> entries, ReadOnlySpan<byte> member)
    {
        for (; map.Length >= EntrySize; map = map[EntrySize..])
        {
            if (map[0] == 0 && map[NumberSize] == 0)
                continue;
            if (!TarHeader.TryNumber(map[..NumberSize], out var start) || !TarHeader.TryNumber(map[NumberSize..EntrySize], out var count))
                throw TarFailure.Corrupt("its map of holes has no numbers", member);
            entries.Add((start, count));
        }
    }

    /// <summary>The entries of versions 0.0 and 0.1, which are in the extended header.</summary>
    public static List<(long Start, long Count)> FromHeader(PaxRecords pax, ReadOnlySpan<byte> member)
    {
        var entries = new List<(long Start, long Count)>();
        if (pax.Values.TryGetValue("GNU.sparse.map", out var map))
        {
            var numbers = Encoding.ASCII.GetString(map).Split(',', StringSplitOptions.RemoveEmptyEntries);
            for (var i = 0; i + 1 < numbers.Length; i += 2)
                entries.Add((Integer(Encoding.ASCII.GetBytes(numbers[i]), member), Integer(Encoding.ASCII.GetBytes(numbers[i + 1]), member)));
            return entries;
        }

        long? start = null;
        foreach (var (key, value) in pax.Sparse)
        {
            if (key == "GNU.sparse.offset")
                start = Integer(value, member);
            else if (key == "GNU.sparse.numbytes" && start is { } from)
                entries.Add((from, Integer(value, member)));
        }

        return entries;
    }

    public static long Integer(ReadOnlySpan<byte> digits, ReadOnlySpan<byte> member) =>
        PaxRecords.TryInteger(digits, out var number)
            ? number : throw TarFailure.Corrupt("its map of holes has no numbers", member);

    /// <summary>The ranges, checked: ascending, inside the file, and together as long as what is stored.</summary>
    public static List<(long Start, long End)> Check(
        List<(long Start, long Count)> entries, long length, long stored, ReadOnlySpan<byte> member)
    {
        var runs = new List<(long Start, long End)>();
        var (at, sum) = (0L, 0L);
        foreach (var (start, count) in entries)
        {
            if (start < at || count < 0 || start > length || count > length - start || count > stored - sum)
                throw TarFailure.Corrupt("its map of holes does not fit its size", member);
            at = start + count;
            sum += count;
            if (count == 0)
                continue;
            if (runs.Count > 0 && runs[^1].End == start)
                runs[^1] = (runs[^1].Start, at);
            else
                runs.Add((start, at));
        }

        return sum == stored ? runs : throw TarFailure.Corrupt("its map of holes does not fit its size", member);
    }
}
