using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Ext;

/// <summary>What growing did.</summary>
/// <param name="OldSizeBytes">Bytes of the file system before.</param>
/// <param name="NewSizeBytes">Bytes of the file system now; equal when it was as large already.</param>
public readonly record struct ExtGrowth(long OldSizeBytes, long NewSizeBytes);

/// <summary>Changes the size of an ext3 file system in place.</summary>
public static class ExtResizer
{
    internal const uint ChangeableCompat = ExtFeatures.CompatHasJournal | ExtFeatures.CompatExtAttr
        | ExtFeatures.CompatResizeInode | ExtFeatures.CompatDirIndex;

    internal const uint ChangeableRoCompat =
        ExtFeatures.RoCompatSparseSuper | ExtFeatures.RoCompatLargeFile | ExtFeatures.RoCompatBtreeDir;

    /// <summary>
    /// Makes a clean file system larger: adds block groups after the old end, then changes what is at the old places in
    /// one transaction of the image's own journal. After a crash it has the old size or the new one.
    /// </summary>
    /// <param name="window">The image; it is made longer where it can be, and has to be long enough where it
    /// cannot.</param>
    /// <param name="newSizeBytes">Bytes that the image shall have. A last group that would be too small is left
    /// out.</param>
    /// <param name="progress">Told about groups.</param>
    /// <param name="cancellation">Stops the work before the transaction; nothing has changed then.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.OverlayDirtyJournal"/>,
    /// <see cref="ErrorIds.OverlayBelowMinimumSize"/> for a smaller size, <see cref="ErrorIds.OverlaySizeTooLarge"/>
    /// beyond what the reserved descriptor blocks allow; all before anything is written.</exception>
    /// <exception cref="OperationCanceledException">The token asked for it; the image is as before.</exception>
    public static ExtGrowth Grow(
        Window window, long newSizeBytes,
        IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var (old, plan, journal, deferred) = Prepare(window, newSizeBytes);
        var grown = plan.Grown;

        var oldLength = window.Length;
        try
        {
            if (window.Length < newSizeBytes)
                window.SetLength(newSizeBytes);
            if (grown.BlocksCount == old.BlocksCount)
                return Unchanged(window, old);
            WriteNewGroups(window, old, plan, oldLength, progress, cancellation);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or EngineException)
        {
            RestoreLength(window, oldLength);
            throw;
        }

        journal.Commit(plan.Changed);
        foreach (var (block, content) in deferred)
            window.Write(old.OffsetOf(block), content);
        if (deferred.Count > 0)
            window.Flush();
        return new ExtGrowth(old.SizeBytes, grown.SizeBytes);
    }

    /// <summary>Refuses what <see cref="Grow"/> would refuse; nothing is written.</summary>
    /// <exception cref="EngineException">As <see cref="Grow"/>.</exception>
    internal static void RequireGrowable(Window window, long newSizeBytes) => Prepare(window, newSizeBytes);

    /// <summary>The most bytes that <see cref="Grow"/> can give this file system.</summary>
    /// <exception cref="EngineException">As <see cref="ExtFileSystem.Open"/>.</exception>
    public static long LargestSize(Window window)
    {
        var geometry = ExtFileSystem.Open(window).Geometry;
        return (long)geometry.LargestGrowth() * geometry.BlockSize;
    }

    /// <summary>Whether a file system can be changed in place: it is of ext3, clean, and has no errors.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayDirtyJournal"/> or
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>.</exception>
    private static (ExtGeometry Old, GrowthPlan Plan, JournalTransaction Journal, SortedDictionary<uint, byte[]> Deferred)
        Prepare(Window window, long newSizeBytes)
    {
        var fileSystem = ExtFileSystem.Open(window);
        var old = fileSystem.Geometry;
        RequireChangeable(fileSystem.Superblock);
        var journal = JournalTransaction.Open(fileSystem);
        if (newSizeBytes < old.SizeBytes)
            throw new EngineException(ErrorIds.OverlayBelowMinimumSize,
                $"The file system has {old.SizeBytes} bytes and cannot grow to {newSizeBytes}.",
                $"Ask for more than {old.SizeBytes} bytes.");
        var plan = GrowthPlan.Make(fileSystem, old.GrowTo(newSizeBytes));
        return (old, plan, journal, RequireFits(journal, plan));
    }

    internal static void RequireChangeable(ExtSuperblock superblock)
    {
        if (superblock.HasErrors)
            throw ExtCorrupt.Because($"it recorded {Math.Max(1, superblock.ErrorCount)} error(s).");
        if (superblock.NeedsRecovery || !superblock.IsValid)
            throw JournalTransaction.DirtyJournal();
        RequireFeatures(superblock);
    }

    /// <summary>Whether a file system has only features that we can change it with.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/>.</exception>
    internal static void RequireFeatures(ExtSuperblock superblock)
    {
        var compat = superblock.FeatureCompat & ~ChangeableCompat;
        var incompat = superblock.FeatureIncompat & ~ExtFeatures.IncompatFileType;
        var roCompat = superblock.FeatureRoCompat & ~ChangeableRoCompat;
        if ((compat | incompat | roCompat) != 0)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                "A file system with these features cannot be changed in place: " +
                string.Join(", ", ExtFeatures.NamesOf(compat, incompat, roCompat)) + ".",
                "Use e2fsprogs, or make a new image with New-OverlayImage and copy the content over.");
    }

    // Old backups are no part of what a mount reads. Where the journal is short they are brought up to date afterwards,
    // as after a crash e2fsck does.
    private static SortedDictionary<uint, byte[]> RequireFits(JournalTransaction journal, GrowthPlan plan)
    {
        if (journal.Fits(plan.Changed.Count + plan.ChangedBackups.Count))
        {
            foreach (var (block, content) in plan.ChangedBackups)
                plan.Changed.Add(block, content);
            return [];
        }

        if (!journal.Fits(plan.Changed.Count))
            throw new EngineException(ErrorIds.OverlaySizeTooLarge,
                $"Growing so far changes {plan.Changed.Count} blocks at once, more than the journal holds.",
                "Grow in several smaller steps.");
        return plan.ChangedBackups;
    }

    private static void WriteNewGroups(
        Window window, ExtGeometry old, GrowthPlan plan, long oldLength,
        IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        var grown = plan.Grown;
        // A file may be longer than its file system, and then hold anything there.
        var leftover = Math.Min(oldLength, grown.SizeBytes) - old.SizeBytes;
        if (leftover > 0)
            window.Clear(old.SizeBytes, leftover);
        var inodeBitmap = ExtAllocator.EmptyInodeBitmap(grown);
        for (var group = old.GroupCount; group < grown.GroupCount; group++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (grown.HasSuperblock(group))
                window.Write(grown.OffsetOf(grown.FirstBlock(group)), plan.BackupFor(group));
            window.Write(grown.OffsetOf(grown.BlockBitmap(group)),
                (byte[])[.. ExtAllocator.EmptyBlockBitmap(grown, group), .. inodeBitmap]);
            progress?.Report(new EngineProgress("Adding block groups", group - old.GroupCount + 1,
                grown.GroupCount - old.GroupCount, "groups"));
        }

        cancellation.ThrowIfCancellationRequested();
        window.Flush();
    }

    private static ExtGrowth Unchanged(Window window, ExtGeometry old)
    {
        window.Flush();
        return new ExtGrowth(old.SizeBytes, old.SizeBytes);
    }

    private static void RestoreLength(Window window, long length)
    {
        try
        {
            if (window.Length != length)
                window.SetLength(length);
        }
        catch (LinuxException)
        {
            // The bytes after the file system mean nothing; the first error is the one to report.
        }
    }
}
