namespace OverlayTools.Ext.Check;

/// <summary>Looks at the group descriptors, and takes the blocks of the file system's own structures.</summary>
internal static class DescriptorCheckup
{
    /// <returns>False when inodes cannot be found by them.</returns>
    public static bool Run(CheckState state)
    {
        var geometry = state.Geometry;
        var usable = true;
        ulong freeBlocks = 0, freeInodes = 0;
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            state.ThrowIfCancelled();
            if (!state.Claims.ClaimRange(geometry.FirstBlock(group), geometry.SuperblockBlocks(group)))
                state.Error(ExtFindingId.MetadataOverlap, "The superblock's copy lies on another group's structures.", group: group);
            var descriptor = state.FileSystem.ReadGroup(group, buffer);
            freeBlocks += descriptor.FreeBlocksCount;
            freeInodes += descriptor.FreeInodesCount;
            usable &= CheckPlaces(state, group, descriptor);
            if ((descriptor.Flags & GroupDescriptor.Uninitialised) != 0)
                state.Error(ExtFindingId.DescriptorInvalid, "It is marked as not initialised, which ext3 does not know.", group: group);
            if (descriptor.UnusedInodes != 0)
                state.Warn(ExtFindingId.DescriptorInvalid, "It counts inodes that were never used, which ext3 does not do.", group: group);
        }

        if (freeBlocks != state.Superblock.FreeBlocksCount || freeInodes != state.Superblock.FreeInodesCount)
            state.Warn(ExtFindingId.SuperblockFreeCount,
                $"The superblock counts {state.Superblock.FreeBlocksCount} free blocks and "
                + $"{state.Superblock.FreeInodesCount} free inodes, the groups {freeBlocks} and {freeInodes}.");
        return usable;
    }

    private static bool CheckPlaces(CheckState state, uint group, GroupDescriptor descriptor)
    {
        var geometry = state.Geometry;
        var isSound = Place("block bitmap", descriptor.BlockBitmap, 1);
        isSound &= Place("inode bitmap", descriptor.InodeBitmap, 1);
        isSound &= Place("inode table", descriptor.InodeTable, geometry.InodeTableBlocks);
        return isSound;

        bool Place(string what, uint block, uint count)
        {
            var first = geometry.FirstBlock(group);
            if (block < first || (ulong)block + count > (ulong)first + geometry.BlocksIn(group))
            {
                state.Error(ExtFindingId.DescriptorInvalid, $"Its {what} is said to be at block {block}.", group: group, block: block);
                return false;
            }

            if (!state.Claims.ClaimRange(block, count))
                state.Error(ExtFindingId.MetadataOverlap, $"Its {what} lies on another structure.", group: group, block: block);
            return true;
        }
    }
}
