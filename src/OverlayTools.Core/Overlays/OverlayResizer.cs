using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Changes the size of overlay images in place.</summary>
public static class OverlayResizer
{
    /// <summary>Grows an image file; a journal that has to be replayed is replayed first.</summary>
    /// <param name="path">An ext3 image in a file of its own.</param>
    /// <param name="sizeBytes">The new size in bytes.</param>
    /// <param name="progress">Told of the groups done.</param>
    /// <param name="token">Stops the work before the change is made; the image then is what it was.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, <see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayBelowMinimumSize"/>, <see cref="ErrorIds.OverlaySizeTooLarge"/>.</exception>
    public static OverlayImage Grow(
        string path, long sizeBytes, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        if (Directory.Exists(path))
            throw new EngineException(ErrorIds.OverlayNotExt3, $"'{path}' is a directory.",
                "Name an overlay image; an overlay that is a directory has the size of its disk.", path);
        if (!File.Exists(path))
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"'{path}' does not exist.", "Check the path.", path);
        if (OverlayCreator.IsSif(path))
            throw new EngineException(ErrorIds.OverlayNotExt3, $"'{path}' is a SIF image; only an image in a file of its own can be resized.",
                "Make a larger overlay image in a file of its own, and copy the content inside a container.", path);

        using var file = Open.File(path, Open.ReadWrite | Open.NonBlock);
        if (Statx.Of(file, path).FileType != Statx.RegularFile)
            throw new EngineException(ErrorIds.OverlayNotExt3, $"'{path}' is not a regular file.",
                "Name an overlay image.", path);
        RangeLock.Acquire(file, path, exclusive: true, 0, 0);
        var window = new FileWindow(file);
        ExtRecovery.Run(window, progress, token);
        ExtResizer.Grow(window, sizeBytes, progress, token);
        return OverlayReader.Describe(file, path, id: null, 0, window.Length);
    }
}
