using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>What changes when a file system grows: read from it, computed, not yet written.</summary>
internal sealed class GrowthPlan
{
    private readonly ExtFileSystem _fileSystem;
    private readonly ExtGeometry _old;
    private readonly byte[] _oldTable;
    private readonly byte[] _newTable;
    private readonly ExtSuperblock _superblock;

    private GrowthPlan(ExtFileSystem fileSystem, ExtGeometry grown)
    {
        _fileSystem = fileSystem;
        _old = fileSystem.Geometry;
        Grown = grown;
        _oldTable = ReadBlocks(_old.FirstDataBlock + 1, _old.DescriptorBlocks);
        _newTable = new byte[grown.DescriptorBlocks * grown.BlockSize];
        _oldTable.CopyTo(_newTable, 0);
        _superblock = new ExtSuperblock(fileSystem.Superblock.Raw);
    }

    /// <summary>The geometry afterwards.</summary>
    public ExtGeometry Grown { get; }

    /// <summary>Blocks of the old area that must change together.</summary>
    public SortedDictionary<uint, byte[]> Changed { get; } = [];

    /// <summary>Blocks of the old area that hold copies of superblock and descriptors.</summary>
    public SortedDictionary<uint, byte[]> ChangedBackups { get; } = [];

    private int BlockSize => _old.BlockSize;

    /// <summary>Computes the changes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static GrowthPlan Make(ExtFileSystem fileSystem, ExtGeometry grown)
    {
        var plan = new GrowthPlan(fileSystem, grown);
        if (grown.BlocksCount == fileSystem.Geometry.BlocksCount)
            return plan;
        plan.ExtendLastGroup();
        plan.DescribeNewGroups();
        plan.UpdateResizeInode();
        plan.UpdateSuperblock();
        plan.CollectDescriptors(plan.Changed, grown.FirstDataBlock);
        plan.CollectBackups();
        return plan;
    }

    /// <summary>The superblock and descriptors that a backup group starts with.</summary>
    public byte[] BackupFor(uint group)
    {
        var copy = new byte[BlockSize + _newTable.Length];
        BackupSuperblock(group).CopyTo(copy);
        _newTable.CopyTo(copy, BlockSize);
        return copy;
    }

    // Bits past the end of the file system are set in its last bitmap; those that come to lie inside are cleared.
    private void ExtendLastGroup()
    {
        var last = _old.GroupCount - 1;
        var before = _old.BlocksIn(last);
        var after = Grown.BlocksIn(last);
        var descriptor = new GroupDescriptor(_newTable.AsSpan((int)last * GroupDescriptor.Size));
        if (before == after)
            return;
        var block = descriptor.BlockBitmap;
        if (block < _old.FirstBlock(last) + _old.SuperblockBlocks(last) || block >= _old.BlocksCount)
            throw ExtCorrupt.At($"descriptor of group {last}", _old.OffsetOf(_old.FirstDataBlock + 1),
                $"its block bitmap is block {block}, outside the group");
        var bitmap = ReadBlocks(block, 1);
        ExtBitmap.Fill(bitmap, before, after, false);
        Change(Changed, block, bitmap);
        descriptor.FreeBlocksCount = (ushort)(descriptor.FreeBlocksCount + (after - before));
    }

    private void DescribeNewGroups()
    {
        for (var group = _old.GroupCount; group < Grown.GroupCount; group++)
        {
            var raw = _newTable.AsSpan((int)group * GroupDescriptor.Size, GroupDescriptor.Size);
            // Shrinking may have left there what it no longer needed.
            raw.Clear();
            _ = new GroupDescriptor(raw)
            {
                BlockBitmap = Grown.BlockBitmap(group),
                InodeBitmap = Grown.InodeBitmap(group),
                InodeTable = Grown.InodeTable(group),
                FreeBlocksCount = (ushort)(Grown.BlocksIn(group) - Grown.OverheadIn(group)),
                FreeInodesCount = (ushort)Grown.InodesPerGroup,
                Flags = GroupDescriptor.InodeTableZeroed,
            };
        }
    }

    private void UpdateResizeInode()
    {
        if (_old.ReservedGdtBlocks == 0)
            return;
        if ((_superblock.FeatureCompat & ExtFeatures.CompatResizeInode) == 0)
            throw ExtCorrupt.At("superblock", ExtSuperblock.Size + 0xCE, "it reserves blocks without the feature resize_inode");
        var inode = _fileSystem.ReadInode(ExtInode.Resize);
        var doubleIndirect = inode.Pointer(13);
        if (doubleIndirect <= _old.FirstDataBlock || doubleIndirect >= _old.BlocksCount)
            throw BadResizeInode();
        var before = new ResizeTable(_old);
        var after = new ResizeTable(Grown);
        CheckPointers(before.DoubleIndirectBlock(), ReadBlocks(doubleIndirect, 1));
        var primaries = ReadBlocks(before.FirstReserved, _old.ReservedGdtBlocks);
        CheckPointers(before.PrimaryBlocks(), primaries);

        if (after.BlocksListed == before.BlocksListed)
            return;
        Change(Changed, doubleIndirect, after.DoubleIndirectBlock());
        var lists = after.PrimaryBlocks();
        for (var i = 0u; i < Grown.ReservedGdtBlocks; i++)
            Change(Changed, after.FirstReserved + i, lists.AsSpan((int)i * BlockSize, BlockSize).ToArray());
        inode.Sectors = (uint)(BlockSize / 512) * (1 + after.BlocksListed);
        var offset = _fileSystem.OffsetOfInode(ExtInode.Resize);
        var tableBlock = (uint)(offset / BlockSize);
        var table = ReadBlocks(tableBlock, 1);
        inode.Raw.CopyTo(table.AsSpan((int)(offset % BlockSize)));
        Change(Changed, tableBlock, table);
    }

    private void UpdateSuperblock()
    {
        var freeBlocks = 0u;
        var freeInodes = 0u;
        for (var group = 0u; group < Grown.GroupCount; group++)
        {
            var descriptor = new GroupDescriptor(_newTable.AsSpan((int)group * GroupDescriptor.Size));
            freeBlocks += descriptor.FreeBlocksCount;
            freeInodes += descriptor.FreeInodesCount;
        }

        if (_superblock.OverheadClusters != 0)
        {
            for (var group = _old.GroupCount; group < Grown.GroupCount; group++)
                _superblock.OverheadClusters += Grown.OverheadIn(group);
        }

        // A reserve given as a share grows along; a number of blocks somebody chose does not.
        if ((ulong)_superblock.ReservedBlocksCount * 100 >= _old.BlocksCount)
            _superblock.ReservedBlocksCount =
                (uint)((ulong)_superblock.ReservedBlocksCount * Grown.BlocksCount / _old.BlocksCount);
        _superblock.BlocksCount = Grown.BlocksCount;
        _superblock.InodesCount = Grown.InodesCount;
        _superblock.FreeBlocksCount = freeBlocks;
        _superblock.FreeInodesCount = freeInodes;
        _superblock.ReservedGdtBlocks = (ushort)Grown.ReservedGdtBlocks;
        _superblock.WriteTime = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();

        var block = ReadBlocks(_old.FirstDataBlock, 1);
        _superblock.Raw.CopyTo(block.AsSpan((int)(ExtSuperblock.Size - _old.OffsetOf(_old.FirstDataBlock))));
        Change(Changed, _old.FirstDataBlock, block);
    }

    private void CollectBackups()
    {
        foreach (var group in _old.BackupGroups(_old.GroupCount))
        {
            var first = _old.FirstBlock(group);
            var block = new byte[BlockSize];
            BackupSuperblock(group).CopyTo(block);
            Change(ChangedBackups, first, block);
            CollectDescriptors(ChangedBackups, first);
        }
    }

    private void CollectDescriptors(SortedDictionary<uint, byte[]> into, uint superblockBlock)
    {
        for (var i = 0; i < Grown.DescriptorBlocks; i++)
        {
            var content = _newTable.AsSpan(i * BlockSize, BlockSize);
            var isNew = i >= _old.DescriptorBlocks;
            if (isNew || !content.SequenceEqual(_oldTable.AsSpan(i * BlockSize, BlockSize)))
                Change(into, superblockBlock + 1 + (uint)i, content.ToArray());
        }
    }

    private ReadOnlySpan<byte> BackupSuperblock(uint group) => new ExtSuperblock(_superblock.Raw)
    {
        BlockGroupNumber = (ushort)Math.Min(group, ushort.MaxValue),
        // As e2fsprogs leaves its backups: whoever uses one has to check first.
        State = (ushort)(_superblock.State & ~ExtSuperblock.StateValid),
    }.Raw;

    private void Change(SortedDictionary<uint, byte[]> into, uint block, byte[] content)
    {
        if (Changed.ContainsKey(block) || !into.TryAdd(block, content))
            throw ExtCorrupt.At("block", _old.OffsetOf(block), "two structures claim it");
    }

    private byte[] ReadBlocks(uint first, uint count)
    {
        var bytes = new byte[count * BlockSize];
        _fileSystem.Window.Read(_old.OffsetOf(first), bytes);
        return bytes;
    }

    private static void CheckPointers(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> found)
    {
        for (; expected.Length > 0; expected = expected[4..], found = found[4..])
        {
            var pointer = BinaryPrimitives.ReadUInt32LittleEndian(expected);
            if (pointer != 0 && pointer != BinaryPrimitives.ReadUInt32LittleEndian(found))
                throw BadResizeInode();
        }
    }

    private static EngineException BadResizeInode() =>
        ExtCorrupt.Because("the resize inode (7) does not list the reserved descriptor blocks.");
}
