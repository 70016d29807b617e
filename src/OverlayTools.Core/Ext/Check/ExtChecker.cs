using OverlayTools.Ext.Edit;
using OverlayTools.IO;

namespace OverlayTools.Ext.Check;

/// <summary>Checks an ext2 or ext3 file system against itself. Nothing is written.</summary>
public static class ExtChecker
{
    /// <summary>Checks the file system; one whose journal has to be replayed is checked as it is after that,
    /// and after the files were deleted that wait for it.</summary>
    /// <param name="window">The file system.</param>
    /// <param name="progress">Told of groups and directories.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>, or
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> when it has features that the check does not know.</exception>
    public static ExtCheckResult Check(
        Window window, IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        var transactions = 0;
        ExtFileSystem fileSystem;
        try
        {
            fileSystem = ExtFileSystem.Open(window);
            RequireKnown(fileSystem.Superblock);
            if (JournalReplay.Find(window, cancellation) is { } replay)
            {
                transactions = replay.Transactions;
                fileSystem = ExtFileSystem.Open(WithoutOrphans(replay.View, cancellation));
                RequireKnown(fileSystem.Superblock);
            }
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayCorrupt)
        {
            var id = error.Message.Contains("journal", StringComparison.Ordinal)
                ? ExtFindingId.JournalInvalid : ExtFindingId.SuperblockInvalid;
            return new ExtCheckResult([new ExtFinding(id, ExtFindingSeverity.Error, error.Message)], 1, 0, 0);
        }

        var state = new CheckState(fileSystem, progress, cancellation);
        Run(state);
        var findings = FindingPaths.Resolve(state);
        return new ExtCheckResult(findings, state.ErrorCount, state.WarningCount, transactions);
    }

    // Files that wait to be deleted are no damage: who replays the journal deletes them as well. A list that makes no
    // sense is left for the check to find.
    private static Window WithoutOrphans(Window view, CancellationToken cancellation)
    {
        var fileSystem = ExtFileSystem.Open(view);
        if (fileSystem.Superblock.LastOrphan == 0)
            return view;
        var inMemory = new StagedBlocks(view, fileSystem.Geometry.BlockSize);
        try
        {
            OrphanList.Process(inMemory, cancellation);
            return inMemory;
        }
        catch (EngineException)
        {
            return view;
        }
    }

    /// <summary>Makes bitmaps and counts right where nothing else is wrong, in one transaction of the image's own
    /// journal.</summary>
    /// <returns>Blocks that were changed; 0 when there was nothing to do, or something that this cannot
    /// repair.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayDirtyJournal"/> before the journal was replayed, or
    /// as <see cref="Check"/>.</exception>
    public static int RepairCounts(
        Window window, IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        var fileSystem = ExtFileSystem.Open(window);
        RequireKnown(fileSystem.Superblock);
        var state = new CheckState(fileSystem, progress, cancellation);
        Run(state);
        if (!CountRepair.CanRepair(new ExtCheckResult(state.Findings, state.ErrorCount, state.WarningCount, 0)))
            return 0;
        var journal = JournalTransaction.Open(fileSystem);
        var changed = CountRepair.Plan(state);
        if (!journal.Fits(changed.Count))
            return 0;
        journal.Commit(changed);
        return changed.Count;
    }

    private static void Run(CheckState state)
    {
        try
        {
            SuperblockCheckup.Run(state);
            if (!DescriptorCheckup.Run(state))
                return;
            JournalCheckup.Run(state);
            ResizeInodeCheckup.Run(state);
            new InodePass(state).Run();
            new DirectoryPass(state).Run();
            ConnectionPass.Run(state);
            BitmapPass.Run(state);
            BackupCheckup.Run(state);
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayCorrupt)
        {
            state.Error(ExtFindingId.Incomplete, error.Message);
        }
    }

    private static void RequireKnown(ExtSuperblock superblock)
    {
        var compat = superblock.FeatureCompat & ~ExtResizer.ChangeableCompat;
        var incompat = superblock.FeatureIncompat & ~(ExtFeatures.IncompatFileType | ExtFeatures.IncompatRecover);
        var roCompat = superblock.FeatureRoCompat & ~ExtResizer.ChangeableRoCompat;
        if ((compat | incompat | roCompat) != 0)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                "A file system with these features is not of ext3 and cannot be checked: "
                + string.Join(", ", ExtFeatures.NamesOf(compat, incompat, roCompat)) + ".", "Use: e2fsck -f IMAGE");
    }
}
