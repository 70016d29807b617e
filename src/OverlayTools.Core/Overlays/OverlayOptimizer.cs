using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// Gives the blocks that an overlay image does not use back to the disk, as holes in the file. What a deleted file took
/// stays in an image otherwise: neither the kernel nor fuse2fs gives it back.
/// </summary>
public static class OverlayOptimizer
{
    private const string Activity = "Giving free blocks back";

    /// <summary>Optimizes an image, or the ext3 partitions of a SIF image; a journal that has to be replayed is replayed
    /// first.</summary>
    /// <param name="path">An image file, or a SIF image.</param>
    /// <param name="id">The one partition that is meant; null for all ext3 ones.</param>
    /// <param name="keepWork">Whether what is left in <c>work</c> stays there.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; the files are all there.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayCorrupt"/> for one that is not sound: what its
    /// bitmaps call free may not be, <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.OptionConflict"/>; <see cref="ErrorIds.HolesUnsupported"/> where the disk has none.</exception>
    public static IReadOnlyList<OverlayOptimization> Optimize(
        string path, uint? id = null, bool keepWork = false, IProgress<EngineProgress>? progress = null,
        CancellationToken token = default)
    {
        path = OverlayFile.RealPath(path);
        using var image = LockedImage.ToChange(path, id);
        OverlayLocation.RefuseSigned(image.File, path, image.Locations);
        return [.. image.Locations.Select(location => Optimize(image.File, path, location, keepWork, progress, token))];
    }

    private static OverlayOptimization Optimize(
        SafeFileHandle file, string path, OverlayLocation location, bool keepWork, IProgress<EngineProgress>? progress,
        CancellationToken token)
    {
        var before = FileExtents.AllocatedBytes(file, location.Offset, location.Length);
        var window = location.Open(file);
        ExtRecovery.Run(window, progress, token);
        ExtShrinker.RequireSound(window, progress, token);
        var removed = keepWork ? 0 : WorkLeftovers.Remove(window, token);
        // Before anything becomes a hole, it has to be free on the disk.
        window.Flush();
        Punch(file, path, location, UnusedSpace.Find(ExtFileSystem.Open(window), token), progress, token);
        window.Flush();
        return new OverlayOptimization
        {
            Path = path,
            Id = location.Id,
            OldAllocatedBytes = before,
            AllocatedBytes = FileExtents.AllocatedBytes(file, location.Offset, location.Length),
            RemovedWorkItems = removed,
        };
    }

    private static void Punch(
        SafeFileHandle file, string path, OverlayLocation location, List<(long Start, long End)> unused,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        foreach (var (start, end) in unused)
        {
            token.ThrowIfCancellationRequested();
            // What is a hole already needs no call.
            if (Lseek.TryFindData(file, location.Offset + start, out var data) && data >= location.Offset + end)
                continue;
            if (!Fallocate.TryPunchHole(file, location.Offset + start, end - start, path))
                throw new EngineException(ErrorIds.HolesUnsupported,
                    $"The file system that '{path}' is on cannot take blocks out of a file.",
                    "Copy the image to another place, or there with Copy-OverlayImage after Resize-OverlayImage -ToMinimumSize.", path);
            progress?.Report(new EngineProgress(Activity, end, location.Length));
        }
    }
}
