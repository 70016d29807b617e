namespace OverlayTools.Ext.Check;

/// <summary>Looks at what of the superblock <see cref="SuperblockCheck"/> does not need.</summary>
internal static class SuperblockCheckup
{
    public static void Run(CheckState state)
    {
        var superblock = state.Superblock;
        var geometry = state.Geometry;
        if (superblock.ClustersPerGroup != superblock.BlocksPerGroup)
            Invalid($"a group has {superblock.ClustersPerGroup} clusters and {superblock.BlocksPerGroup} blocks");
        if (superblock.ReservedBlocksCount > superblock.BlocksCount / 2)
            Invalid($"{superblock.ReservedBlocksCount} of {superblock.BlocksCount} blocks are reserved");
        if (superblock.FirstInode < ExtInode.LostAndFound || superblock.FirstInode > superblock.InodesCount)
            Invalid($"the first ordinary inode is {superblock.FirstInode}");
        if (superblock.InodesPerGroup < geometry.BlockSize / geometry.InodeSize)
            Invalid($"a group has {superblock.InodesPerGroup} inodes");
        if (geometry.InodeSize > ExtInode.OldSize)
        {
            CheckExtra("at least", superblock.MinExtraIsize);
            CheckExtra("if possible", superblock.WantExtraIsize);
        }

        if (superblock.HasErrors)
            state.Warn(ExtFindingId.ErrorsRecorded, $"{Math.Max(1, superblock.ErrorCount)} error(s) were recorded in use.");
        if (!superblock.IsValid)
            state.Warn(ExtFindingId.NotUnmountedCleanly, "It was not unmounted cleanly.");
        if (superblock.LastOrphan != 0)
            state.Warn(ExtFindingId.OrphanList, "Inodes wait to be deleted, as after a crash.", superblock.LastOrphan);

        void CheckExtra(string what, ushort bytes)
        {
            if (bytes != 0 && (bytes < 4 || bytes > geometry.InodeSize - ExtInode.OldSize || bytes % 4 != 0))
                Invalid($"inodes shall have {what} {bytes} more bytes");
        }

        void Invalid(string what) => state.Error(ExtFindingId.SuperblockInvalid, $"In the superblock, {what}.");
    }
}
