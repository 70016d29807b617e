using OverlayTools.Ext.Edit;
using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>Makes a file system clean that was in use when its system stopped.</summary>
public static class ExtRecovery
{
    /// <summary>Does what a mount does first: replays the journal, deletes the files that had no name any more, and
    /// finishes cutting those that were being cut.</summary>
    /// <param name="window">The file system, for reading and writing.</param>
    /// <param name="progress">Told of the replay.</param>
    /// <param name="cancellation">Stops the work, which then still has to be done.</param>
    /// <returns>Transactions that were replayed, and files that were finished with.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> or <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static (int Transactions, int Orphans) Run(
        Window window, IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        var replay = JournalReplay.Find(window, cancellation);
        replay?.Apply(progress, cancellation);
        if (replay is not null)
            CountFree(window);
        return (replay?.Transactions ?? 0, OrphanList.Process(window, cancellation));
    }

    // The kernel writes the superblock's sums of free blocks and inodes when it unmounts, and counts anew when it mounts
    // (ext4_fill_super). fuse2fs goes on from what stands there.
    private static void CountFree(Window window)
    {
        var fileSystem = ExtFileSystem.Open(window);
        var (blocks, inodes) = (0u, 0u);
        var buffer = new byte[GroupDescriptor.Size];
        for (var group = 0u; group < fileSystem.Geometry.GroupCount; group++)
        {
            var descriptor = fileSystem.ReadGroup(group, buffer);
            blocks += descriptor.FreeBlocksCount;
            inodes += descriptor.FreeInodesCount;
        }

        var superblock = new ExtSuperblock(fileSystem.Superblock.Raw);
        if ((superblock.FreeBlocksCount, superblock.FreeInodesCount) == (blocks, inodes)
            || blocks > superblock.BlocksCount || inodes > superblock.InodesCount)
            return;
        (superblock.FreeBlocksCount, superblock.FreeInodesCount) = (blocks, inodes);
        window.Write(ExtSuperblock.Size, superblock.Raw);
        window.Flush();
    }
}
