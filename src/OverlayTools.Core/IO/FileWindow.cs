using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>A window on an open file. It does not own the handle.</summary>
public sealed class FileWindow : Window
{
    private const int ZeroChunk = 1 << 20;

    private readonly SafeFileHandle _file;
    private readonly long _offset;
    private readonly bool _fixed;
    private long _length;

    /// <summary>The whole file, as long as it is now; it can change its length.</summary>
    public FileWindow(SafeFileHandle file)
        : this(file, 0, RandomAccess.GetLength(file), isFixed: false)
    {
    }

    /// <summary>A fixed range of the file, for example a partition in a SIF image.</summary>
    /// <param name="file">An open file.</param>
    /// <param name="offset">Where the window starts, in bytes; not negative.</param>
    /// <param name="length">Bytes in the window; not negative.</param>
    public FileWindow(SafeFileHandle file, long offset, long length)
        : this(file, offset, length, isFixed: true)
    {
    }

    private FileWindow(SafeFileHandle file, long offset, long length, bool isFixed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        _ = checked(offset + length);
        _file = file;
        _offset = offset;
        _length = length;
        _fixed = isFixed;
    }

    /// <inheritdoc/>
    public override long Length => _length;

    /// <inheritdoc/>
    public override long NextData(long position) =>
        Lseek.NextData(_file, _offset + position) is { } data
            ? Math.Clamp(data.Start - _offset, position, _length)
            : _length;

    /// <inheritdoc/>
    public override void Flush() => Fsync.File(_file);

    /// <inheritdoc/>
    public override void SetLength(long length)
    {
        if (_fixed)
            throw new NotSupportedException("A window inside a larger file has a fixed length.");
        Ftruncate.File(_file, length);
        _length = length;
    }

    /// <inheritdoc/>
    public override void Clear(long position, long count)
    {
        if (position < 0 || count < 0 || position > _length - count)
            throw new ArgumentOutOfRangeException(nameof(position), position, $"Outside the {_length} bytes there are.");
        if (count == 0 || Fallocate.TryPunchHole(_file, _offset + position, count))
            return;

        var zeros = new byte[(int)Math.Min(count, ZeroChunk)];
        for (long done = 0; done < count; done += zeros.Length)
            WriteCore(position + done, zeros.AsSpan(0, (int)Math.Min(zeros.Length, count - done)));
    }

    /// <inheritdoc/>
    protected override void ReadCore(long position, Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var count = RandomAccess.Read(_file, buffer, _offset + position);
            if (count == 0)
                throw new EndOfStreamException($"The file ends {buffer.Length} bytes before the end of the window.");
            buffer = buffer[count..];
            position += count;
        }
    }

    /// <inheritdoc/>
    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) =>
        RandomAccess.Write(_file, bytes, _offset + position);
}
