using System.Numerics;
using System.Runtime.InteropServices;

namespace OverlayTools.Ext.Edit;

/// <summary>
/// Gives and takes back blocks and inodes of a file system that is being edited. What is given was free on the disk
/// when the transaction began, so that it may be written before the transaction counts.
/// </summary>
internal sealed class BlockGroups
{
    private readonly StagedBlocks _stage;
    private readonly ExtGeometry _geometry;
    private readonly JournalLog _journal;
    private readonly uint _firstInode;
    private readonly Dictionary<uint, Group> _loaded = [];
    private readonly HashSet<uint> _inodesLoaded = [];
    private readonly List<uint> _freed = [];
    private (uint FreeBlocks, uint FreeInodes, uint Directories) _totals;
    private (uint FreeBlocks, uint FreeInodes, uint Directories) _remembered;

    private sealed record Group(byte[] OnDisk, byte[] Busy);

    public BlockGroups(StagedBlocks stage, ExtGeometry geometry, JournalLog journal, uint firstInode)
    {
        _stage = stage;
        _geometry = geometry;
        _journal = journal;
        _firstInode = firstInode;
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            var (blocks, inodes, directories) = Counts(group);
            _totals = (_totals.FreeBlocks + blocks, _totals.FreeInodes + inodes, _totals.Directories + directories);
        }

        _remembered = _totals;
    }

    /// <summary>Free blocks, those included that wait for the end of the transaction.</summary>
    public uint FreeBlocks => _totals.FreeBlocks;

    /// <summary>Free inodes.</summary>
    public uint FreeInodes => _totals.FreeInodes;

    public uint GroupOfInode(uint number) => (number - 1) / _geometry.InodesPerGroup;

    /// <summary>Whether a block was free when the transaction began, and is not now.</summary>
    public bool IsFresh(uint block)
    {
        var group = _geometry.GroupOf(block);
        return !ExtBitmap.IsSet(Load(group).OnDisk, block - _geometry.FirstBlock(group));
    }

    /// <summary>Takes a run of free blocks at or after a goal.</summary>
    /// <param name="goal">Where it should be.</param>
    /// <param name="most">The longest run that is of use; at least 1.</param>
    /// <returns>Null when no block can be had.</returns>
    public (uint Start, uint Count)? TryTake(uint goal, uint most)
    {
        if (goal < _geometry.FirstDataBlock || goal >= _geometry.BlocksCount)
            goal = _geometry.FirstDataBlock;
        var first = _geometry.GroupOf(goal);
        var from = goal - _geometry.FirstBlock(first);
        // Once more round to the first group again: its front part was not looked at.
        for (var step = 0u; step <= _geometry.GroupCount; step++, from = 0)
        {
            var group = (first + step) % _geometry.GroupCount;
            if (Counts(group).Blocks == 0)
                continue;
            var size = _geometry.BlocksIn(group);
            var busy = Load(group).Busy;
            var start = ExtBitmap.FirstClear(busy, from, size);
            if (start >= size)
                continue;
            var end = ExtBitmap.FirstSet(busy, start, Math.Min(size, start + Math.Min(most, size)));
            ExtBitmap.Fill(busy, start, end, true);
            ExtBitmap.Fill(_stage.Change(Describe(group).BlockBitmap), start, end, true);
            AddFreeBlocks(group, -(int)(end - start));
            return (_geometry.FirstBlock(group) + start, end - start);
        }

        return null;
    }

    /// <summary>Takes one block.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/>.</exception>
    public uint Take(uint goal) => TryTake(goal, 1)?.Start ?? throw Full();

    /// <summary>Gives back a block of a file. Until the end of the transaction it is used for nothing else, unless it
    /// was taken in the same one.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/> when it is free, or no block of a
    /// file.</exception>
    public void Free(uint block)
    {
        RequireOrdinary(block);
        var group = _geometry.GroupOf(block);
        var bit = block - _geometry.FirstBlock(group);
        Load(group);
        var bitmap = Describe(group).BlockBitmap;
        if (!ExtBitmap.IsSet(_stage.Read(bitmap), bit))
            throw ExtCorrupt.Because($"block {block} is used, and marked as free.");
        ExtBitmap.Fill(_stage.Change(bitmap), bit, bit + 1, false);
        AddFreeBlocks(group, 1);
        _stage.Forget(block);
        _freed.Add(block);
    }

    /// <summary>Holds against the bookkeeping a block that a file is said to have.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public void RequireOrdinary(uint block)
    {
        if (block <= _geometry.FirstDataBlock || block >= _geometry.BlocksCount)
            throw ExtCorrupt.Because($"a file has block {block}, outside the file system.");
        var group = _geometry.GroupOf(block);
        var (blockBitmap, inodeBitmap, table) = Describe(group);
        var isTable = block >= table && block - table < _geometry.InodeTableBlocks;
        if (isTable || block == blockBitmap || block == inodeBitmap
            || block - _geometry.FirstBlock(group) < _geometry.SuperblockBlocks(group) || _journal.Owns(block))
            throw ExtCorrupt.Because($"a file has block {block}, which is the file system's own.");
    }

    /// <summary>Takes an inode: for a file in the group of its directory, for a directory where there is room for what
    /// will be in it.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/>.</exception>
    public uint TakeInode(uint parent, bool isDirectory)
    {
        var first = isDirectory ? GroupForDirectory(parent) : GroupOfInode(parent);
        for (var step = 0u; step < _geometry.GroupCount; step++)
        {
            var group = (first + step) % _geometry.GroupCount;
            if (Counts(group).Inodes == 0)
                continue;
            var bitmap = LoadInodes(group);
            var from = group == 0 ? Math.Min(_firstInode - 1, _geometry.InodesPerGroup) : 0;
            var bit = ExtBitmap.FirstClear(_stage.Read(bitmap), from, _geometry.InodesPerGroup);
            if (bit >= _geometry.InodesPerGroup)
                continue;
            ExtBitmap.Fill(_stage.Change(bitmap), bit, bit + 1, true);
            AddInode(group, -1, isDirectory);
            return group * _geometry.InodesPerGroup + bit + 1;
        }

        throw new EngineException(ErrorIds.OverlayFull, "No inode of the file system is free.",
            "Remove files, or make a new image with more inodes and copy the content over.");
    }

    /// <summary>Whether an inode is marked as used.</summary>
    public bool IsInodeTaken(uint number) =>
        ExtBitmap.IsSet(_stage.Read(LoadInodes(GroupOfInode(number))), (number - 1) % _geometry.InodesPerGroup);

    /// <summary>Gives back an inode.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/> when it is free already.</exception>
    public void FreeInode(uint number, bool isDirectory)
    {
        var group = GroupOfInode(number);
        var bitmap = LoadInodes(group);
        var bit = (number - 1) % _geometry.InodesPerGroup;
        if (!ExtBitmap.IsSet(_stage.Read(bitmap), bit))
            throw ExtCorrupt.Because($"inode {number} is used, and marked as free.");
        ExtBitmap.Fill(_stage.Change(bitmap), bit, bit + 1, false);
        AddInode(group, 1, isDirectory);
    }

    /// <summary>The start of a block search for a file.</summary>
    public uint GoalFor(uint inode) => _geometry.FirstBlock(GroupOfInode(inode));

    public void Remember()
    {
        // What was taken and freed in one transaction never was on the disk.
        foreach (var block in _freed)
        {
            var group = _geometry.GroupOf(block);
            var bit = block - _geometry.FirstBlock(group);
            var loaded = Load(group);
            if (!ExtBitmap.IsSet(loaded.OnDisk, bit))
                ExtBitmap.Fill(loaded.Busy, bit, bit + 1, false);
        }

        _freed.Clear();
        _remembered = _totals;
    }

    public void Rollback()
    {
        _freed.Clear();
        _totals = _remembered;
        // What is in use is taken from the bitmaps again.
        _loaded.Clear();
    }

    public void Clear()
    {
        _freed.Clear();
        _loaded.Clear();
        _inodesLoaded.Clear();
    }

    public static EngineException Full() =>
        new(ErrorIds.OverlayFull, "No block of the file system is free.",
            "Use a larger image (Resize-OverlayImage). What was freed can be used after the changes were committed.");

    // As the kernel (find_group_orlov), in short: directories at the root are spread, others stay near their parent
    // while there is room.
    private uint GroupForDirectory(uint parent)
    {
        var groups = _geometry.GroupCount;
        var averageInodes = _totals.FreeInodes / groups;
        var averageBlocks = _totals.FreeBlocks / groups;
        if (parent == ExtInode.Root)
        {
            var best = 0u;
            (uint Directories, uint Blocks) bestCounts = (uint.MaxValue, 0);
            for (var group = 0u; group < groups; group++)
            {
                var (blocks, inodes, directories) = Counts(group);
                if (inodes == 0 || inodes < averageInodes || blocks < averageBlocks)
                    continue;
                if (directories < bestCounts.Directories
                    || (directories == bestCounts.Directories && blocks > bestCounts.Blocks))
                    (best, bestCounts) = (group, (directories, blocks));
            }

            return best;
        }

        var home = GroupOfInode(parent);
        for (var step = 0u; step < groups; step++)
        {
            var group = (home + step) % groups;
            var (blocks, inodes, _) = Counts(group);
            if (inodes > averageInodes / 4 && blocks > averageBlocks / 4)
                return group;
        }

        return home;
    }

    private Group Load(uint group)
    {
        if (_loaded.TryGetValue(group, out var loaded))
            return loaded;
        var (blockBitmap, _, _) = RequireOwnBlocks(group);
        var onDisk = new byte[_geometry.BlockSize];
        _stage.Disk.Read(_geometry.OffsetOf(blockBitmap), onDisk);
        RequireMarked(group, onDisk);
        var busy = _stage.Read(blockBitmap).ToArray();
        RequireCount($"the block bitmap of group {group}", busy, _geometry.BlocksIn(group), Counts(group).Blocks);
        for (var i = 0; i < busy.Length; i++)
            busy[i] |= onDisk[i];
        loaded = new Group(onDisk, busy);
        _loaded.Add(group, loaded);
        return loaded;
    }

    private uint LoadInodes(uint group)
    {
        var (_, bitmap, _) = RequireOwnBlocks(group);
        if (_inodesLoaded.Add(group))
            RequireCount($"the inode bitmap of group {group}", _stage.Read(bitmap),
                _geometry.InodesPerGroup, Counts(group).Inodes);
        return bitmap;
    }

    private static void RequireCount(string what, ReadOnlySpan<byte> bitmap, uint bits, uint free)
    {
        var used = 0;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bitmap[..(int)(bits / 64 * 8)]))
            used += BitOperations.PopCount(word);
        for (var bit = bits / 64 * 64; bit < bits; bit++)
            used += ExtBitmap.IsSet(bitmap, bit) ? 1 : 0;
        if (bits - used != free)
            throw ExtCorrupt.Because($"{what} has {bits - used} free, its descriptor says {free}.");
    }

    private (uint BlockBitmap, uint InodeBitmap, uint Table) RequireOwnBlocks(uint group)
    {
        var own = Describe(group);
        var first = _geometry.FirstBlock(group);
        var size = _geometry.BlocksIn(group);
        var reserved = _geometry.SuperblockBlocks(group);
        if (!IsInside(own.BlockBitmap, 1) || !IsInside(own.InodeBitmap, 1)
            || !IsInside(own.Table, _geometry.InodeTableBlocks) || own.BlockBitmap == own.InodeBitmap
            || IsInTable(own.BlockBitmap) || IsInTable(own.InodeBitmap))
            throw ExtCorrupt.Because($"the descriptor of group {group} gives impossible places.");
        return own;

        bool IsInside(uint block, uint count) =>
            block >= first + reserved && block - first < size && size - (block - first) >= count;

        bool IsInTable(uint block) => block >= own.Table && block - own.Table < _geometry.InodeTableBlocks;
    }

    private void RequireMarked(uint group, byte[] bitmap)
    {
        var first = _geometry.FirstBlock(group);
        var (blockBitmap, inodeBitmap, table) = Describe(group);
        var isMarked = AllSet(0, _geometry.SuperblockBlocks(group)) && AllSet(blockBitmap - first, 1)
            && AllSet(inodeBitmap - first, 1) && AllSet(table - first, _geometry.InodeTableBlocks)
            && _journal.BlocksFrom(first, first + _geometry.BlocksIn(group)).All(block => AllSet(block - first, 1));
        if (!isMarked)
            throw ExtCorrupt.Because(
                $"the block bitmap of group {group} has blocks of the file system itself as free.");

        bool AllSet(uint start, uint count)
        {
            for (var bit = start; bit < start + count; bit++)
            {
                if (!ExtBitmap.IsSet(bitmap, bit))
                    return false;
            }

            return true;
        }
    }

    private uint DescriptorBlock(uint group) => _geometry.FirstDataBlock + 1 + group / _geometry.DescriptorsPerBlock;

    private int DescriptorAt(uint group) => (int)(group % _geometry.DescriptorsPerBlock) * GroupDescriptor.Size;

    private (uint BlockBitmap, uint InodeBitmap, uint Table) Describe(uint group)
    {
        Span<byte> raw = stackalloc byte[GroupDescriptor.Size];
        _stage.Read(DescriptorBlock(group)).Slice(DescriptorAt(group), GroupDescriptor.Size).CopyTo(raw);
        var descriptor = new GroupDescriptor(raw);
        return (descriptor.BlockBitmap, descriptor.InodeBitmap, descriptor.InodeTable);
    }

    private (uint Blocks, uint Inodes, uint Directories) Counts(uint group)
    {
        Span<byte> raw = stackalloc byte[GroupDescriptor.Size];
        _stage.Read(DescriptorBlock(group)).Slice(DescriptorAt(group), GroupDescriptor.Size).CopyTo(raw);
        var descriptor = new GroupDescriptor(raw);
        return (descriptor.FreeBlocksCount, descriptor.FreeInodesCount, descriptor.UsedDirsCount);
    }

    private GroupDescriptor ChangeDescriptor(uint group) =>
        new(_stage.Change(DescriptorBlock(group)).Slice(DescriptorAt(group), GroupDescriptor.Size));

    private void AddFreeBlocks(uint group, int change)
    {
        var descriptor = ChangeDescriptor(group);
        descriptor.FreeBlocksCount = (ushort)(descriptor.FreeBlocksCount + change);
        _totals.FreeBlocks = (uint)(_totals.FreeBlocks + change);
    }

    private void AddInode(uint group, int change, bool isDirectory)
    {
        var descriptor = ChangeDescriptor(group);
        descriptor.FreeInodesCount = (ushort)(descriptor.FreeInodesCount + change);
        _totals.FreeInodes = (uint)(_totals.FreeInodes + change);
        if (!isDirectory)
            return;
        if (change > 0 && descriptor.UsedDirsCount == 0)
            throw ExtCorrupt.Because($"group {group} has more directories than its descriptor counts.");
        descriptor.UsedDirsCount = (ushort)(descriptor.UsedDirsCount - change);
        _totals.Directories = (uint)(_totals.Directories - change);
    }
}
