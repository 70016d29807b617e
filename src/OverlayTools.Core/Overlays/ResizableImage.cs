using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Overlays;

/// <summary>An image that is open and locked, in a file of its own or in a SIF image: what changing its size means
/// there.</summary>
internal abstract class ResizableImage
{
    /// <summary>Grows file system and room to a size that is not below the file system's; room beyond it is given
    /// back.</summary>
    public abstract void Grow(long size, IProgress<EngineProgress>? progress, CancellationToken token);

    /// <summary>Shrinks the file system, and then the room.</summary>
    public abstract void Shrink(long size, IProgress<EngineProgress>? progress, CancellationToken token);

    /// <summary>Puts a new file system in the old one's place, at once.</summary>
    public abstract OverlayImage Rebuild(
        OverlayRebuild rebuild, long size, IProgress<EngineProgress>? progress, CancellationToken token);

    /// <summary>Puts the content of a file in the place of all that is there, at once.</summary>
    /// <param name="source">An image in a file of its own.</param>
    /// <param name="sourcePath">Its path, for errors.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; what was there is still there.</param>
    public abstract OverlayImage Replace(
        SafeFileHandle source, string sourcePath, IProgress<EngineProgress>? progress, CancellationToken token);

    /// <summary>The image as it is now.</summary>
    public abstract OverlayImage Describe(CancellationToken token);
}
