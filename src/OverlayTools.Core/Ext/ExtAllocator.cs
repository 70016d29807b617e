namespace OverlayTools.Ext;

/// <summary>
/// Which blocks and inodes are in use, group by group. Bitmaps come into being when a group is first touched, from a
/// source that the owner gives: an empty file system's, or the ones on disk.
/// </summary>
internal sealed class ExtAllocator
{
    private readonly ExtGeometry _geometry;
    private readonly Load _loadBlocks;
    private readonly Load _loadInodes;
    private readonly byte[]?[] _blocks;
    private readonly byte[]?[] _inodes;
    private readonly GroupCounts[] _counts;
    private uint _next;

    /// <param name="geometry">Where the groups are.</param>
    /// <param name="counts">Free and used counts of each group; changed in place.</param>
    /// <param name="loadBlocks">Reads a group's block bitmap.</param>
    /// <param name="loadInodes">Reads a group's inode bitmap.</param>
    public ExtAllocator(ExtGeometry geometry, GroupCounts[] counts, Load loadBlocks, Load loadInodes)
    {
        _geometry = geometry;
        _counts = counts;
        _loadBlocks = loadBlocks;
        _loadInodes = loadInodes;
        _blocks = new byte[]?[counts.Length];
        _inodes = new byte[]?[counts.Length];
        _next = geometry.FirstDataBlock;
    }

    /// <summary>Reads a bitmap of a group.</summary>
    /// <param name="group">Which group's.</param>
    /// <param name="bitmap">One block, to fill whole.</param>
    public delegate void Load(uint group, Span<byte> bitmap);

    /// <summary>What is left in a group.</summary>
    public struct GroupCounts
    {
        public uint FreeBlocks;
        public uint FreeInodes;
        public uint Directories;
    }

    /// <summary>The counts of all groups.</summary>
    public ReadOnlySpan<GroupCounts> Counts => _counts;

    public uint FreeBlocks => Sum(static c => c.FreeBlocks);

    public uint FreeInodes => Sum(static c => c.FreeInodes);

    /// <summary>The allocator of a file system in which nothing but the bookkeeping is in use.</summary>
    public static ExtAllocator ForEmpty(ExtGeometry geometry)
    {
        var counts = new GroupCounts[geometry.GroupCount];
        for (var group = 0u; group < counts.Length; group++)
        {
            counts[group].FreeBlocks = geometry.BlocksIn(group) - geometry.OverheadIn(group);
            counts[group].FreeInodes = geometry.InodesPerGroup;
        }

        return new ExtAllocator(geometry, counts,
            (group, bitmap) => FillEmptyBlocks(geometry, group, bitmap), (_, bitmap) => FillEmptyInodes(geometry, bitmap));
    }

    /// <summary>The block bitmap of a group that holds its bookkeeping only; bits past the group's end are
    /// set.</summary>
    public static byte[] EmptyBlockBitmap(ExtGeometry geometry, uint group)
    {
        var bitmap = new byte[geometry.BlockSize];
        FillEmptyBlocks(geometry, group, bitmap);
        return bitmap;
    }

    /// <summary>The inode bitmap of an empty group; bits past the group's inodes are set.</summary>
    public static byte[] EmptyInodeBitmap(ExtGeometry geometry)
    {
        var bitmap = new byte[geometry.BlockSize];
        FillEmptyInodes(geometry, bitmap);
        return bitmap;
    }

    public byte[] BlockBitmap(uint group) => _blocks[group] ??= Loaded(_loadBlocks, group);

    public byte[] InodeBitmap(uint group) => _inodes[group] ??= Loaded(_loadInodes, group);

    /// <summary>Copies the bitmaps of a group. One that nobody touched is not kept: at 1 TiB all of them have 64
    /// MiB.</summary>
    public void CopyBitmaps(uint group, Span<byte> blocks, Span<byte> inodes)
    {
        Copy(_blocks[group], _loadBlocks, group, blocks);
        Copy(_inodes[group], _loadInodes, group, inodes);
    }

    /// <summary>Takes a run of free blocks, after the last run taken where there are any.</summary>
    /// <param name="most">The longest run that is of use; at least 1.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/>.</exception>
    public (uint Start, uint Count) TakeBlocks(uint most)
    {
        var start = _next < _geometry.BlocksCount ? _geometry.GroupOf(_next) : 0;
        var from = _next < _geometry.BlocksCount ? _next - _geometry.FirstBlock(start) : 0;
        // Once more round to the first group again: its front part was not looked at.
        for (var step = 0u; step <= _counts.Length; step++, from = 0)
        {
            var group = (start + step) % (uint)_counts.Length;
            if (_counts[group].FreeBlocks == 0)
                continue;
            var size = _geometry.BlocksIn(group);
            var bitmap = BlockBitmap(group);
            var first = ExtBitmap.FirstClear(bitmap, from, size);
            if (first == size)
                continue;
            var end = ExtBitmap.FirstSet(bitmap, first, Math.Min(size, first + Math.Min(most, size)));
            ExtBitmap.Fill(bitmap, first, end, true);
            _counts[group].FreeBlocks -= end - first;
            var block = _geometry.FirstBlock(group) + first;
            _next = block + (end - first);
            return (block, end - first);
        }

        throw new EngineException(ErrorIds.OverlayFull, "No block of the file system is free.", "Use a larger image.");
    }

    /// <summary>Makes the next run that is taken start at or after the beginning of a group.</summary>
    public void GoTo(uint group) => _next = _geometry.FirstBlock(group);

    /// <summary>Marks an inode as used.</summary>
    public void TakeInode(uint inode, bool isDirectory)
    {
        var group = (inode - 1) / _geometry.InodesPerGroup;
        var bit = (inode - 1) % _geometry.InodesPerGroup;
        ExtBitmap.Fill(InodeBitmap(group), bit, bit + 1, true);
        _counts[group].FreeInodes--;
        if (isDirectory)
            _counts[group].Directories++;
    }

    private static void FillEmptyBlocks(ExtGeometry geometry, uint group, Span<byte> bitmap)
    {
        bitmap.Clear();
        ExtBitmap.Fill(bitmap, 0, geometry.OverheadIn(group), true);
        ExtBitmap.Fill(bitmap, geometry.BlocksIn(group), (uint)bitmap.Length * 8, true);
    }

    private static void FillEmptyInodes(ExtGeometry geometry, Span<byte> bitmap)
    {
        bitmap.Clear();
        ExtBitmap.Fill(bitmap, geometry.InodesPerGroup, (uint)bitmap.Length * 8, true);
    }

    private static void Copy(byte[]? known, Load load, uint group, Span<byte> bitmap)
    {
        if (known is null)
            load(group, bitmap);
        else
            known.CopyTo(bitmap);
    }

    private byte[] Loaded(Load load, uint group)
    {
        var bitmap = new byte[_geometry.BlockSize];
        load(group, bitmap);
        return bitmap;
    }

    private uint Sum(Func<GroupCounts, uint> count)
    {
        var sum = 0u;
        foreach (var group in _counts)
            sum += count(group);
        return sum;
    }
}
