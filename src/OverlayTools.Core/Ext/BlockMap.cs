using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>Finds the blocks of a file through indirect blocks; the last of each level is kept.</summary>
internal sealed class BlockMap : FileMap
{
    private readonly ExtFileSystem _fileSystem;
    private readonly ExtInode _inode;
    private readonly uint _number;
    private readonly BlockMapMath _math;
    private readonly (uint At, byte[] Bytes)[] _levels;

    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> for extents and inline
    /// data.</exception>
    public BlockMap(ExtFileSystem fileSystem, ExtInode inode, uint number)
    {
        if ((inode.Flags & (ExtInode.ExtentsFlag | ExtInode.InlineDataFlag)) != 0)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                $"Inode {number} is stored as ext4 does (extents or inline data).",
                "Make the image with New-OverlayImage or 'mkfs.ext3', and copy the content over.");
        _fileSystem = fileSystem;
        _inode = inode;
        _number = number;
        _math = new BlockMapMath(fileSystem.Geometry.BlockSize);
        _levels = [(0, []), (0, []), (0, [])];
    }

    /// <inheritdoc/>
    public override long MaxBlocks => _math.MaxBlocks;

    private long Fan => _fileSystem.Geometry.PointersPerBlock;

    /// <summary>The block on disk of the file's block, or 0 for a hole.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public uint Find(long logical) => RunAt(logical, 1).Start;

    /// <inheritdoc/>
    public override (uint Start, long Count) RunAt(long logical) => RunAt(logical, int.MaxValue);

    // Whoever asks for one block shall not pay for the length of a run: a journal has up to 262,144.
    private (uint Start, long Count) RunAt(long logical, int most)
    {
        if (logical < 0 || logical >= _math.MaxBlocks)
            throw ExtCorrupt.Because($"inode {_number} has no block {logical}.");
        var (depth, leaf, middle, slot) = _math.PathTo(logical);
        if (depth == 0)
            return Run(_inode.Pointers[..(ExtInode.DirectCount * 4)], slot, most);
        var block = Checked(_inode.Pointer(11 + depth));
        if (block == 0)
            return (0, RestOfTree(depth, logical));
        if (depth == 3)
            block = Step(2, block, (int)(middle - 1));
        if (block == 0)
            return (0, RestOfMiddle(logical));
        if (depth >= 2)
            block = Step(1, block, (int)((leaf - 1) % Fan));
        return block == 0 ? (0, _math.RestOfLeaf(logical)) : Run(Load(0, block), slot, most);
    }

    // The rest of what one pointer of the inode leads to.
    private long RestOfTree(int depth, long logical) => depth switch
    {
        1 => _math.RestOfLeaf(logical),
        2 => ExtInode.DirectCount + Fan + Fan * Fan - logical,
        _ => _math.MaxBlocks - logical,
    };

    // The rest of what one pointer of the triple indirect block leads to.
    private long RestOfMiddle(long logical) =>
        Fan * Fan - (logical - ExtInode.DirectCount - Fan - Fan * Fan) % (Fan * Fan);

    private (uint Start, long Count) Run(ReadOnlySpan<byte> pointers, int slot, int most)
    {
        var first = Checked(BinaryPrimitives.ReadUInt32LittleEndian(pointers[(slot * 4)..]));
        var count = 1;
        for (pointers = pointers[(slot * 4 + 4)..]; pointers.Length > 0 && count < most; pointers = pointers[4..], count++)
        {
            var next = BinaryPrimitives.ReadUInt32LittleEndian(pointers);
            if (next != (first == 0 ? 0 : first + (uint)count) || (first != 0 && next >= _fileSystem.Geometry.BlocksCount))
                break;
        }

        return (first, count);
    }

    private uint Step(int level, uint block, int slot) =>
        Checked(BinaryPrimitives.ReadUInt32LittleEndian(Load(level, block).AsSpan(slot * 4)));

    private byte[] Load(int level, uint block)
    {
        ref var cached = ref _levels[level];
        if (cached.At == block)
            return cached.Bytes;
        // Most files have no indirect blocks: only here is room for one needed.
        if (cached.Bytes.Length == 0)
            cached.Bytes = new byte[_fileSystem.Geometry.BlockSize];
        cached.At = 0;
        _fileSystem.Window.Read(_fileSystem.Geometry.OffsetOf(block), cached.Bytes);
        cached.At = block;
        return cached.Bytes;
    }

    private uint Checked(uint block)
    {
        var geometry = _fileSystem.Geometry;
        return block == 0 || (block > geometry.FirstDataBlock && block < geometry.BlocksCount)
            ? block
            : throw ExtCorrupt.Because($"inode {_number} leads to block {block}, outside the file system.");
    }
}
