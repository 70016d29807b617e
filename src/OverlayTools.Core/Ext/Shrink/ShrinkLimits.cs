namespace OverlayTools.Ext.Shrink;

/// <summary>How far a file system can shrink: calculation only, from the counts of its groups.</summary>
internal sealed class ShrinkLimits
{
    /// <summary>Blocks that stay free beside what is needed, so that a mount can still make a file or two.</summary>
    private const uint Slack = 16;

    private readonly ExtGeometry _old;
    private readonly bool _hasReserve;
    private readonly uint[] _metadataEnds;
    private readonly ulong _usedBlocks;
    private readonly ulong _usedInodes;

    /// <param name="old">The geometry now.</param>
    /// <param name="descriptors">The descriptors of all groups, one after another.</param>
    /// <param name="journalBlocks">Blocks of the journal.</param>
    /// <param name="hasReserve">Whether there is an inode that lists a reserve.</param>
    public ShrinkLimits(ExtGeometry old, byte[] descriptors, long journalBlocks, bool hasReserve)
    {
        _old = old;
        _hasReserve = hasReserve;
        _metadataEnds = new uint[old.GroupCount];
        for (var group = 0u; group < old.GroupCount; group++)
        {
            var descriptor = new GroupDescriptor(descriptors.AsSpan((int)group * GroupDescriptor.Size));
            var used = (long)old.BlocksIn(group) - old.OverheadIn(group) - descriptor.FreeBlocksCount;
            _usedBlocks += (ulong)Math.Max(0, used);
            _usedInodes += (ulong)Math.Max(0, (long)old.InodesPerGroup - descriptor.FreeInodesCount);
            _metadataEnds[group] = MetadataEnd(group, descriptor);
        }

        // While the journal moves, both sets of its indirect blocks exist.
        var journal = Math.Clamp(journalBlocks, 0, old.BlocksCount);
        _usedBlocks += (ulong)new BlockMapMath(old.BlockSize).CountIndirect([(0, journal)]) + Slack;
    }

    /// <summary>The fewest blocks that everything fits into: what is in use and the bookkeeping of the groups that
    /// stay, inodes for all files, and what is needed for a while during the work.</summary>
    public uint LeastBlocks()
    {
        var backups = 0u;
        for (var groups = 1u; groups <= _old.GroupCount; groups++)
        {
            var last = groups - 1;
            backups += _old.HasSuperblock(last) ? 1u : 0;
            var end = last == _old.GroupCount - 1 ? _old.BlocksCount : _old.FirstBlock(groups);
            var shape = _old.ShrinkTo(end, _hasReserve);
            var need = _old.FirstDataBlock + _usedBlocks + (ulong)groups * (2 + _old.InodeTableBlocks)
                + (ulong)backups * shape.SuperblockBlocks(0);
            if (need > end || _usedInodes > (ulong)groups * _old.InodesPerGroup)
                continue;
            return (uint)Math.Min(end, Math.Max(need, (ulong)_old.FirstBlock(last) + LeastIn(shape, last)));
        }

        return _old.BlocksCount;
    }

    /// <summary>The bytes of a file that <see cref="LeastBlocks"/> fit into; no more than there are now.</summary>
    public long LeastBytes()
    {
        var unit = Math.Max(ExtGeometry.PageSize, _old.BlockSize);
        return Math.Min(_old.SizeBytes, (_old.OffsetOf(LeastBlocks()) + unit - 1) / unit * unit);
    }

    /// <summary>The geometry that a size leads to: the file system is at most as long, and has no last group that is
    /// too small for its bookkeeping.</summary>
    /// <param name="sizeBytes">Bytes of the file; at least <see cref="LeastBytes"/>.</param>
    public ExtGeometry Target(long sizeBytes)
    {
        var unit = Math.Max(ExtGeometry.PageSize, _old.BlockSize);
        var blocks = sizeBytes / unit * unit / _old.BlockSize;
        if (blocks >= _old.BlocksCount)
            return _old;
        var target = _old.ShrinkTo((uint)Math.Max(blocks, _old.FirstDataBlock + 1), _hasReserve);
        var last = target.GroupCount - 1;
        var rest = target.BlocksIn(last);
        return last > 0 && rest != _old.BlocksIn(last) && rest < LeastIn(target, last)
            ? _old.ShrinkTo(_old.FirstBlock(last), _hasReserve)
            : target;
    }

    private uint LeastIn(ExtGeometry shape, uint group) =>
        Math.Max(shape.LeastBlocksIn(group), _metadataEnds[group]);

    // Most put a group's bitmaps and inode table at its start, but they may lie anywhere in it.
    private uint MetadataEnd(uint group, GroupDescriptor descriptor)
    {
        var first = _old.FirstBlock(group);
        var end = Math.Max(Math.Max(descriptor.BlockBitmap, descriptor.InodeBitmap) + 1UL,
            (ulong)descriptor.InodeTable + _old.InodeTableBlocks);
        return (uint)Math.Clamp((long)end - first, 0, _old.BlocksIn(group));
    }
}
