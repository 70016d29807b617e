using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>A stream to be read, that closes what it comes from.</summary>
internal sealed class OwningStream(Stream inner, IDisposable owned) : ReadOnlyStream
{
    public override bool CanSeek => inner.CanSeek;

    public override long Length => inner.Length;

    public override long Position { get => inner.Position; set => inner.Position = value; }

    public override int Read(Span<byte> buffer) => inner.Read(buffer);

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            owned.Dispose();
        }

        base.Dispose(disposing);
    }
}
