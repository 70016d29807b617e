namespace OverlayTools.Ext.Check;

/// <summary>Looks at the journal.</summary>
internal static class JournalCheckup
{
    public static void Run(CheckState state)
    {
        if (!state.Has(ExtFeatures.CompatHasJournal))
        {
            if (state.Superblock.JournalInode != 0)
                state.Error(ExtFindingId.JournalInvalid, "The superblock names a journal and says that there is none.");
            return;
        }

        if (state.Superblock.JournalUuid != Guid.Empty)
        {
            state.Error(ExtFindingId.JournalInvalid, "The superblock says that the journal is on another device.");
            return;
        }

        if (state.Superblock.JournalInode == 0)
        {
            state.Error(ExtFindingId.JournalInvalid, "The superblock says that there is a journal, and names none.");
            return;
        }

        try
        {
            var log = JournalLog.Open(state.FileSystem);
            if (log.Superblock.HasLeftovers)
                state.Error(ExtFindingId.JournalInvalid, "The journal of version 1 has fields of version 2.");
            if (log.Superblock.Start != 0)
                state.Error(ExtFindingId.JournalDataUnmarked,
                    "The journal holds something, but the file system is not marked as in need of it.");
            if (log.Superblock.Errno != 0)
                state.Error(ExtFindingId.JournalAborted, "The journal recorded an error.");
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayCorrupt)
        {
            state.Error(ExtFindingId.JournalInvalid, error.Message, state.Superblock.JournalInode);
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayFeatureUnsupported)
        {
            state.Error(ExtFindingId.JournalUnknown, error.Message, state.Superblock.JournalInode);
        }
    }
}
