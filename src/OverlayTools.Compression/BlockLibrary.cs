using System.Buffers.Binary;
using K4os.Compression.LZ4;
using OverlayTools.Squashfs;
using SharpCompress.Compressors.LZMA;
using SharpCompress.Compressors.Xz;
using ZstdSharp;

namespace OverlayTools.Compression;

/// <summary>The compressions that .NET lacks, by ZstdSharp, K4os.Compression.LZ4 and SharpCompress (for xz and
/// LZMA).</summary>
internal sealed class BlockLibrary : ICompressionLibrary
{
    private const int LzmaPropertiesSize = 5;
    private const int LzmaHeaderSize = LzmaPropertiesSize + 8;

    public int? Decompress(SquashfsCompression compression, byte[] block, int count, Span<byte> into)
    {
        try
        {
            return compression switch
            {
                SquashfsCompression.Zstd => Zstandard(block.AsSpan(0, count), into),
                SquashfsCompression.Lz4 => LZ4Codec.Decode(block.AsSpan(0, count), into) is var length and >= 0
                    ? length
                    : throw new InvalidDataException("The LZ4 block is damaged."),
                SquashfsCompression.Xz => Xz(block, count, into),
                SquashfsCompression.Lzma => Lzma(block, count, into),
                _ => null,
            };
        }
        // These decoders have errors of their own, and run into the bounds of their arrays where a block is damaged.
        catch (Exception error) when (error is not (InvalidDataException or OutOfMemoryException))
        {
            throw new InvalidDataException(error.Message, error);
        }
    }

    // It is large, and there are many blocks.
    [ThreadStatic]
    private static Decompressor? t_zstandard;

    private static int Zstandard(ReadOnlySpan<byte> block, Span<byte> into) =>
        (t_zstandard ??= new Decompressor()).Unwrap(block, into);

    // The old format of .lzma files: a byte of properties, four of the dictionary's size, and eight of the bytes that come
    // out (squashfs-tools, lzma_wrapper.c, LZMA_HEADER_SIZE).
    private static int Lzma(byte[] block, int count, Span<byte> into)
    {
        if (count < LzmaHeaderSize)
            throw new InvalidDataException("The LZMA block has no header.");
        var length = BinaryPrimitives.ReadInt64LittleEndian(block.AsSpan(LzmaPropertiesSize));
        if (length < 0 || length > into.Length)
            throw new InvalidDataException("More comes out than fits.");
        using var source = new MemoryStream(block, LzmaHeaderSize, count - LzmaHeaderSize, writable: false);
        using var stream = LzmaStream.Create(block[..LzmaPropertiesSize], source, count - LzmaHeaderSize, length, leaveOpen: true);
        stream.ReadExactly(into[..(int)length]);
        return (int)length;
    }

    private static int Xz(byte[] block, int count, Span<byte> into)
    {
        using var source = new MemoryStream(block, 0, count, writable: false);
        using var stream = new XZStream(source);
        var length = stream.ReadAtLeast(into, into.Length, throwOnEndOfStream: false);
        return length < into.Length || stream.ReadByte() < 0
            ? length
            : throw new InvalidDataException("More comes out than fits.");
    }
}
