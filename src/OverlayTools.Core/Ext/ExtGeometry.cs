namespace OverlayTools.Ext;

/// <summary>
/// Where everything lies in a file system without <c>flex_bg</c> and <c>meta_bg</c>: pure calculation, no I/O. Each
/// group starts with its bookkeeping (superblock, descriptors and reserve in backup groups; bitmaps; inode table).
/// </summary>
public sealed record ExtGeometry
{
    private const long MiB = 1 << 20;
    private const long TiB = 1L << 40;
    private const uint Blocks32 = uint.MaxValue;
    internal const int NewInodeSize = 256;

    /// <summary>The bounds of <c>mke2fs -i</c>.</summary>
    private const int LeastBytesPerInode = 1024;
    private const int MostBytesPerInode = 64 << 20;

    /// <summary>mke2fs makes groups smaller, for more inodes, but no smaller than this.</summary>
    private const uint LeastBlocksPerGroup = 256;

    /// <summary>mke2fs rounds a file's length down to the page size of the machine; 4 KiB keeps images the same
    /// everywhere.</summary>
    internal const long PageSize = 4096;

    /// <summary>A last group with fewer blocks than this beside its bookkeeping is not made (e2fsprogs,
    /// initialize.c).</summary>
    private const uint LeastDataBlocks = 50;

    /// <summary>Bytes of a block.</summary>
    public required int BlockSize { get; init; }

    /// <summary>Blocks in all, those before the first data block included.</summary>
    public required uint BlocksCount { get; init; }

    /// <summary>Blocks of a whole group.</summary>
    public required uint BlocksPerGroup { get; init; }

    /// <summary>Inodes of each group.</summary>
    public required uint InodesPerGroup { get; init; }

    /// <summary>Bytes of an inode.</summary>
    public int InodeSize { get; init; } = NewInodeSize;

    /// <summary>Blocks kept after each copy of the descriptor table, for growing.</summary>
    public uint ReservedGdtBlocks { get; init; }

    /// <summary>Whether only group 0 and powers of 3, 5 and 7 have backups.</summary>
    public bool SparseSuper { get; init; } = true;

    /// <summary>The block that group 0 begins with.</summary>
    public uint FirstDataBlock => BlockSize == 1024 ? 1u : 0u;

    /// <summary>Block groups.</summary>
    public uint GroupCount => DivideUp(BlocksCount - FirstDataBlock, BlocksPerGroup);

    /// <summary>Inodes in all.</summary>
    public uint InodesCount => checked(InodesPerGroup * GroupCount);

    /// <summary>Blocks of a group's inode table.</summary>
    public uint InodeTableBlocks => DivideUp((ulong)InodesPerGroup * (uint)InodeSize, (uint)BlockSize);

    /// <summary>Bytes of a group descriptor: 32, or more with ext4's <c>64bit</c>.</summary>
    public int DescriptorSize { get; init; } = GroupDescriptor.Size;

    /// <summary>Group descriptors in a block.</summary>
    public uint DescriptorsPerBlock => (uint)(BlockSize / DescriptorSize);

    /// <summary>Blocks of the group descriptor table.</summary>
    public uint DescriptorBlocks => DivideUp(GroupCount, DescriptorsPerBlock);

    /// <summary>Block numbers that one indirect block holds.</summary>
    public uint PointersPerBlock => (uint)BlockSize / 4;

    /// <summary>Bytes of the file system.</summary>
    public long SizeBytes => (long)BlocksCount * BlockSize;

    /// <summary>Length of the journal that mke2fs makes for this many blocks; 0 when there is no room for
    /// one.</summary>
    public uint JournalBlocks => BlocksCount switch
    {
        < 2048 => 0,
        < 32 * 1024 => 1024,
        < 256 * 1024 => 4096,
        < 512 * 1024 => 8192,
        < 4096 * 1024 => 16384,
        < 8192 * 1024 => 32768,
        < 16384 * 1024 => 65536,
        < 32768 * 1024 => 131072,
        _ => 262144,
    };

    /// <summary>
    /// The geometry that <c>mke2fs -t ext3</c> of e2fsprogs 1.47 with Debian's <c>mke2fs.conf</c> gives a file.
    /// </summary>
    /// <param name="sizeBytes">Length of the file in bytes; the file system is at most as long.</param>
    /// <param name="bytesPerInode">Bytes for each inode, as <c>mke2fs -i</c>; null for mke2fs's choice.</param>
    /// <param name="inodeCount">Inodes in all, as <c>mke2fs -N</c>, rounded as it does so that they fill each group's
    /// table; it goes before <paramref name="bytesPerInode"/>.</param>
    /// <param name="blockSize">1024, 2048 or 4096, as <c>mke2fs -b</c>; null for mke2fs's choice.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlaySizeTooSmall"/> when no journal fits,
    /// <see cref="ErrorIds.OverlaySizeTooLarge"/> beyond 2^32-1 blocks, <see cref="ErrorIds.OptionConflict"/> for more
    /// inodes than there is room for, or another block size.</exception>
    public static ExtGeometry Plan(
        long sizeBytes, int? bytesPerInode = null, long? inodeCount = null, int? blockSize = null)
    {
        if (sizeBytes < 2 * MiB)
            throw TooSmall(sizeBytes);
        if (blockSize is not (null or 1024 or 2048 or 4096))
            throw new EngineException(ErrorIds.OptionConflict, $"A block cannot have {blockSize} bytes.",
                "Give 1024, 2048 or 4096.");
        if (bytesPerInode is < LeastBytesPerInode or > MostBytesPerInode)
            throw new EngineException(ErrorIds.OptionConflict, $"One inode for {bytesPerInode} bytes cannot be had.",
                $"Give {LeastBytesPerInode} to {MostBytesPerInode} bytes for each inode, or a number of inodes.");
        var usage = UsageType(sizeBytes);
        var block = blockSize ?? usage.BlockSize;
        var blocks = sizeBytes / PageSize * PageSize / block;
        if (blocks > Blocks32)
            throw TooLarge(sizeBytes, Blocks32 * (long)block);
        var inodes = inodeCount ?? blocks * block / (bytesPerInode ?? usage.BytesPerInode);
        if (inodes is < 0 or > Blocks32 || inodes * NewInodeSize >= blocks * block)
            throw TooManyInodes(inodes, sizeBytes);
        return Settle(block, (uint)blocks, (uint)inodes, sizeBytes);
    }

    /// <summary>Whether the group has a copy of superblock and descriptors; group 0 has the originals.</summary>
    public bool HasSuperblock(uint group) =>
        group <= 1 || !SparseSuper || IsPowerOf(group, 3) || IsPowerOf(group, 5) || IsPowerOf(group, 7);

    /// <summary>The groups with backups, ascending, below <paramref name="end"/>; group 0 is none.</summary>
    public IEnumerable<uint> BackupGroups(uint end)
    {
        for (var group = 1u; group < end; group++)
        {
            if (HasSuperblock(group))
                yield return group;
        }
    }

    /// <summary>The first block of a group.</summary>
    public uint FirstBlock(uint group) => checked(FirstDataBlock + group * BlocksPerGroup);

    /// <summary>Blocks of a group; the last may have fewer.</summary>
    public uint BlocksIn(uint group) => Math.Min(BlocksPerGroup, BlocksCount - FirstBlock(group));

    /// <summary>The group of a block.</summary>
    public uint GroupOf(uint block) => (block - FirstDataBlock) / BlocksPerGroup;

    /// <summary>Blocks of superblock, descriptors and reserve at the start of a group.</summary>
    public uint SuperblockBlocks(uint group) => HasSuperblock(group) ? 1 + DescriptorBlocks + ReservedGdtBlocks : 0;

    /// <summary>Blocks of bookkeeping at the start of a group.</summary>
    public uint OverheadIn(uint group) => SuperblockBlocks(group) + 2 + InodeTableBlocks;

    /// <summary>The block of a group's block bitmap, where we and mke2fs put it.</summary>
    public uint BlockBitmap(uint group) => FirstBlock(group) + SuperblockBlocks(group);

    /// <summary>The block of a group's inode bitmap.</summary>
    public uint InodeBitmap(uint group) => BlockBitmap(group) + 1;

    /// <summary>The first block of a group's inode table.</summary>
    public uint InodeTable(uint group) => BlockBitmap(group) + 2;

    /// <summary>Byte offset of a block.</summary>
    public long OffsetOf(uint block) => (long)block * BlockSize;

    /// <summary>
    /// The geometry after growing to a size: same groups, more of them, descriptors taken out of the reserve. A last
    /// group too small for its bookkeeping is left out, as resize2fs does.
    /// </summary>
    /// <param name="sizeBytes">Bytes that the file will have.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlaySizeTooLarge"/>, naming the largest
    /// size.</exception>
    public ExtGeometry GrowTo(long sizeBytes)
    {
        var blocks = sizeBytes / Math.Max(PageSize, BlockSize) * Math.Max(PageSize, BlockSize) / BlockSize;
        var most = LargestGrowth();
        if (blocks > most)
            throw TooLarge(sizeBytes, (long)most * BlockSize);
        var grown = WithBlocks((uint)Math.Max(blocks, BlocksCount));
        return grown.GroupCount > GroupCount && grown.LastGroupIsTooSmall
            ? WithBlocks(Math.Max(BlocksCount, FirstBlock(grown.GroupCount - 1)))
            : grown;
    }

    /// <summary>
    /// The geometry after shrinking: the same groups, fewer of them, and what the descriptors give up joins the reserve,
    /// as far as one indirect block can list it (resize2fs.c, adjust_fs_info).
    /// </summary>
    /// <param name="blocks">At most what there are now.</param>
    /// <param name="hasReserve">Whether there is an inode that lists a reserve.</param>
    internal ExtGeometry ShrinkTo(uint blocks, bool hasReserve)
    {
        var shorter = this with { BlocksCount = blocks };
        var freed = DescriptorBlocks - shorter.DescriptorBlocks;
        return hasReserve
            ? shorter with { ReservedGdtBlocks = Math.Min(ReservedGdtBlocks + freed, PointersPerBlock) }
            : shorter;
    }

    /// <summary>The fewest blocks that a last group may have: its bookkeeping, and enough beside it.</summary>
    internal uint LeastBlocksIn(uint group) => OverheadIn(group) + LeastDataBlocks;

    /// <summary>The most blocks that the reserve, 32 bits of block numbers and 32 bits of inode numbers
    /// allow.</summary>
    public uint LargestGrowth()
    {
        var groups = Math.Min((ulong)(DescriptorBlocks + ReservedGdtBlocks) * DescriptorsPerBlock,
            uint.MaxValue / (ulong)InodesPerGroup);
        return (uint)Math.Min(Blocks32, groups * BlocksPerGroup + FirstDataBlock);
    }

    private bool LastGroupIsTooSmall
    {
        get
        {
            var last = GroupCount - 1;
            var rest = BlocksIn(last);
            return rest != BlocksPerGroup && rest < OverheadIn(last) + LeastDataBlocks;
        }
    }

    private ExtGeometry WithBlocks(uint blocks)
    {
        var longer = this with { BlocksCount = blocks };
        return longer with { ReservedGdtBlocks = ReservedGdtBlocks - (longer.DescriptorBlocks - DescriptorBlocks) };
    }

    // The usage types of mke2fs.conf: floppy, small, default, big (mke2fs.c, parse_fs_type).
    private static (int BlockSize, int BytesPerInode) UsageType(long sizeBytes) => (sizeBytes & -PageSize) switch
    {
        < 3 * MiB => (1024, 8192),
        < 512 * MiB => (1024, 4096),
        < 4 * TiB => (4096, 16384),
        < 16 * TiB => (4096, 32768),
        _ => (4096, 65536),
    };

    // ext2fs_initialize: inodes per group fill whole blocks and are a multiple of 8; where they are more than one bitmap
    // holds, groups get smaller; too small a last group is dropped. Each time, everything is done again.
    private static ExtGeometry Settle(int blockSize, uint allBlocks, uint inodes, long sizeBytes)
    {
        var blocks = allBlocks;
        var blocksPerGroup = Math.Min((uint)blockSize * 8, 65528);
        inodes = Math.Max(inodes, ExtInode.LostAndFound + 1);
        while (true)
        {
            var plan = new ExtGeometry
            {
                BlockSize = blockSize,
                BlocksCount = blocks,
                BlocksPerGroup = blocksPerGroup,
                InodesPerGroup = 8,
            };
            if (DivideUp(inodes, plan.GroupCount) > (uint)blockSize * 8)
            {
                if (blocksPerGroup < LeastBlocksPerGroup)
                    throw TooManyInodes(inodes, sizeBytes);
                blocksPerGroup -= 8;
                blocks = allBlocks;
                continue;
            }

            plan = plan with { InodesPerGroup = InodesForEach(plan, inodes) };
            plan = plan with { ReservedGdtBlocks = ReserveFor(plan) };
            if (plan.OverheadIn(0) >= plan.BlocksPerGroup)
                throw TooManyInodes(inodes, sizeBytes);
            if (!plan.LastGroupIsTooSmall)
                return plan.JournalBlocks == 0 ? throw TooSmall(sizeBytes) : plan;
            if (plan.GroupCount == 1)
                throw TooSmall(sizeBytes);
            blocks -= plan.BlocksIn(plan.GroupCount - 1);
        }
    }

    private static uint InodesForEach(ExtGeometry plan, uint inodes)
    {
        var perBlock = (uint)(plan.BlockSize / plan.InodeSize);
        // No more than the free count of a descriptor holds (EXT2_MAX_INODES_PER_GROUP).
        var wanted = Math.Min(DivideUp(inodes, plan.GroupCount), 65536 - perBlock);
        while (true)
        {
            var each = Math.Max(DivideUp(wanted, perBlock) * perBlock, 8) & ~7u;
            if ((ulong)each * plan.GroupCount <= uint.MaxValue)
                return each;
            wanted--;
        }
    }

    // Room to grow 1024-fold, or to 2^32 blocks, but no more than one indirect block can list.
    private static uint ReserveFor(ExtGeometry plan)
    {
        var most = plan.BlocksCount < Blocks32 / 1024 ? plan.BlocksCount * 1024 : Blocks32;
        var groups = DivideUp(most - plan.FirstDataBlock, plan.BlocksPerGroup);
        return Math.Min(DivideUp(groups, plan.DescriptorsPerBlock) - plan.DescriptorBlocks, plan.PointersPerBlock);
    }

    private static bool IsPowerOf(uint number, uint root)
    {
        ulong power = root;
        while (power < number)
            power *= root;
        return power == number;
    }

    private static uint DivideUp(ulong number, ulong by) => checked((uint)((number + by - 1) / by));

    private static EngineException TooSmall(long sizeBytes) =>
        new(ErrorIds.OverlaySizeTooSmall, $"{ByteSize.Format(sizeBytes)} are too few for an ext3 file system with a journal.",
            "Ask for 64 MiB or more.");

    private static EngineException TooManyInodes(long inodes, long sizeBytes) =>
        new(ErrorIds.OptionConflict,
            $"{inodes} inodes of {NewInodeSize} bytes leave no room for data in {sizeBytes} bytes.",
            "Ask for fewer inodes, or for a larger image.");

    private static EngineException TooLarge(long sizeBytes, long most) =>
        new(ErrorIds.OverlaySizeTooLarge,
            $"{ByteSize.Format(sizeBytes)} are more than this file system can have: the largest size is {most} bytes "
            + $"({ByteSize.Format(most)}).",
            $"Ask for {most} bytes or less, or make a new image of the size that you want.");
}
