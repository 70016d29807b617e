using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Squashfs;

/// <summary>
/// Reads the metadata blocks that inodes, directories, ids and attributes are in: two bytes that say how long the block is
/// on disk, and up to 8 KiB when decompressed. The blocks read last are kept.
/// </summary>
internal sealed class MetadataBlocks(Window window, long end, BlockDecompressor decompressor)
{
    /// <summary>Bytes in a block, save for the last of a table (<c>SQUASHFS_METADATA_SIZE</c>).</summary>
    public const int BlockSize = 8192;

    private const int HeaderSize = 2;
    private const int PlainBit = 0x8000;
    private const int Slots = 128;

    private readonly Block?[] _kept = new Block?[Slots];
    private readonly byte[] _compressed = new byte[BlockSize];

    /// <summary>A block.</summary>
    /// <param name="Position">Where it lies.</param>
    /// <param name="Next">Where the next one lies.</param>
    /// <param name="Data">What is in it; not empty.</param>
    internal sealed record Block(long Position, long Next, byte[] Data);

    /// <summary>Reads the block at a position.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public Block Read(long position)
    {
        var slot = (int)((ulong)position * 0x9E3779B97F4A7C15 >> 57);
        if (_kept[slot] is { } kept && kept.Position == position)
            return kept;
        return _kept[slot] = ReadNew(position);
    }

    /// <summary>Starts to read in the block at a position.</summary>
    public MetadataCursor At(long position, int offset) => new(this, position, offset);

    private Block ReadNew(long position)
    {
        if (position < SquashfsSuperblock.Size || position > end - HeaderSize)
            throw SquashfsCorrupt.At("metadata block", position, $"it lies outside, since {end} bytes are in use");
        Span<byte> header = stackalloc byte[HeaderSize];
        window.Read(position, header);
        int word = BinaryPrimitives.ReadUInt16LittleEndian(header);
        var count = word & ~PlainBit;
        if (count is 0 or > BlockSize || position + HeaderSize > end - count)
            throw SquashfsCorrupt.At("metadata block", position, $"it has {count} bytes");
        if ((word & PlainBit) != 0)
        {
            var plain = new byte[count];
            window.Read(position + HeaderSize, plain);
            return new Block(position, position + HeaderSize + count, plain);
        }

        window.Read(position + HeaderSize, _compressed.AsSpan(0, count));
        var data = new byte[BlockSize];
        var length = decompressor.Decompress(_compressed, count, data, position);
        if (length == 0)
            throw SquashfsCorrupt.At("metadata block", position, "it is empty");
        return new Block(position, position + HeaderSize + count, length == BlockSize ? data : data[..length]);
    }
}
