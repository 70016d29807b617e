using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>An overlay image in a file of its own.</summary>
internal sealed class ImageFile(SafeFileHandle file, string path, bool locked) : ResizableImage
{
    private readonly FileWindow _window = new(file);

    /// <inheritdoc/>
    public override void Grow(long size, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        ExtResizer.Grow(_window, size, progress, token);
        Cut(size);
    }

    /// <inheritdoc/>
    public override void Shrink(long size, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        ExtShrinker.Shrink(_window, size, progress, token);
        Cut(size);
    }

    /// <inheritdoc/>
    public override OverlayImage Rebuild(
        OverlayRebuild rebuild, long size, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        using var copy = ImageReplacement.Begin(file, path);
        Ftruncate.File(copy.Handle, size, copy.TemporaryPath);
        rebuild.Write(new FileWindow(copy.Handle), progress, token);
        return Swap(copy, size, token);
    }

    /// <inheritdoc/>
    public override OverlayImage Replace(
        SafeFileHandle source, string sourcePath, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        using var copy = ImageReplacement.Begin(file, path);
        var size = RandomAccess.GetLength(source);
        if (!FileClone.Try(source, copy.Handle))
        {
            Ftruncate.File(copy.Handle, size, copy.TemporaryPath);
            SparseCopy.Range(source, 0, copy.Handle, 0, size, sourcePath, token,
                done => progress?.Report(new EngineProgress("Restoring the overlay", done, size)));
        }

        token.ThrowIfCancellationRequested();
        return Swap(copy, size, token);
    }

    /// <inheritdoc/>
    public override OverlayImage Describe(CancellationToken token) =>
        OverlayReader.Describe(file, path, id: null, 0, _window.Length, token);

    private OverlayImage Swap(AtomicFile copy, long size, CancellationToken token)
    {
        // The lock hangs on the open file: whoever opens the new one meanwhile shall find it locked.
        if (locked)
            RangeLock.Acquire(copy.Handle, path, exclusive: true, 0, 0);
        copy.Commit(replace: true);
        FileLock.Release(copy.Handle, 0, 0);
        return OverlayReader.Describe(copy.Handle, path, id: null, 0, size, token);
    }

    private void Cut(long size)
    {
        if (_window.Length <= size)
            return;
        _window.SetLength(size);
        _window.Flush();
    }
}
