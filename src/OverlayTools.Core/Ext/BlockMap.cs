using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>Finds the blocks of a file; the last indirect block of each level is kept.</summary>
internal sealed class BlockMap
{
    private readonly ExtFileSystem _fileSystem;
    private readonly ExtInode _inode;
    private readonly uint _number;
    private readonly BlockMapMath _math;
    private readonly (uint At, byte[]? Bytes)[] _levels = new (uint, byte[]?)[3];

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
    }

    /// <summary>The block on disk of the file's block, or 0 for a hole.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public uint Find(long logical)
    {
        if (logical < 0 || logical >= _math.MaxBlocks)
            throw ExtCorrupt.Because($"inode {_number} has no block {logical}.");
        var (depth, leaf, middle, slot) = _math.PathTo(logical);
        if (depth == 0)
            return Checked(_inode.Pointer(slot));
        var fan = _fileSystem.Geometry.PointersPerBlock;
        var block = Checked(_inode.Pointer(11 + depth));
        if (depth == 3)
            block = Step(2, block, (int)(middle - 1));
        if (depth >= 2)
            block = Step(1, block, (int)((leaf - 1) % fan));
        return Step(0, block, slot);
    }

    private uint Step(int level, uint block, int slot)
    {
        if (block == 0)
            return 0;
        ref var cached = ref _levels[level];
        if (cached.At != block || cached.Bytes is null)
        {
            cached.Bytes ??= new byte[_fileSystem.Geometry.BlockSize];
            _fileSystem.Window.Read(_fileSystem.Geometry.OffsetOf(block), cached.Bytes);
            cached.At = block;
        }

        return Checked(BinaryPrimitives.ReadUInt32LittleEndian(cached.Bytes.AsSpan(slot * 4)));
    }

    private uint Checked(uint block)
    {
        var geometry = _fileSystem.Geometry;
        return block == 0 || (block > geometry.FirstDataBlock && block < geometry.BlocksCount)
            ? block
            : throw ExtCorrupt.Because($"inode {_number} leads to block {block}, outside the file system.");
    }
}
