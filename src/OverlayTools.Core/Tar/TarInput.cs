using System.IO.Compression;

namespace OverlayTools.Tar;

/// <summary>An archive as it comes: plain, or compressed by gzip; a file, or a pipe.</summary>
internal static class TarInput
{
    private const int PeekSize = 6;

    private static readonly (byte[] Magic, string Program)[] s_compressors =
    [
        ([0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0], "xz"), ([(byte)'B', (byte)'Z', (byte)'h'], "bzip2"),
        ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0x04, 0x22, 0x4D, 0x18], "lz4"),
    ];

    /// <summary>The archive uncompressed. The caller keeps what it gave.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.TarUnsupported"/> for another compression, naming
    /// it.</exception>
    public static Stream Uncompressed(Stream stream)
    {
        var start = new byte[PeekSize];
        var at = stream.CanSeek ? stream.Position : 0;
        var count = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (stream.CanSeek)
            stream.Position = at;
        else
            stream = new Continued(start.AsMemory(0, count), stream);
        foreach (var (magic, program) in s_compressors)
        {
            if (start.AsSpan().StartsWith(magic))
                throw TarFailure.Unsupported($"it is compressed by {program}; decompress it first");
        }

        return start is [0x1F, 0x8B, ..] ? new GZipStream(stream, CompressionMode.Decompress, leaveOpen: true) : stream;
    }

    /// <summary>A pipe whose first bytes were read already.</summary>
    private sealed class Continued(ReadOnlyMemory<byte> start, Stream rest) : Stream
    {
        private ReadOnlyMemory<byte> _start = start;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            if (_start.IsEmpty)
                return rest.Read(buffer);
            var count = Math.Min(buffer.Length, _start.Length);
            _start.Span[..count].CopyTo(buffer);
            _start = _start[count..];
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
