namespace OverlayTools.IO;

/// <summary>A fixed range of another window, for example an object in a SIF image.</summary>
public sealed class SubWindow : Window
{
    private readonly Window _outer;
    private readonly long _offset;

    /// <summary>Makes the window.</summary>
    /// <param name="outer">The window that the range is in.</param>
    /// <param name="offset">Where the range starts, in bytes.</param>
    /// <param name="length">Bytes in the range.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not wholly inside.</exception>
    public SubWindow(Window outer, long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, outer.Length - length);
        _outer = outer;
        _offset = offset;
        Length = length;
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public override long NextData(long position) =>
        Math.Min(_outer.NextData(_offset + position) - _offset, Length);

    /// <inheritdoc/>
    public override void Flush() => _outer.Flush();

    /// <inheritdoc/>
    public override void SetLength(long length) =>
        throw new NotSupportedException("A window inside a larger one has a fixed length.");

    /// <inheritdoc/>
    public override void Clear(long position, long count)
    {
        if (position < 0 || count < 0 || position > Length - count)
            throw new ArgumentOutOfRangeException(nameof(position), position, $"Outside the {Length} bytes there are.");
        _outer.Clear(_offset + position, count);
    }

    /// <inheritdoc/>
    protected override void ReadCore(long position, Span<byte> buffer) => _outer.Read(_offset + position, buffer);

    /// <inheritdoc/>
    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) =>
        _outer.Write(_offset + position, bytes);
}
