using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Ext.Check;
using OverlayTools.Ext.Edit;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Repairs overlay images.</summary>
public static class OverlayRepairer
{
    /// <summary>Replays the journals, deletes the files that had no name any more when their system stopped, and makes
    /// right what can be made right without a choice: bitmaps, counts, and the marks of errors that are gone.</summary>
    /// <param name="path">An image file, or a SIF image.</param>
    /// <param name="id">The one partition that is meant; null for all ext3 ones.</param>
    /// <param name="full">Let e2fsck repair a copy where errors are left; it takes the image's place when it is
    /// sound.</param>
    /// <param name="progress">Told of what is done.</param>
    /// <param name="token">Stops the work; a journal that was not wholly replayed is replayed again.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayFeatureUnsupported"/>,
    /// <see cref="ErrorIds.OptionConflict"/>, <see cref="ErrorIds.SifSigned"/>, <see cref="ErrorIds.SifCorrupt"/>; with
    /// <paramref name="full"/> <see cref="ErrorIds.RuntimeNotFound"/> and
    /// <see cref="ErrorIds.HelperFailed"/>, and the image is as without.</exception>
    public static IReadOnlyList<OverlayRepair> Repair(
        string path, uint? id = null, bool full = false,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        // What is swapped in has to take the file's place, not that of a link to it.
        path = OverlayFile.RealPath(path);
        using var image = LockedImage.ToChange(path, id);
        var (file, locations) = (image.File, image.Locations);
        OverlayLocation.RefuseSigned(file, path, locations);
        TemporaryFiles.RemoveAbandoned(path);
        var repairs = locations.Select(location => RepairOne(file, path, location, progress, token)).ToList();
        if (!full || repairs.TrueForAll(repair => repair.IsSound))
            return repairs;
        // All of the file is copied: what others write elsewhere in it meanwhile would be lost.
        image.LockWhole();
        RepairCopy(file, path, [.. locations.Where((_, i) => !repairs[i].IsSound)], progress, token);
        return [.. repairs.Select(repair => repair.IsSound ? repair : repair with { UsedE2fsck = true, ErrorCount = 0 })];
    }

    private static OverlayRepair RepairOne(
        SafeFileHandle file, string path, OverlayLocation location, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var window = location.Open(file);
        var repair = new OverlayRepair { Path = path, Id = location.Id };
        try
        {
            if (JournalReplay.Find(window, token) is { } replay)
            {
                replay.Apply(progress, token);
                repair = repair with { ReplayedTransactions = replay.Transactions };
            }

            repair = repair with { DeletedOrphans = OrphanList.Process(window, token) };
            repair = repair with { RepairedBlocks = ExtChecker.RepairCounts(window, progress, token) };
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayCorrupt)
        {
            // The check below says what is wrong.
        }

        return repair with { ErrorCount = ExtChecker.Check(window, progress, token).ErrorCount };
    }

    private static void RepairCopy(
        SafeFileHandle file, string path, IReadOnlyList<OverlayLocation> damaged,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        using var copy = ImageReplacement.Begin(file, path);
        Ftruncate.File(copy.Handle, RandomAccess.GetLength(file), copy.TemporaryPath);
        SparseCopy.Run(file, path, new FileWindow(copy.Handle), "Copying", progress, token);
        foreach (var location in damaged)
        {
            progress?.Report(new EngineProgress("Repairing a copy with e2fsck", 0, 0));
            FileSystemChecker.Repair(copy.Handle, location, path, token);
            var left = ExtChecker.Check(location.Open(copy.Handle), progress, token);
            if (!left.IsSound)
                throw new EngineException(ErrorIds.HelperFailed, $"After e2fsck, '{path}' still has {left.ErrorCount} error(s).",
                    "The image was not changed. Copy out of it what can be read.", path);
        }

        // The lock hangs on the open file: whoever opens the new one meanwhile shall find it locked.
        RangeLock.Acquire(copy.Handle, path, exclusive: true, 0, 0);
        copy.Commit(replace: true);
    }
}
