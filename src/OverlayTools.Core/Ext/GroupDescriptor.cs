using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>The descriptor of a block group (<c>struct ext2_group_desc</c>): a view on its 32 bytes.</summary>
internal readonly ref struct GroupDescriptor(Span<byte> raw)
{
    public const int Size = 32;

    /// <summary>Bytes of a descriptor with the upper halves of 64 bits (<c>EXT4_MIN_DESC_SIZE_64BIT</c>).</summary>
    public const int WideSize = 64;

    /// <summary><c>EXT2_BG_INODE_UNINIT</c> and <c>EXT2_BG_BLOCK_UNINIT</c>, which ext3 does not use.</summary>
    public const ushort Uninitialised = 3;

    /// <summary><c>EXT2_BG_INODE_ZEROED</c>.</summary>
    public const ushort InodeTableZeroed = 4;

    private readonly Span<byte> _raw = raw[..Size];

    /// <summary>Block of the block bitmap (<c>bg_block_bitmap</c>).</summary>
    public uint BlockBitmap { get => U32(0x00); set => U32(0x00, value); }

    /// <summary>Block of the inode bitmap (<c>bg_inode_bitmap</c>).</summary>
    public uint InodeBitmap { get => U32(0x04); set => U32(0x04, value); }

    /// <summary>First block of the inode table (<c>bg_inode_table</c>).</summary>
    public uint InodeTable { get => U32(0x08); set => U32(0x08, value); }

    /// <summary><c>bg_free_blocks_count</c>.</summary>
    public ushort FreeBlocksCount { get => U16(0x0C); set => U16(0x0C, value); }

    /// <summary><c>bg_free_inodes_count</c>.</summary>
    public ushort FreeInodesCount { get => U16(0x0E); set => U16(0x0E, value); }

    /// <summary>Directories in the group (<c>bg_used_dirs_count</c>).</summary>
    public ushort UsedDirsCount { get => U16(0x10); set => U16(0x10, value); }

    /// <summary><c>bg_flags</c>.</summary>
    public ushort Flags { get => U16(0x12); set => U16(0x12, value); }

    /// <summary><c>bg_itable_unused</c>, which ext3 does not use.</summary>
    public ushort UnusedInodes => U16(0x1C);

    /// <summary>First block of the inode table, and its upper half where the descriptor has one
    /// (<c>bg_inode_table_hi</c>).</summary>
    public static (uint Low, uint High) InodeTableOf(ReadOnlySpan<byte> raw) =>
        (BinaryPrimitives.ReadUInt32LittleEndian(raw[0x08..]),
            raw.Length >= WideSize ? BinaryPrimitives.ReadUInt32LittleEndian(raw[0x28..]) : 0);

    private uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_raw[offset..]);

    private void U32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_raw[offset..], value);

    private ushort U16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_raw[offset..]);

    private void U16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_raw[offset..], value);
}
