using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>
/// Finds the blocks of a file through its tree of extents (<c>struct ext4_extent_header</c> and entries; kernel,
/// <c>Documentation/filesystems/ext4/ifork.rst</c>). Checksums are not looked at.
/// </summary>
internal sealed class ExtentMap : FileMap
{
    private const ushort MagicNumber = 0xF30A;
    private const int EntrySize = 12;
    private const int MostLevels = 5;

    /// <summary>A length above this is one of blocks that were taken and never written.</summary>
    private const int MostWritten = 32768;

    private readonly ExtFileSystem _fileSystem;
    private readonly uint _number;
    private readonly byte[] _root;
    private readonly int _depth;
    private readonly (uint At, byte[] Bytes)[] _levels;

    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public ExtentMap(ExtFileSystem fileSystem, ExtInode inode, uint number)
    {
        _fileSystem = fileSystem;
        _number = number;
        _root = inode.Pointers.ToArray();
        _depth = BinaryPrimitives.ReadUInt16LittleEndian(_root.AsSpan(6));
        if (_depth > MostLevels)
            throw Corrupt($"its tree of extents claims {_depth} levels");
        _levels = new (uint, byte[])[_depth];
    }

    /// <inheritdoc/>
    public override long MaxBlocks => 1L << 32;

    /// <inheritdoc/>
    public override (uint Start, long Count) RunAt(long logical)
    {
        if (logical < 0 || logical >= MaxBlocks)
            throw Corrupt($"it has no block {logical}");
        // Where the next entry of any level begins: up to there, what is found holds.
        var end = MaxBlocks;
        var node = _root;
        for (var depth = _depth; ; depth--)
        {
            var count = EntriesIn(node, depth);
            var index = LastUpTo(node, count, logical);
            if (index + 1 < count)
                end = Math.Min(end, BlockOf(node, index + 1));
            if (index < 0)
                return (0, end - logical);
            var entry = node.AsSpan(EntrySize * (index + 1), EntrySize);
            if (depth == 0)
                return Extent(entry, logical, end);
            node = Load(depth - 1, BlockNumber(entry[4..], entry[8..]));
        }
    }

    private (uint Start, long Count) Extent(ReadOnlySpan<byte> entry, long logical, long end)
    {
        var first = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        int length = BinaryPrimitives.ReadUInt16LittleEndian(entry[4..]);
        var isWritten = length <= MostWritten;
        if (!isWritten)
            length -= MostWritten;
        if (length == 0)
            throw Corrupt("an extent is empty");
        if (logical >= first + (long)length)
            return (0, end - logical);
        var start = BlockNumber(entry[8..], entry[6..]);
        if (start + (long)length > _fileSystem.Geometry.BlocksCount)
            throw Corrupt($"{length} blocks from {start} on are outside the file system");
        var count = Math.Min(end, first + (long)length) - logical;
        return (isWritten ? start + (uint)(logical - first) : 0, count);
    }

    private uint BlockNumber(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        var block = BinaryPrimitives.ReadUInt32LittleEndian(low);
        var geometry = _fileSystem.Geometry;
        return BinaryPrimitives.ReadUInt16LittleEndian(high) == 0 && block > geometry.FirstDataBlock && block < geometry.BlocksCount
            ? block
            : throw Corrupt($"it leads to block {block}, outside the file system");
    }

    private int EntriesIn(ReadOnlySpan<byte> node, int depth)
    {
        int count = BinaryPrimitives.ReadUInt16LittleEndian(node[2..]);
        return BinaryPrimitives.ReadUInt16LittleEndian(node) == MagicNumber && count <= node.Length / EntrySize - 1
            && BinaryPrimitives.ReadUInt16LittleEndian(node[6..]) == depth
            ? count
            : throw Corrupt("its tree of extents is damaged");
    }

    // The last entry that does not begin after the block; -1 when all do.
    private static int LastUpTo(ReadOnlySpan<byte> node, int count, long logical)
    {
        var (low, high) = (-1, count);
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (BlockOf(node, middle) <= logical)
                low = middle;
            else
                high = middle;
        }

        return low;
    }

    private static long BlockOf(ReadOnlySpan<byte> node, int index) =>
        BinaryPrimitives.ReadUInt32LittleEndian(node[(EntrySize * (index + 1))..]);

    private byte[] Load(int level, uint block)
    {
        ref var cached = ref _levels[level];
        if (cached.At == block)
            return cached.Bytes;
        cached.Bytes ??= new byte[_fileSystem.Geometry.BlockSize];
        cached.At = 0;
        _fileSystem.Window.Read(_fileSystem.Geometry.OffsetOf(block), cached.Bytes);
        cached.At = block;
        return cached.Bytes;
    }

    private EngineException Corrupt(string what) =>
        ExtCorrupt.At($"inode {_number}", _fileSystem.OffsetOfInode(_number), what);
}
