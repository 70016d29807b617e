namespace OverlayTools.Ext;

/// <summary>
/// Which indirect blocks lead to a block of a file: 12 pointers in the inode, then one indirect, one double and one
/// triple indirect tree (kernel, <c>Documentation/filesystems/ext4/blockmap.rst</c>).
/// </summary>
internal readonly struct BlockMapMath(int blockSize)
{
    private readonly long _fan = blockSize / 4;

    /// <summary>The number of blocks that can be addressed.</summary>
    public long MaxBlocks => ExtInode.DirectCount + _fan + _fan * _fan + _fan * _fan * _fan;

    /// <summary>The most bytes of a file: its sectors, indirect blocks included, are counted in 32 bits
    /// (kernel, ext4_max_bitmap_size).</summary>
    public long MaxBytes
    {
        get
        {
            var most = uint.MaxValue / (blockSize / 512) - (1 + (1 + _fan) + (1 + _fan + _fan * _fan));
            return Math.Min(MaxBlocks, most) * blockSize;
        }
    }

    /// <summary>
    /// The path to a block. <c>Depth</c> is the number of indirect blocks on it. <c>Leaf</c> numbers the lowest of them
    /// through the file, <c>Middle</c> the next; both are -1 where the path has none.
    /// </summary>
    public (int Depth, long Leaf, long Middle, int Slot) PathTo(long logical)
    {
        if (logical < ExtInode.DirectCount)
            return (0, -1, -1, (int)logical);
        logical -= ExtInode.DirectCount;
        var leaf = logical / _fan;
        var slot = (int)(logical % _fan);
        if (leaf == 0)
            return (1, 0, -1, slot);
        var middle = (leaf - 1) / _fan;
        return (middle == 0 ? 2 : 3, leaf, middle, slot);
    }

    /// <summary>Blocks from this one on that share its lowest pointer block.</summary>
    public long RestOfLeaf(long logical) =>
        logical < ExtInode.DirectCount
            ? ExtInode.DirectCount - logical
            : _fan - (logical - ExtInode.DirectCount) % _fan;

    /// <summary>Indirect blocks that a file with these runs of blocks needs.</summary>
    public long CountIndirect(IEnumerable<(long Start, long End)> runs)
    {
        long count = 0, lastLeaf = -1, lastMiddle = -1;
        var top = false;
        foreach (var (start, end) in runs)
        {
            for (var logical = Math.Max(start, ExtInode.DirectCount); logical < end; logical += RestOfLeaf(logical))
            {
                var (depth, leaf, middle, _) = PathTo(logical);
                if (leaf != lastLeaf)
                    count++;
                if (depth > 1 && middle != lastMiddle)
                    count++;
                if (depth > 2 && !top)
                    count++;
                (lastLeaf, lastMiddle, top) = (leaf, depth > 1 ? middle : lastMiddle, top || depth > 2);
            }
        }

        return count;
    }
}
