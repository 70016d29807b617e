namespace OverlayTools.Ext;

/// <summary>Finds the blocks of a file.</summary>
internal abstract class FileMap
{
    /// <summary>The number of blocks that a file can have.</summary>
    public abstract long MaxBlocks { get; }

    /// <summary>The map of a file, in whichever form the inode has it.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> for inline data, which has no blocks.</exception>
    public static FileMap Of(ExtFileSystem fileSystem, ExtInode inode, uint number) =>
        (inode.Flags & ExtInode.ExtentsFlag) != 0 && HasExtents(fileSystem)
            ? new ExtentMap(fileSystem, inode, number)
            : new BlockMap(fileSystem, inode, number);

    /// <summary>Blocks of the file, from one on, that lie side by side on disk, or are a hole.</summary>
    /// <param name="logical">Block number in the file.</param>
    /// <returns>The first block on disk, or 0 for a hole, and how many there are at least: 1 or more.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public abstract (uint Start, long Count) RunAt(long logical);

    private static bool HasExtents(ExtFileSystem fileSystem) =>
        (fileSystem.Superblock.FeatureIncompat & ExtFeatures.IncompatExtents) != 0;
}
