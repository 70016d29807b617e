using OverlayTools.IO;

namespace OverlayTools.Tar;

/// <summary>The content of a member; holes, of which nothing is stored, read as zeros.</summary>
internal sealed class TarContentStream : ReadOnlyStream
{
    private readonly TarContentStore _store;
    private readonly (long Start, long End, long At)[] _runs;
    private long _position;

    public TarContentStream(TarContentStore store, TarMember member)
    {
        _store = store;
        Length = member.Length;
        var at = member.StoredAt;
        _runs = [.. (member.Runs ?? [(0, member.Length)]).Select(run =>
        {
            var found = (run.Start, run.End, at);
            at += run.End - run.Start;
            return found;
        })];
    }

    public override long Length { get; }

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value));
    }

    public override int Read(Span<byte> buffer)
    {
        buffer = buffer[..(int)Math.Clamp(Length - _position, 0, buffer.Length)];
        if (buffer.IsEmpty)
            return 0;
        var (start, end, at) = RunAfter(_position);
        int count;
        if (_position < start)
        {
            count = (int)Math.Min(buffer.Length, start - _position);
            buffer[..count].Clear();
        }
        else
        {
            buffer = buffer[..(int)Math.Min(buffer.Length, end - _position)];
            count = _store.ReadKept(at + (_position - start), buffer);
        }

        _position += count;
        return count;
    }

    // The run that holds the position, or the next; behind all of them, an empty one at the end.
    private (long Start, long End, long At) RunAfter(long position)
    {
        var (low, high) = (0, _runs.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_runs[middle].End > position)
                high = middle;
            else
                low = middle + 1;
        }

        return low < _runs.Length ? _runs[low] : (Length, Length, 0);
    }
}
