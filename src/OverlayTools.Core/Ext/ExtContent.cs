namespace OverlayTools.Ext;

/// <summary>What a regular file holds, read when it is written and not before.</summary>
/// <param name="length">Bytes in all.</param>
/// <param name="open">Opens the content; disposed of after use. It can seek when there are holes.</param>
/// <param name="dataRuns">The ranges that hold data, ascending and apart, start and end in bytes; everything else is a
/// hole. Null: all is data.</param>
public sealed class ExtContent(
    long length, Func<Stream> open, IReadOnlyList<(long Start, long End)>? dataRuns = null)
{
    /// <summary>Bytes in all.</summary>
    public long Length { get; } = length >= 0 ? length : throw new ArgumentOutOfRangeException(nameof(length));

    /// <summary>The ranges that hold data.</summary>
    public IReadOnlyList<(long Start, long End)> DataRuns { get; } = Checked(dataRuns, length);

    /// <summary>The content of an empty file.</summary>
    public static ExtContent Empty { get; } = new(0, static () => Stream.Null);

    /// <summary>Content from memory.</summary>
    public static ExtContent FromBytes(byte[] bytes) => new(bytes.Length, () => new MemoryStream(bytes, writable: false));

    /// <summary>Opens the content.</summary>
    public Stream Open() => open();

    /// <summary>The data as runs of whole blocks: first block and the block after the last, ascending and
    /// apart.</summary>
    internal IEnumerable<(long Start, long End)> BlockRuns(int blockSize)
    {
        (long Start, long End) pending = (0, 0);
        foreach (var (start, end) in DataRuns)
        {
            var run = (Start: start / blockSize, End: (end + blockSize - 1) / blockSize);
            if (run.Start <= pending.End)
            {
                pending.End = Math.Max(pending.End, run.End);
                continue;
            }

            if (pending.End > pending.Start)
                yield return pending;
            pending = run;
        }

        if (pending.End > pending.Start)
            yield return pending;
    }

    private static IReadOnlyList<(long Start, long End)> Checked(IReadOnlyList<(long Start, long End)>? runs, long length)
    {
        if (runs is null)
            return length == 0 ? [] : [(0, length)];
        var at = 0L;
        foreach (var (start, end) in runs)
        {
            if (start < at || end <= start || end > length)
                throw new ArgumentException("The data runs are not ascending ranges inside the file.", nameof(runs));
            at = end;
        }

        return runs;
    }
}
