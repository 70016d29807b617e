namespace OverlayTools.IO;

/// <summary>
/// A range of bytes that a file system or a container format lives in: a whole file, a partition inside a SIF image,
/// or memory. Positions count from the start of the window; nothing outside can be reached.
/// </summary>
public abstract class Window
{
    /// <summary>Bytes in the window.</summary>
    public abstract long Length { get; }

    /// <summary>Fills the buffer from <paramref name="position"/>.</summary>
    /// <exception cref="EndOfStreamException">The range is not wholly inside the window, or the file ends before it.</exception>
    public void Read(long position, Span<byte> buffer)
    {
        if (position < 0 || position > Length - buffer.Length)
            throw new EndOfStreamException($"{buffer.Length} bytes at {position} are outside the {Length} there are.");
        ReadCore(position, buffer);
    }

    /// <summary>Writes the bytes at <paramref name="position"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not wholly inside the window.</exception>
    public void Write(long position, ReadOnlySpan<byte> bytes)
    {
        if (position < 0 || position > Length - bytes.Length)
            throw new ArgumentOutOfRangeException(nameof(position), position, $"Outside the {Length} bytes there are.");
        WriteCore(position, bytes);
    }

    /// <summary>Where the next byte is that may differ from zero: at or after <paramref name="position"/>, or
    /// <see cref="Length"/>. A window that knows nothing of holes answers with the position itself.</summary>
    public virtual long NextData(long position) => position;

    /// <summary>Returns when all that was written is on stable storage.</summary>
    public abstract void Flush();

    /// <summary>Makes a range read as zeros, without using disk space where that can be had.</summary>
    public abstract void Clear(long position, long count);

    /// <summary>Changes the length; bytes that come into being read as zeros.</summary>
    /// <exception cref="NotSupportedException">The window is fixed inside something larger.</exception>
    public abstract void SetLength(long length);

    /// <summary>Reads a range that is known to be inside.</summary>
    protected abstract void ReadCore(long position, Span<byte> buffer);

    /// <summary>Writes a range that is known to be inside.</summary>
    protected abstract void WriteCore(long position, ReadOnlySpan<byte> bytes);
}
