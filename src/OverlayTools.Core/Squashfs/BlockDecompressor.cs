using System.IO.Compression;

namespace OverlayTools.Squashfs;

/// <summary>Decompresses the blocks of one file system.</summary>
internal sealed class BlockDecompressor(SquashfsCompression compression)
{
    /// <summary>Decompresses one block.</summary>
    /// <param name="block">A buffer that starts with it.</param>
    /// <param name="count">Its bytes.</param>
    /// <param name="into">Where it goes.</param>
    /// <param name="offset">Where the block lies, for the error.</param>
    /// <returns>Bytes that came out.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>,
    /// <see cref="ErrorIds.SquashfsUnsupported"/>.</exception>
    public int Decompress(byte[] block, int count, Span<byte> into, long offset)
    {
        try
        {
            return compression == SquashfsCompression.Gzip
                ? Inflate(block, count, into)
                : CompressionLibrary.Instance.Decompress(compression, block, count, into) ?? throw Unsupported();
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException)
        {
            throw SquashfsCorrupt.At("compressed block", offset, "it cannot be decompressed", error);
        }
    }

    private static int Inflate(byte[] block, int count, Span<byte> into)
    {
        using var source = new MemoryStream(block, 0, count, writable: false);
        using var stream = new ZLibStream(source, CompressionMode.Decompress);
        var length = stream.ReadAtLeast(into, into.Length, throwOnEndOfStream: false);
        return length < into.Length || stream.ReadByte() < 0
            ? length
            : throw new InvalidDataException("More comes out than fits.");
    }

    private EngineException Unsupported() => new(ErrorIds.SquashfsUnsupported,
        $"The squashfs file system is compressed with {Name}, which cannot be read.",
        "Unpack it with unsquashfs, and name the directory; or pack it anew with gzip or zstd.");

    private string Name => Enum.IsDefined(compression) ? compression.ToString().ToLowerInvariant() : $"method {(ushort)compression}";
}
