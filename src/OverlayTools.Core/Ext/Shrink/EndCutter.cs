namespace OverlayTools.Ext.Shrink;

/// <summary>
/// Cuts the end off, in which there is nothing but bookkeeping any more. The size changes by a write of the
/// superblock's first sector alone and not through the log: a kernel that replays a log goes on with the number of
/// groups that it read before.
/// </summary>
internal sealed class EndCutter(ShrinkState state)
{
    private ExtGeometry Old => state.Old;

    private ExtGeometry Target => state.Target;

    public void Run()
    {
        var reserve = new ReserveKeeper(state);
        reserve.GiveUp();
        CloseLastGroup();
        state.Commit();

        WriteSmallerSuperblock();

        reserve.Restore();
        ForgetDescriptors();
        var backups = Backups();
        var inLog = state.HasRoom(backups.Count);
        if (inLog)
        {
            foreach (var (block, content) in backups)
                content.CopyTo(state.Edit(block), 0);
        }

        state.Commit();
        if (inLog)
            return;
        // Backups are no part of what a mount reads.
        foreach (var (block, content) in backups)
            state.Window.Write(Old.OffsetOf(block), content);
        state.Window.Flush();
    }

    // Bits past the end of the file system are set in its last bitmap. Until the size changes, the blocks are in use
    // and belong to nobody, which harms no one.
    private void CloseLastGroup()
    {
        var last = Target.GroupCount - 1;
        var size = Target.BlocksIn(last);
        if (Old.BlocksIn(last) > size)
            state.Mark(Target.FirstBlock(last) + size, Old.BlocksIn(last) - size, used: true);
    }

    private void WriteSmallerSuperblock()
    {
        var superblock = state.Superblock;
        superblock.OverheadClusters -= Math.Min(superblock.OverheadClusters, OverheadLost());
        // As growing does: a share stays a share.
        if ((ulong)superblock.ReservedBlocksCount * 100 >= Old.BlocksCount)
            superblock.ReservedBlocksCount =
                (uint)((ulong)superblock.ReservedBlocksCount * Target.BlocksCount / Old.BlocksCount);
        superblock.ReservedBlocksCount = Math.Min(superblock.ReservedBlocksCount, Target.BlocksCount / 2);
        superblock.BlocksCount = Target.BlocksCount;
        superblock.InodesCount = Target.InodesCount;
        (superblock.FreeBlocksCount, superblock.FreeInodesCount) = state.CountFree(Target.GroupCount);
        superblock.WriteTime = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        state.Window.Write(ExtSuperblock.Size, superblock.Raw);
        state.Window.Flush();
        state.ForgetJournal();
    }

    private uint OverheadLost()
    {
        var lost = 0u;
        for (var group = 0u; group < Old.GroupCount; group++)
            lost += Old.OverheadIn(group) - (group < Target.GroupCount ? Target.OverheadIn(group) : 0);
        return lost;
    }

    private void ForgetDescriptors()
    {
        var rest = state.Table.AsSpan((int)Target.GroupCount * GroupDescriptor.Size);
        rest.Clear();
        state.ChangeDescriptor(Target.GroupCount - 1);
    }

    private SortedDictionary<uint, byte[]> Backups()
    {
        var blocks = new SortedDictionary<uint, byte[]>();
        foreach (var group in Target.BackupGroups(Target.GroupCount))
        {
            var first = Target.FirstBlock(group);
            var block = new byte[state.BlockSize];
            new ExtSuperblock(state.Superblock.Raw)
            {
                BlockGroupNumber = (ushort)Math.Min(group, ushort.MaxValue),
                // As e2fsprogs leaves its backups: whoever uses one has to check first.
                State = (ushort)(state.Superblock.State & ~ExtSuperblock.StateValid),
            }.Raw.CopyTo(block);
            blocks.Add(first, block);
            for (var i = 0u; i < Target.DescriptorBlocks; i++)
                blocks.Add(first + 1 + i, state.Table.AsSpan((int)i * state.BlockSize, state.BlockSize).ToArray());
        }

        return blocks;
    }
}
