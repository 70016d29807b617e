namespace OverlayTools.IO;

/// <summary>
/// Joins small writes, each of which begins where the one before it ended, into larger ones, and lets
/// them begin their way to the disk. The order of what is written stays; <see cref="Drain"/> has to follow the last.
/// </summary>
internal sealed class GatheringWindow(Window inner) : Window
{
    private const int StartEach = 8 << 20;

    // Below the size at which .NET puts an array where only a full collection frees it.
    private readonly byte[] _pending = new byte[1 << 16];
    private long _start;
    private int _used;
    private long _least = long.MaxValue;
    private long _end;
    private long _unsent;

    /// <inheritdoc/>
    public override long Length => inner.Length;

    /// <summary>Passes on what is pending.</summary>
    public void Drain()
    {
        if (_used > 0)
            Pass(_start, _pending.AsSpan(0, _used));
        _used = 0;
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        Drain();
        inner.Flush();
    }

    /// <inheritdoc/>
    public override void Clear(long position, long count)
    {
        Drain();
        inner.Clear(position, count);
    }

    /// <inheritdoc/>
    public override void SetLength(long length)
    {
        Drain();
        inner.SetLength(length);
    }

    /// <inheritdoc/>
    protected override void ReadCore(long position, Span<byte> buffer)
    {
        Drain();
        inner.Read(position, buffer);
    }

    /// <inheritdoc/>
    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes)
    {
        if (position != _start + _used || bytes.Length > _pending.Length - _used)
            Drain();
        if (bytes.Length > _pending.Length / 2 && _used == 0)
        {
            Pass(position, bytes);
            return;
        }

        if (_used == 0)
            _start = position;
        bytes.CopyTo(_pending.AsSpan(_used));
        _used += bytes.Length;
    }

    // The disk works while the next files are read, and not only when all of them are there.
    private void Pass(long position, ReadOnlySpan<byte> bytes)
    {
        inner.Write(position, bytes);
        _unsent += bytes.Length;
        (_least, _end) = (Math.Min(_least, position), Math.Max(_end, position + bytes.Length));
        if (_unsent < StartEach)
            return;
        // What is scattered takes the kernel as long to begin as to finish.
        if (_end - _least <= 4 * _unsent)
            inner.StartFlush(_least, _end - _least);
        (_unsent, _least, _end) = (0, long.MaxValue, 0);
    }
}
