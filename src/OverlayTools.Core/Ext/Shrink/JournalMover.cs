using System.Buffers.Binary;

namespace OverlayTools.Ext.Shrink;

/// <summary>
/// Moves the journal. The log cannot carry a change of where it lies itself: whoever replays it has looked that up
/// before, and would go on writing at the old place. So the log takes the new blocks; one write of the inode, inside
/// one sector and with an empty log, leads to them; and the log at its new place gives the old ones back. A crash in
/// between leaves blocks that are marked as in use and belong to nobody; e2fsck -p gives them back.
/// </summary>
internal sealed class JournalMover(ShrinkState state, IProgress<EngineProgress>? progress)
{
    private const int BackupTypeInode = 1;

    private readonly int _fan = (int)state.Old.PointersPerBlock;
    private readonly List<uint> _oldIndirect = [];
    private int _newIndirect;

    public void Run()
    {
        if ((state.Superblock.FeatureCompat & ExtFeatures.CompatHasJournal) == 0)
            return;
        var inode = state.PeekInode(ExtInode.Journal);
        var old = ReadMap(inode);
        var moving = old.Where(IsBeyond).ToList();
        if (moving.Count == 0 && !_oldIndirect.Exists(IsBeyond))
            return;

        progress?.Report(new EngineProgress("Moving the journal", 0, moving.Count, "blocks"));
        var moved = (uint[])old.Clone();
        TakeBlocks(moved);
        BuildMap(inode, moved);
        inode.Sectors = (uint)(state.BlockSize / 512) * (uint)(_newIndirect + moved.Count(block => block != 0));
        state.Commit();

        CopyContent(old, moved);
        state.FinishCopy();
        // Pointers and counts are in the first 128 bytes of the inode, which no sector boundary cuts.
        var (block, at) = state.PlaceOfInode(ExtInode.Journal);
        state.Window.Flush();
        state.Window.Write(state.Old.OffsetOf(block) + at, inode.Raw[..ExtInode.OldSize]);
        state.Window.Flush();
        state.ForgetJournal();

        foreach (var (first, count) in Runs(moving))
            state.Free(first, count);
        foreach (var indirect in _oldIndirect)
            state.Free(indirect, 1);
        BackUp(inode);
        state.Commit();
        progress?.Report(new EngineProgress("Moving the journal", moving.Count, moving.Count, "blocks"));
    }

    private bool IsBeyond(uint block) => block >= state.Target.BlocksCount;

    private uint[] ReadMap(ExtInode inode)
    {
        // Bounded by JournalLog, through which every transaction goes.
        var blocks = new uint[(inode.Size + state.BlockSize - 1) / state.BlockSize];
        var map = new BlockMap(state.Reopen(), inode, ExtInode.Journal);
        for (var logical = 0; logical < blocks.Length; logical++)
            blocks[logical] = map.Find(logical);
        for (var depth = 1; depth <= 3; depth++)
            ListIndirect(inode.Pointer(ExtInode.DirectCount + depth - 1), depth);
        return blocks;
    }

    private void ListIndirect(uint block, int depth)
    {
        if (block == 0)
            return;
        _oldIndirect.Add(block);
        if (depth == 1)
            return;
        var pointers = state.Peek(block).ToArray();
        for (var i = 0; i < _fan; i++)
            ListIndirect(ShrinkState.Pointer(pointers, i * sizeof(uint)), depth - 1);
    }

    private void TakeBlocks(uint[] blocks)
    {
        for (var i = 0; i < blocks.Length;)
        {
            if (!IsBeyond(blocks[i]))
            {
                i++;
                continue;
            }

            var run = 1;
            while (i + run < blocks.Length && IsBeyond(blocks[i + run]))
                run++;
            var (start, taken) = state.Take((uint)run);
            for (var k = 0u; k < taken; k++)
                blocks[i++] = start + k;
        }
    }

    // All of it new, so that the inode alone decides which map counts.
    private void BuildMap(ExtInode inode, ReadOnlySpan<uint> blocks)
    {
        var direct = Math.Min(ExtInode.DirectCount, blocks.Length);
        for (var i = 0; i < direct; i++)
            inode.Pointer(i, blocks[i]);
        blocks = blocks[direct..];
        var covers = (long)_fan;
        for (var depth = 1; depth <= 3; depth++, covers *= _fan)
        {
            var part = blocks[..(int)Math.Min(blocks.Length, covers)];
            inode.Pointer(ExtInode.DirectCount + depth - 1, BuildIndirect(part, depth, covers / _fan));
            blocks = blocks[part.Length..];
        }
    }

    private uint BuildIndirect(ReadOnlySpan<uint> blocks, int depth, long each)
    {
        if (!blocks.ContainsAnyExcept(0u))
            return 0;
        var (block, _) = state.Take(1);
        _newIndirect++;
        var pointers = new byte[state.BlockSize];
        for (var i = 0; blocks.Length > 0; i++)
        {
            var part = blocks[..(int)Math.Min(blocks.Length, each)];
            var pointer = depth == 1 ? part[0] : BuildIndirect(part, depth - 1, each / _fan);
            BinaryPrimitives.WriteUInt32LittleEndian(pointers.AsSpan(i * sizeof(uint)), pointer);
            blocks = blocks[part.Length..];
        }

        state.AddFresh(block, pointers);
        return block;
    }

    // What is in the log was replayed, but its numbers keep older leftovers in the new blocks from being taken for it.
    private void CopyContent(uint[] old, uint[] moved)
    {
        for (var i = 0; i < old.Length;)
        {
            var run = 1;
            while (i + run < old.Length && old[i + run] == old[i] + run && moved[i + run] == moved[i] + run)
                run++;
            if (old[i] != moved[i])
                state.Copy(old[i], moved[i], (uint)run);
            i += run;
        }
    }

    private void BackUp(ExtInode inode)
    {
        if (state.Superblock.JournalBackupType != BackupTypeInode)
            return;
        var backup = state.Superblock.JournalBackup;
        inode.Pointers.CopyTo(backup);
        BinaryPrimitives.WriteUInt32LittleEndian(backup[60..], (uint)(inode.Size >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(backup[64..], (uint)inode.Size);
    }

    private static IEnumerable<(uint First, uint Count)> Runs(List<uint> blocks)
    {
        blocks.Sort();
        for (var i = 0; i < blocks.Count;)
        {
            var run = 1;
            while (i + run < blocks.Count && blocks[i + run] == blocks[i] + run)
                run++;
            yield return (blocks[i], (uint)run);
            i += run;
        }
    }
}
