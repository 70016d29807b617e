namespace OverlayTools.Ext.Shrink;

/// <summary>
/// The reserve for growing, while the end is cut off. It lists blocks of groups that go, which neither the old size nor
/// the new one may be without; so it is given up before, and made anew after.
/// </summary>
internal sealed class ReserveKeeper(ShrinkState state)
{
    private const int ListAt = ExtInode.DirectCount + 1;

    private ExtInode? _inode;

    private ExtGeometry Old => state.Old;

    private ExtGeometry Target => state.Target;

    /// <summary>Whether the reserve has to go meanwhile: it depends on which groups have backups, and on how long the
    /// descriptor table is.</summary>
    private bool MustGo =>
        (state.Superblock.FeatureCompat & ExtFeatures.CompatResizeInode) != 0
        && (Old.DescriptorBlocks != Target.DescriptorBlocks
            || Old.BackupGroups(Old.GroupCount).Last() >= Target.GroupCount);

    /// <summary>Stages giving it up, where it has to go.</summary>
    public void GiveUp()
    {
        if (Old.GroupCount == 1 || !MustGo)
            return;
        _inode = state.PeekInode(ExtInode.Resize);
        state.Free(_inode.Pointer(ListAt), 1);
        state.EditInode(ExtInode.Resize).Clear();
        foreach (var group in Old.BackupGroups(Old.GroupCount).Prepend(0u))
            state.Free(FirstReserved(Old, group), Old.ReservedGdtBlocks);
        state.Superblock.FeatureCompat &= ~ExtFeatures.CompatResizeInode;
        state.Superblock.ReservedGdtBlocks = 0;
    }

    /// <summary>Stages making it anew in the groups that are left.</summary>
    public void Restore()
    {
        if (_inode is null)
        {
            FreeDescriptors();
            return;
        }

        foreach (var group in Target.BackupGroups(Target.GroupCount).Prepend(0u))
        {
            // What was neither reserve nor descriptors before is not ours; what is no longer either is free.
            var end = FirstReserved(Old, group) + Old.ReservedGdtBlocks;
            var first = FirstReserved(Target, group);
            state.Mark(first, Target.ReservedGdtBlocks, used: true);
            state.Free(first + Target.ReservedGdtBlocks, end - first - Target.ReservedGdtBlocks);
        }

        Make(state, Target, _inode);
    }

    /// <summary>Stages lists and inode of a reserve whose blocks are marked already.</summary>
    /// <param name="state">Where it is staged.</param>
    /// <param name="geometry">With the number of blocks that are reserved.</param>
    /// <param name="inode">The inode of the reserve; it gets its pointer here.</param>
    public static void Make(ShrinkState state, ExtGeometry geometry, ExtInode inode)
    {
        var table = new ResizeTable(geometry);
        var lists = table.PrimaryBlocks();
        for (var i = 0u; i < geometry.ReservedGdtBlocks; i++)
            state.AddFresh(table.FirstReserved + i, lists.AsSpan((int)i * state.BlockSize, state.BlockSize).ToArray());
        var (list, _) = state.Take(1);
        state.AddFresh(list, table.DoubleIndirectBlock());
        inode.Pointer(ListAt, list);
        inode.Sectors = (uint)(state.BlockSize / 512) * (1 + table.BlocksListed);
        inode.Raw.CopyTo(state.EditInode(ExtInode.Resize));
        state.Superblock.FeatureCompat |= ExtFeatures.CompatResizeInode;
        state.Superblock.ReservedGdtBlocks = (ushort)geometry.ReservedGdtBlocks;
    }

    // Without a reserve nobody takes what the descriptors give up.
    private void FreeDescriptors()
    {
        var count = Old.DescriptorBlocks - Target.DescriptorBlocks;
        if (count == 0)
            return;
        foreach (var group in Target.BackupGroups(Target.GroupCount).Prepend(0u))
            state.Free(FirstReserved(Target, group), count);
    }

    private static uint FirstReserved(ExtGeometry geometry, uint group) =>
        geometry.FirstBlock(group) + 1 + geometry.DescriptorBlocks;
}
