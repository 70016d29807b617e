namespace OverlayTools.Ext;

/// <summary>Holds a superblock against itself and the window that it lies in, before anything is computed from
/// it.</summary>
internal static class SuperblockCheck
{
    /// <summary>The geometry that the superblock describes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>, naming the field.</exception>
    public static ExtGeometry Geometry(ExtSuperblock superblock, long windowLength)
    {
        var blockSize = superblock.BlockSize;
        var bits = (uint)blockSize * 8;
        Need(superblock.LogClusterSize == superblock.LogBlockSize, 0x1C, "clusters are not blocks");
        Need(superblock.RevisionLevel <= 1, 0x4C, $"the revision is {superblock.RevisionLevel}");
        Need(superblock.FirstDataBlock == (blockSize == 1024 ? 1 : 0), 0x14,
            $"the first data block is {superblock.FirstDataBlock}");
        if (superblock.Has64Bit && superblock.BlocksCountHigh != 0)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                "The file system has more than 2^32 blocks.",
                "Mount it with the kernel, and copy the content into an image made by New-OverlayImage.");
        Need(superblock.BlocksCount > superblock.FirstDataBlock, 0x04, $"there are {superblock.BlocksCount} blocks");
        Need((long)superblock.BlocksCount * blockSize <= windowLength, 0x04,
            $"{superblock.BlocksCount} blocks of {blockSize} bytes are more than the {windowLength} bytes of the image");
        Need(superblock.BlocksPerGroup >= 256 && superblock.BlocksPerGroup <= bits && superblock.BlocksPerGroup % 8 == 0,
            0x20, $"there are {superblock.BlocksPerGroup} blocks per group");
        Need(superblock.InodesPerGroup >= 8 && superblock.InodesPerGroup <= bits && superblock.InodesPerGroup % 8 == 0,
            0x28, $"there are {superblock.InodesPerGroup} inodes per group");
        var inodeSize = superblock.InodeSize;
        Need(inodeSize >= ExtInode.OldSize && inodeSize <= blockSize && int.IsPow2(inodeSize), 0x58,
            $"an inode has {inodeSize} bytes");
        var descriptorSize = DescriptorSize(superblock);

        var geometry = new ExtGeometry
        {
            BlockSize = blockSize,
            BlocksCount = superblock.BlocksCount,
            BlocksPerGroup = superblock.BlocksPerGroup,
            InodesPerGroup = superblock.InodesPerGroup,
            InodeSize = inodeSize,
            DescriptorSize = descriptorSize,
            ReservedGdtBlocks = superblock.ReservedGdtBlocks,
            SparseSuper = (superblock.FeatureRoCompat & ExtFeatures.RoCompatSparseSuper) != 0,
        };
        Need((ulong)geometry.GroupCount * geometry.InodesPerGroup == superblock.InodesCount, 0x00,
            $"{superblock.InodesCount} inodes are not {geometry.InodesPerGroup} for each of {geometry.GroupCount} groups");
        Need(geometry.ReservedGdtBlocks <= geometry.PointersPerBlock && (geometry.ReservedGdtBlocks == 0 || geometry.SparseSuper),
            0xCE, $"{geometry.ReservedGdtBlocks} descriptor blocks are reserved");
        var table = 3 + (ulong)geometry.InodeTableBlocks + geometry.ReservedGdtBlocks;
        var hasMetaBg = (superblock.FeatureIncompat & ExtFeatures.IncompatMetaBg) != 0;
        Need(table + (hasMetaBg ? 1 : geometry.DescriptorBlocks) <= geometry.BlocksPerGroup, 0x20,
            "a group has no room for its own bookkeeping");
        Need(geometry.InodeTableBlocks < geometry.BlocksCount, 0x04, "the inode table is larger than the file system");
        Need(superblock.FreeBlocksCount <= superblock.BlocksCount, 0x0C, "more blocks are free than there are");
        Need(superblock.FreeInodesCount <= superblock.InodesCount, 0x10, "more inodes are free than there are");
        return geometry;
    }

    // Without 64bit, the field means nothing to the kernel but is 0 or 32 wherever it was ever written.
    private static int DescriptorSize(ExtSuperblock superblock)
    {
        int size = superblock.DescriptorSize;
        var isRight = superblock.Has64Bit
            ? size >= GroupDescriptor.WideSize && size <= 1024 && int.IsPow2(size)
            : size is 0 or GroupDescriptor.Size;
        Need(isRight, 0xFE, $"a group descriptor has {size} bytes");
        return superblock.Has64Bit ? size : GroupDescriptor.Size;
    }

    private static void Need(bool isSo, int offset, string otherwise)
    {
        if (!isSo)
            throw ExtCorrupt.At("superblock", ExtSuperblock.Size + offset, otherwise);
    }
}
