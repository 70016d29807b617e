using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Ext.Shrink;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Changes the size of overlay images, in a file of their own or in a SIF image.</summary>
public static class OverlayResizer
{
    /// <summary>Resizes an image; a journal that has to be replayed is replayed first.</summary>
    /// <param name="request">What shall be done.</param>
    /// <param name="progress">Told of groups, blocks, inodes and bytes.</param>
    /// <param name="token">Stops the work; the image then has its old size and all its files.</param>
    /// <returns>The image as it is afterwards.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.OverlayDirtyJournal"/>,
    /// <see cref="ErrorIds.OverlayBelowMinimumSize"/>, <see cref="ErrorIds.OverlaySizeTooLarge"/>,
    /// <see cref="ErrorIds.OptionConflict"/>; with <see cref="OverlayResizing.InodeCount"/>
    /// <see cref="ErrorIds.OverlayFull"/>; for a SIF image <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.SifCorrupt"/>, <see cref="ErrorIds.SifDescriptorNotFound"/>.</exception>
    /// <exception cref="OperationCanceledException">The token asked for it.</exception>
    public static OverlayImage Resize(
        OverlayResizing request, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        // What is swapped in has to take the file's place, not that of a link to it.
        var path = OverlayFile.RealPath(request.Path);
        // In a SIF image the whole of it changes. That lock overlaps the range that Apptainer locks for a partition.
        using var opened = LockedImage.ToChange(path, request.Id, whole: true);
        return Resize(opened, TheOne(opened.Locations, path), path, request, progress, token);
    }

    /// <summary>Grows or shrinks an image file.</summary>
    /// <inheritdoc cref="Resize(OverlayResizing, IProgress{EngineProgress}, CancellationToken)"/>
    public static OverlayImage Resize(
        string path, long sizeBytes, IProgress<EngineProgress>? progress = null, CancellationToken token = default) =>
        Resize(new OverlayResizing { Path = path, SizeBytes = sizeBytes }, progress, token);

    /// <summary>The sizes that a resizing leads from and to; the image is only read, without a lock.</summary>
    /// <exception cref="EngineException">Where not even that can be said.</exception>
    public static OverlaySizes Preview(OverlayResizing request, CancellationToken token = default)
    {
        using var file = OverlayFile.OpenExisting(request.Path, Open.ReadOnly);
        var location = Locate(file, request.Path, request.Id);
        return SizesOf(request, location, location.Open(file), token);
    }

    /// <summary>The fewest bytes that an image can be shrunk to; it is only read, without a lock.</summary>
    /// <param name="path">An image file, or a SIF image.</param>
    /// <param name="id">The partition of a SIF image; null for the only ext3 one.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>, <see cref="ErrorIds.OverlayFeatureUnsupported"/>,
    /// <see cref="ErrorIds.OptionConflict"/>, and what reading a SIF image raises.</exception>
    public static long MinimumSize(string path, uint? id = null, CancellationToken token = default)
    {
        using var file = OverlayFile.OpenExisting(path, Open.ReadOnly);
        return ExtShrinker.MinimumSize(Locate(file, path, id).Open(file), token);
    }

    private static OverlayImage Resize(
        LockedImage opened, OverlayLocation location, string path, OverlayResizing request,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var window = location.Open(opened.File);
        // Refuses a signed partition before a byte of it changes.
        ResizableImage image = location.Id is { } id
            ? new EmbeddedImage(opened.File, path, id)
            : new ImageFile(opened.File, path, opened.IsLocked);
        ExtRecovery.Run(window, progress, token);
        LostReserve.Restore(window, progress, token);

        var sizes = SizesOf(request, location, window, token);
        if (request.InodeCount is { } inodes)
        {
            var rebuild = OverlayRebuild.Prepare(window, inodes, progress, token);
            return image.Rebuild(rebuild, sizes.NewSizeBytes, progress, token);
        }

        var current = ExtFileSystem.Open(window).Geometry.SizeBytes;
        if (sizes.NewSizeBytes >= current)
            image.Grow(sizes.NewSizeBytes, progress, token);
        else
            image.Shrink(sizes.NewSizeBytes, progress, token);
        return image.Describe(token);
    }

    private static OverlaySizes SizesOf(
        OverlayResizing request, OverlayLocation location, Window window, CancellationToken token)
    {
        if (request.GrowBy is { } more)
        {
            return more <= long.MaxValue - location.Length
                ? new OverlaySizes(location.Length, location.Length + more)
                : throw new EngineException(ErrorIds.OverlaySizeTooLarge,
                    $"{location.Length} and {more} bytes are too many.", "Grow by less.", request.Path);
        }

        var size = request.ToMinimumSize
            ? ExtShrinker.MinimumSize(window, token)
            : request.SizeBytes ?? location.Length;
        return new OverlaySizes(location.Length, size);
    }

    private static OverlayLocation Locate(SafeFileHandle file, string path, uint? id) =>
        TheOne(OverlayLocation.Find(file, path, id), path);

    private static OverlayLocation TheOne(IReadOnlyList<OverlayLocation> locations, string path) =>
        locations.Count == 1
            ? locations[0]
            : throw new EngineException(ErrorIds.OptionConflict,
                $"'{path}' has {locations.Count} ext3 partitions: objects "
                    + $"{string.Join(", ", locations.Select(one => one.Id))}.",
                "Say with -Id which one is meant.", path);
}
