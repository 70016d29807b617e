using System.Buffers.Binary;

namespace OverlayTools.Ext.Shrink;

/// <summary>
/// Moves what files have beyond the new end to free blocks below: content, directories, indirect blocks, attributes.
/// The copy is on disk before a transaction lets the file lead to it, and what was there before stays as it is.
/// </summary>
internal sealed class BlockMover(ShrinkState state, IProgress<EngineProgress>? progress, CancellationToken cancellation)
{
    private const string Activity = "Moving blocks";

    /// <summary>Blocks that moving some changes at most: what leads to them, bitmaps and descriptors here and
    /// there.</summary>
    private const int ChangedByStep = 12;

    private const int AttributeBlockAt = 0x68;
    private const int PointersAt = 0x28;
    private const int ReferenceCountAt = 4;

    private readonly uint _end = state.Target.BlocksCount;
    private readonly int _fan = (int)state.Old.PointersPerBlock;
    private readonly Dictionary<uint, uint> _attributeBlocks = [];
    private long _moved;
    private long _total;

    /// <summary>Moves all but the journal.</summary>
    public void Run()
    {
        _total = CountUsed();
        if (_total == 0)
            return;
        foreach (var (number, inode) in state.UsedInodes(0, state.Old.GroupCount))
        {
            cancellation.ThrowIfCancellationRequested();
            var (block, at) = state.PlaceOfInode(number);
            if (number == ExtInode.Resize)
                MoveBlock(block, at + PointersAt + (ExtInode.DirectCount + 1) * sizeof(uint));
            if (number < ExtInode.LostAndFound && number is not (ExtInode.Root or ExtInode.BootLoader))
                continue;
            if (inode.AttributeBlock >= _end)
                MoveAttributes(block, at + AttributeBlockAt);
            if (HasBlocks(inode))
                MoveAll(inode, block, at + PointersAt);
        }

        state.Commit();
        progress?.Report(new EngineProgress(Activity, _total, _total, "blocks"));
    }

    // As ext2fs_inode_has_valid_blocks2.
    private static bool HasBlocks(ExtInode inode) => inode.LinksCount != 0 && inode.FileType switch
    {
        ExtFileType.RegularFile or ExtFileType.Directory => true,
        ExtFileType.SymbolicLink =>
            inode.AttributeBlock == 0 ? inode.Sectors != 0 : inode.Size >= ExtInode.PointerBytes,
        _ => false,
    };

    // What is in use beyond the end, bookkeeping and journal included: how far the work can go at most.
    private long CountUsed()
    {
        var count = 0L;
        for (var group = state.Target.GroupOf(_end - 1); group < state.Old.GroupCount; group++)
        {
            var first = state.Old.FirstBlock(group);
            var from = Math.Max(_end, first) - first;
            var size = state.Old.BlocksIn(group);
            if (from >= size)
                continue;
            var bitmap = state.Peek(state.Descriptor(group).BlockBitmap);
            for (var bit = ExtBitmap.FirstSet(bitmap, from, size); bit < size;
                bit = ExtBitmap.FirstSet(bitmap, bit + 1, size))
                count++;
            if (group >= state.Target.GroupCount)
                count -= state.Old.OverheadIn(group);
        }

        return count;
    }

    private void MoveAll(ExtInode inode, uint holder, int at)
    {
        if (Enumerable.Range(0, ExtInode.DirectCount).Any(slot => inode.Pointer(slot) >= _end))
            MoveContent(holder, at, ExtInode.DirectCount);
        for (var depth = 1; depth <= 3; depth++)
        {
            var slot = ExtInode.DirectCount + depth - 1;
            if (inode.Pointer(slot) != 0)
                MoveIndirect(holder, at + slot * sizeof(uint), depth);
        }
    }

    private void MoveIndirect(uint holder, int at, int depth)
    {
        var block = MoveBlock(holder, at);
        if (block == 0)
            return;
        if (depth == 1)
        {
            MoveContent(block, 0, _fan);
            return;
        }

        var pointers = state.Peek(block).ToArray();
        for (var i = 0; i < _fan; i++)
        {
            if (ShrinkState.Pointer(pointers, i * sizeof(uint)) != 0)
                MoveIndirect(block, i * sizeof(uint), depth - 1);
        }
    }

    /// <summary>Moves a block of pointers, when it lies beyond the end.</summary>
    /// <returns>Where it is now.</returns>
    private uint MoveBlock(uint holder, int at)
    {
        var block = ShrinkState.Pointer(state.Peek(holder), at);
        if (block < _end)
            return block;
        state.EnsureRoom(ChangedByStep);
        var (moved, _) = state.Take(1);
        state.AddFresh(moved, state.Peek(block).ToArray());
        state.SetPointer(holder, at, moved);
        state.Free(block, 1);
        Report(1);
        return moved;
    }

    private void MoveContent(uint holder, int at, int count)
    {
        // Nobody but us changes them, and only behind us.
        var pointers = state.Peek(holder).AsSpan(at, count * sizeof(uint)).ToArray();
        for (var i = 0; i < count;)
        {
            var first = ShrinkState.Pointer(pointers, i * sizeof(uint));
            if (first < _end)
            {
                i++;
                continue;
            }

            var run = 1;
            while (i + run < count && ShrinkState.Pointer(pointers, (i + run) * sizeof(uint)) == first + (uint)run)
                run++;
            state.EnsureRoom(ChangedByStep);
            var (start, taken) = state.Take((uint)run);
            state.Copy(first, start, taken);
            for (var k = 0u; k < taken; k++, i++)
                state.SetPointer(holder, at + i * sizeof(uint), start + k);
            state.Free(first, taken);
            Report(taken);
        }
    }

    // Files share a block of attributes; the old one is given up by one after another.
    private void MoveAttributes(uint holder, int at)
    {
        var block = ShrinkState.Pointer(state.Peek(holder), at);
        state.EnsureRoom(ChangedByStep);
        if (_attributeBlocks.TryGetValue(block, out var moved))
        {
            AddReferences(moved, 1);
        }
        else
        {
            (moved, _) = state.Take(1);
            var content = state.Peek(block).ToArray();
            BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(ReferenceCountAt), 1);
            state.AddFresh(moved, content);
            _attributeBlocks[block] = moved;
        }

        state.SetPointer(holder, at, moved);
        if (ShrinkState.Pointer(state.Peek(block), ReferenceCountAt) > 1)
        {
            AddReferences(block, -1);
            return;
        }

        state.Free(block, 1);
        Report(1);
    }

    private void AddReferences(uint block, int change)
    {
        var count = ShrinkState.Pointer(state.Peek(block), ReferenceCountAt);
        state.SetPointer(block, ReferenceCountAt, (uint)(count + change));
    }

    private void Report(long blocks)
    {
        cancellation.ThrowIfCancellationRequested();
        _moved += blocks;
        progress?.Report(new EngineProgress(Activity, Math.Min(_moved, _total), _total, "blocks"));
    }
}
