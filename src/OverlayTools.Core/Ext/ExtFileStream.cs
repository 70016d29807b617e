using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>The content of a regular file in a file system, for reading.</summary>
internal sealed class ExtFileStream(Window window, FileMap map, long length, int blockSize) : ReadOnlyStream
{
    private long _position;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value));
    }

    public override int Read(Span<byte> buffer)
    {
        if (_position >= length || buffer.IsEmpty)
            return 0;
        buffer = buffer[..(int)Math.Min(buffer.Length, length - _position)];
        var logical = _position / blockSize;
        var inside = (int)(_position % blockSize);
        // Blocks that lie side by side, or a hole, are one read.
        var (first, blocks) = map.RunAt(logical);
        var count = (int)Math.Min(buffer.Length, blocks * blockSize - inside);
        if (first == 0)
            buffer[..count].Clear();
        else
            window.Read((long)first * blockSize + inside, buffer[..count]);
        _position += count;
        return count;
    }
}
