namespace OverlayTools.Ext;

/// <summary>What the journal of a file system says about it.</summary>
public enum ExtJournalState
{
    /// <summary>There is no journal.</summary>
    None,

    /// <summary>It is empty: there is nothing to replay.</summary>
    Clean,

    /// <summary>It has to be replayed: the file system was not unmounted cleanly, or is mounted now.</summary>
    NeedsRecovery,

    /// <summary>It was aborted because of an error.</summary>
    Aborted,

    /// <summary>It cannot be read, or is on another device.</summary>
    Unreadable,
}

/// <summary>Looks at a journal without reading its log.</summary>
internal static class ExtJournalStates
{
    /// <summary>The state of a file system's journal.</summary>
    public static ExtJournalState Of(ExtFileSystem fileSystem)
    {
        var superblock = fileSystem.Superblock;
        if ((superblock.FeatureCompat & ExtFeatures.CompatHasJournal) == 0)
            return ExtJournalState.None;
        if (ReadSuperblock(fileSystem) is not { Magic: JournalBlock.MagicNumber } journal)
            return ExtJournalState.Unreadable;
        if (journal.Errno != 0)
            return ExtJournalState.Aborted;
        return superblock.NeedsRecovery ? ExtJournalState.NeedsRecovery : ExtJournalState.Clean;
    }

    private static JournalSuperblock? ReadSuperblock(ExtFileSystem fileSystem)
    {
        if (fileSystem.Superblock.JournalInode is not (> 0 and var number))
            return null;
        try
        {
            var block = new BlockMap(fileSystem, fileSystem.ReadInode(number), number).Find(0);
            if (block == 0)
                return null;
            var raw = new byte[JournalSuperblock.Size];
            fileSystem.Window.Read(fileSystem.Geometry.OffsetOf(block), raw);
            return new JournalSuperblock(raw);
        }
        catch (EngineException)
        {
            return null;
        }
    }
}
