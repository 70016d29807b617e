using System.Buffers.Binary;

namespace OverlayTools.Ext.Check;

/// <summary>Takes the blocks of a file. A block that was taken before is not followed, so that no list is walked
/// twice.</summary>
internal sealed class InodeBlocks(CheckState state, uint number, ExtInode inode)
{
    private const int MostReports = 12;

    private int _reports;

    /// <summary>Blocks in all, indirect ones included.</summary>
    public long Count { get; private set; }

    /// <summary>The number in the file of its last block; -1 without any.</summary>
    public long LastLogical { get; private set; } = -1;

    private bool IsResizeInode => number == ExtInode.Resize;

    public void Walk()
    {
        for (var slot = 0; slot < ExtInode.DirectCount; slot++)
            Data(inode.Pointer(slot), slot);
        long logical = ExtInode.DirectCount;
        long covers = state.Geometry.PointersPerBlock;
        for (var depth = 1; depth <= 3; depth++)
        {
            Indirect(inode.Pointer(ExtInode.DirectCount + depth - 1), depth, logical, covers);
            logical += covers;
            covers *= state.Geometry.PointersPerBlock;
        }
    }

    private void Indirect(uint block, int depth, long logical, long covers)
    {
        if (block == 0 || !Take(block, isData: false, depth))
            return;
        state.ThrowIfCancelled();
        var pointers = new byte[state.Geometry.BlockSize];
        state.ReadBlock(block, pointers);
        var each = covers / state.Geometry.PointersPerBlock;
        for (var i = 0; i < state.Geometry.PointersPerBlock; i++)
        {
            var next = BinaryPrimitives.ReadUInt32LittleEndian(pointers.AsSpan(i * sizeof(uint)));
            if (next == 0)
                continue;
            if (depth == 1)
                Data(next, logical + i * each);
            else
                Indirect(next, depth - 1, logical + i * each, each);
        }
    }

    private void Data(uint block, long logical)
    {
        if (block == 0)
            return;
        if (IsTooFar(logical))
        {
            Report(ExtFindingId.InodeSize, $"It has a block {logical}, more than its kind can have.", block);
            return;
        }

        Take(block, isData: true, 0);
        if (state.IsInside(block))
            LastLogical = Math.Max(LastLogical, logical);
    }

    private bool IsTooFar(long logical)
    {
        var most = 1L << (31 - (int)state.Superblock.LogBlockSize);
        return inode.FileType switch
        {
            ExtFileType.Directory => logical > 1L << (21 - (int)state.Superblock.LogBlockSize) || Count + 1 >= most,
            ExtFileType.RegularFile => Count + 1 >= most,
            _ => logical > 0 && number != ExtInode.BadBlocks,
        };
    }

    /// <returns>Whether the block is this file's, as far as is known.</returns>
    private bool Take(uint block, bool isData, int depth)
    {
        if (!state.IsInside(block))
        {
            Report(ExtFindingId.BlockOutOfRange, $"It leads to block {block}, outside the file system.", block);
            return false;
        }

        Count++;
        // The reserve is taken already; only the block that lists it is this inode's alone.
        if (IsResizeInode && (isData || depth == 1))
            return !isData;
        if (state.Claims.Claim(block))
            return true;
        if (state.IsMetadata(block))
            Report(ExtFindingId.MetadataOverlap, $"Its block {block} is one of the file system's own.", block);
        else
            Report(ExtFindingId.BlockClaimedTwice, $"Its block {block} belongs to another file too, or to this one twice.", block);
        return false;
    }

    private void Report(ExtFindingId id, string message, uint block)
    {
        if (_reports++ < MostReports)
            state.Error(id, message, number, block);
    }
}
