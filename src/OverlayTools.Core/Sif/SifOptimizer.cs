using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;

namespace OverlayTools.Sif;

/// <summary>What an optimization won.</summary>
/// <param name="Path">The image.</param>
/// <param name="OldLength">Bytes in the file before.</param>
/// <param name="NewLength">Bytes in the file now.</param>
/// <param name="OldAllocated">Bytes that it took on the disk before.</param>
/// <param name="NewAllocated">Bytes that it takes on the disk now.</param>
/// <param name="MovedObjects">Objects that have another place now.</param>
/// <param name="Locked">False when the file system knows no locks, so that nothing kept others out.</param>
/// <param name="OtherNames">Further names (hard links) of the file, which still lead to the old one.</param>
public sealed record SifOptimization(
    string Path, long OldLength, long NewLength, long OldAllocated, long NewAllocated, int MovedObjects, bool Locked,
    int OtherNames);

/// <summary>
/// Reclaims what deletions and an enlarged table left: the image is written anew beside itself, without the holes
/// between objects, and takes its place when it is complete. Whoever still reads the old file, as a running container
/// does without a lock, is not disturbed.
/// </summary>
public static class SifOptimizer
{
    /// <summary>What an optimization would win, in bytes of the file's length; 0 when there is nothing to win.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifCorrupt"/>: the image must not be changed.</exception>
    public static long Gain(SifImage image)
    {
        CheckChangeable(image);
        return Math.Max(0, image.Length - SifCompactLayout.Of(image).Length);
    }

    /// <summary>Reclaims the space. Ids, links, order, capacity and alignment stay; so do signatures.</summary>
    /// <param name="path">The image. It is locked exclusively, as a whole.</param>
    /// <param name="options">The time that the change leaves; null for the ordinary one.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; the image stays what it was.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, <see cref="ErrorIds.SifCorrupt"/>, or what
    /// opening the image throws.</exception>
    public static SifOptimization Optimize(
        string path, SifChangeOptions? options = null, IProgress<EngineProgress>? progress = null,
        CancellationToken token = default)
    {
        // What is swapped in has to take the file's place, not that of a link to it.
        var target = new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);
        using var file = SifFile.Open(target, writable: true);
        // What a mount wrote afterwards would go into the old file.
        using var use = ExclusiveUse.Take(file, target);
        var status = Statx.Of(file, target);
        using var image = SifImage.Open(new FileWindow(file), target, token);
        CheckChangeable(image);
        var layout = SifCompactLayout.Of(image);
        var result = new SifOptimization(path, status.Size, status.Size, Allocated(status), Allocated(status), 0, use.IsLocked, 0);
        if (layout.Length >= image.Length)
            return result;

        layout.Header.ModifiedAt = (options ?? new SifChangeOptions()).Seconds(image.IsDeterministic);
        if (layout.MovesNothing(image))
        {
            Cut(file, image, layout);
            return result with { NewLength = layout.Length, NewAllocated = Allocated(Statx.Of(file, target)) };
        }

        var allocated = Rewrite(file, target, image, layout, progress, token);
        return result with
        {
            NewLength = layout.Length,
            NewAllocated = allocated,
            MovedObjects = layout.Objects.Count(o => o.Offset != image.Find(o.Id).Offset),
            OtherNames = (int)status.Links - 1,
        };
    }

    private static void CheckChangeable(SifImage image)
    {
        if (image.ModificationFault is { } fault)
            throw SifFailure.NotChangeable(image.Path, fault);
    }

    // What lies behind the last object is nobody's; the header first, since a shorter file with the old size in its
    // header would lead old tools behind its end.
    private static void Cut(SafeFileHandle file, SifImage image, SifCompactLayout layout)
    {
        var window = new FileWindow(file);
        var header = image.Header.Copy();
        header.DataSize = image.DataSize;
        header.DescriptorsFree = image.FreeDescriptors;
        header.ModifiedAt = layout.Header.ModifiedAt;
        header.Write(window);
        window.Flush();
        window.SetLength(layout.Length);
        window.Flush();
    }

    private static long Rewrite(
        SafeFileHandle file, string target, SifImage image, SifCompactLayout layout,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        using var copy = ImageReplacement.BeginForName(file, target);
        // The lock hangs on the open file: whoever opens the new one meanwhile shall find it locked.
        RangeLock.Acquire(copy.Handle, target, exclusive: true, 0, 0);

        var window = new FileWindow(copy.Handle);
        window.SetLength(layout.Length);
        long done = 0;
        var total = layout.Objects.Sum(o => o.SizeBytes);
        foreach (var moved in layout.Objects.Where(o => o.SizeBytes > 0))
        {
            SparseCopy.Range(file, image.Find(moved.Id).Offset, copy.Handle, moved.Offset, moved.SizeBytes, target, token,
                bytes => progress?.Report(new EngineProgress("Moving objects", done + bytes, total)));
            done += moved.SizeBytes;
        }

        SifTable.WriteSlots(window, layout.Header.DescriptorsOffset, layout.Objects);
        layout.Header.Write(window);
        window.Flush();
        token.ThrowIfCancellationRequested();
        var allocated = Allocated(Statx.Of(copy.Handle, target));
        copy.Commit(replace: true);
        return allocated;
    }

    private static long Allocated(Statx.Status status) => status.Sectors * 512;
}
