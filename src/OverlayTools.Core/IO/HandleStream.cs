using Microsoft.Win32.SafeHandles;

namespace OverlayTools.IO;

/// <summary>
/// Reads a regular file from its start on, and owns the handle. <see cref="FileStream"/> asks for the position and the
/// kind of a file before it reads, which for a small one takes longer than the reading.
/// </summary>
internal sealed class HandleStream(SafeFileHandle file) : ReadOnlyStream
{
    public override long Length => RandomAccess.GetLength(file);

    public override long Position { get; set; }

    public override int Read(Span<byte> buffer)
    {
        var count = RandomAccess.Read(file, buffer, Position);
        Position += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            file.Dispose();
        base.Dispose(disposing);
    }
}
