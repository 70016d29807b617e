using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>Gives a file system another UUID. The superblock, its backups and the journal carry it.</summary>
internal static class FileSystemIdentity
{
    /// <summary>Changes it, where nobody uses the file system yet: the changes are not made together.</summary>
    /// <param name="window">The file system, whose journal needs no replay.</param>
    /// <param name="uuid">The new UUID.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> for ext4, in which checksums
    /// depend on it; <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static void Set(Window window, Guid uuid)
    {
        var fileSystem = ExtFileSystem.Open(window);
        ExtResizer.RequireFeatures(fileSystem.Superblock);
        var old = fileSystem.Superblock.Uuid;
        var geometry = fileSystem.Geometry;
        if ((fileSystem.Superblock.FeatureCompat & ExtFeatures.CompatHasJournal) != 0)
        {
            var log = JournalLog.Open(fileSystem);
            // mke2fs of some versions leaves it empty.
            if (log.Superblock.Uuid == old)
            {
                log.Superblock.Uuid = uuid;
                window.Write(log.SuperblockOffset, log.Superblock.Raw);
            }
        }

        foreach (var group in geometry.BackupGroups(geometry.GroupCount))
            Write(window, geometry.OffsetOf(geometry.FirstBlock(group)), old, uuid);
        Write(window, ExtSuperblock.Size, old, uuid);
    }

    // A backup that is damaged, or of another file system, is e2fsck's to deal with.
    private static void Write(Window window, long offset, Guid old, Guid uuid)
    {
        var raw = new byte[ExtSuperblock.Size];
        window.Read(offset, raw);
        var superblock = new ExtSuperblock(raw);
        if (superblock.Uuid != old)
            return;
        superblock.Uuid = uuid;
        window.Write(offset, superblock.Raw);
    }
}
