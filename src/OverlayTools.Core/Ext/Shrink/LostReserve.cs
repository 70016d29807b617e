using OverlayTools.IO;

namespace OverlayTools.Ext.Shrink;

/// <summary>A crash while the end of a file system is cut off can leave it without its reserve for growing; the room
/// between descriptors and bitmaps, where that was, shows it.</summary>
internal static class LostReserve
{
    /// <summary>Makes the reserve anew where there is such room.</summary>
    /// <param name="window">A file system with an empty journal.</param>
    /// <param name="progress">Told of the check before that.</param>
    /// <param name="cancellation">Stops the work; nothing has changed then.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>: what is not sound is not
    /// changed.</exception>
    public static void Restore(Window window, IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        var fileSystem = ExtFileSystem.Open(window);
        if (!IsLikely(fileSystem))
            return;
        ExtShrinker.RequireSound(window, progress, cancellation);
        var state = new ShrinkState(fileSystem, fileSystem.Geometry);
        var blocks = Math.Min(Room(state), fileSystem.Geometry.PointersPerBlock);
        if (blocks == 0)
            return;
        var geometry = fileSystem.Geometry with { ReservedGdtBlocks = blocks };
        foreach (var group in Copies(geometry))
            state.Mark(FirstAfterDescriptors(geometry, group), blocks, used: true);
        if (state.Superblock.FreeBlocksCount == 0)
            return;
        ReserveKeeper.Make(state, geometry, NewInode(geometry));
        state.Commit();
    }

    private static bool IsLikely(ExtFileSystem fileSystem)
    {
        var superblock = fileSystem.Superblock;
        if (!fileSystem.IsChangeable || superblock.ReservedGdtBlocks != 0
            || (superblock.FeatureCompat & ExtFeatures.CompatResizeInode) != 0
            || (superblock.FeatureRoCompat & ExtFeatures.RoCompatSparseSuper) == 0)
            return false;
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        return fileSystem.ReadGroup(0, buffer).BlockBitmap > FirstAfterDescriptors(fileSystem.Geometry, 0);
    }

    // As much as is free behind the descriptors in all groups that have them.
    private static uint Room(ShrinkState state)
    {
        var room = uint.MaxValue;
        foreach (var group in Copies(state.Old))
        {
            var bitmap = state.Peek(state.Descriptor(group).BlockBitmap);
            var from = FirstAfterDescriptors(state.Old, group) - state.Old.FirstBlock(group);
            var end = state.Descriptor(group).BlockBitmap - state.Old.FirstBlock(group);
            room = end <= from ? 0 : Math.Min(room, ExtBitmap.FirstSet(bitmap, from, end) - from);
            if (room == 0)
                break;
        }

        return room;
    }

    private static ExtInode NewInode(ExtGeometry geometry)
    {
        var now = new ExtTime(DateTimeOffset.UtcNow.ToUnixTimeSeconds(), 0);
        var inode = new ExtInode(geometry.InodeSize)
        {
            LinksCount = 1,
            Accessed = now,
            Modified = now,
            Changed = now,
            Created = now,
        };
        inode.SetType(ExtFileType.RegularFile, 0x180);
        inode.Size = new ResizeTable(geometry).FileSize;
        return inode;
    }

    private static IEnumerable<uint> Copies(ExtGeometry geometry) =>
        geometry.BackupGroups(geometry.GroupCount).Prepend(0u);

    private static uint FirstAfterDescriptors(ExtGeometry geometry, uint group) =>
        geometry.FirstBlock(group) + 1 + geometry.DescriptorBlocks;
}
