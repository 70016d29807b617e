using System.Runtime.InteropServices;

namespace OverlayTools.Ext;

/// <summary>The superblock that mke2fs writes for a geometry, before counts and identity.</summary>
internal static class ExtSuperblockTemplate
{
    private const uint MountUserXattr = 4;
    private const uint MountAcl = 8;

    /// <summary>Whether "char" is unsigned here: the kernel hashes file names accordingly, and the superblock says
    /// so.</summary>
    public static bool HashesUnsigned =>
        RuntimeInformation.ProcessArchitecture is not (Architecture.X64 or Architecture.X86);

    public static ExtSuperblock For(ExtGeometry geometry, uint now)
    {
        var log = (uint)int.Log2(geometry.BlockSize / 1024);
        var overhead = geometry.JournalBlocks + geometry.FirstDataBlock;
        for (var group = 0u; group < geometry.GroupCount; group++)
            overhead += geometry.OverheadIn(group);
        return new ExtSuperblock
        {
            InodesCount = geometry.InodesCount,
            BlocksCount = geometry.BlocksCount,
            FirstDataBlock = geometry.FirstDataBlock,
            LogBlockSize = log,
            LogClusterSize = log,
            BlocksPerGroup = geometry.BlocksPerGroup,
            ClustersPerGroup = geometry.BlocksPerGroup,
            InodesPerGroup = geometry.InodesPerGroup,
            WriteTime = now,
            MaxMountCount = ushort.MaxValue,
            Magic = ExtSuperblock.MagicNumber,
            State = ExtSuperblock.StateValid,
            Errors = 1,
            LastCheck = now,
            RevisionLevel = 1,
            FirstInode = ExtInode.LostAndFound,
            InodeSize = (ushort)geometry.InodeSize,
            FeatureCompat = ExtFeatures.CompatHasJournal | ExtFeatures.CompatExtAttr
                | ExtFeatures.CompatResizeInode | ExtFeatures.CompatDirIndex,
            FeatureIncompat = ExtFeatures.IncompatFileType,
            FeatureRoCompat = ExtFeatures.RoCompatSparseSuper | ExtFeatures.RoCompatLargeFile,
            ReservedGdtBlocks = (ushort)geometry.ReservedGdtBlocks,
            DefaultHashVersion = DirectoryHash.HalfMd4,
            DefaultMountOptions = MountUserXattr | MountAcl,
            MakeTime = now,
            MinExtraIsize = 32,
            WantExtraIsize = 32,
            Flags = HashesUnsigned ? ExtSuperblock.UnsignedHash : ExtSuperblock.SignedHash,
            OverheadClusters = overhead,
        };
    }
}
