using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>
/// What the resize inode lists: its double indirect block points to the reserved descriptor blocks of group 0, and each
/// of these, as an indirect block, to its counterparts in the backup groups (e2fsprogs, res_gdt.c).
/// </summary>
internal sealed class ResizeTable(ExtGeometry geometry)
{
    private readonly uint[] _backups = [.. geometry.BackupGroups(geometry.GroupCount)];

    /// <summary>The first reserved block of group 0.</summary>
    public uint FirstReserved => geometry.FirstDataBlock + 1 + geometry.DescriptorBlocks;

    /// <summary>Blocks that the inode owns beside its double indirect block.</summary>
    public uint BlocksListed => geometry.ReservedGdtBlocks * (1 + (uint)_backups.Length);

    /// <summary>The size that the inode has: all that direct to double indirect blocks can address.</summary>
    public long FileSize
    {
        get
        {
            long fan = geometry.PointersPerBlock;
            return (fan * fan + fan + ExtInode.DirectCount) * geometry.BlockSize;
        }
    }

    /// <summary>The double indirect block; slots go by the descriptor block's number in the table, wrapping
    /// around.</summary>
    public byte[] DoubleIndirectBlock()
    {
        var block = new byte[geometry.BlockSize];
        for (var i = 0u; i < geometry.ReservedGdtBlocks; i++)
        {
            var slot = (geometry.DescriptorBlocks + i) % geometry.PointersPerBlock;
            BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan((int)slot * 4), FirstReserved + i);
        }

        return block;
    }

    /// <summary>Fills a reserved block of group 0.</summary>
    /// <param name="which">Its number among them, from 0.</param>
    /// <param name="block">A block's bytes.</param>
    public void FillPrimaryBlock(uint which, Span<byte> block)
    {
        block.Clear();
        for (var backup = 0; backup < _backups.Length; backup++)
            BinaryPrimitives.WriteUInt32LittleEndian(
                block[(backup * 4)..], FirstReserved + which + _backups[backup] * geometry.BlocksPerGroup);
    }

    /// <summary>The reserved blocks of group 0, side by side.</summary>
    public byte[] PrimaryBlocks()
    {
        var blocks = new byte[geometry.ReservedGdtBlocks * geometry.BlockSize];
        for (var i = 0u; i < geometry.ReservedGdtBlocks; i++)
            FillPrimaryBlock(i, blocks.AsSpan((int)i * geometry.BlockSize, geometry.BlockSize));
        return blocks;
    }
}
