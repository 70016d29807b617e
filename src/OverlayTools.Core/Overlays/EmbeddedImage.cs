using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools.Overlays;

/// <summary>
/// An overlay in a partition of a SIF image. The partition is never smaller than the file system in it: it grows before
/// that does, and shrinks after. What something follows is copied behind everything else to grow there; the image leads
/// to the copy when that is complete.
/// </summary>
internal sealed class EmbeddedImage : ResizableImage
{
    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly uint _id;
    private readonly Window _whole;
    private readonly SifPlacement _placement;

    /// <param name="file">The SIF image, locked as a whole.</param>
    /// <param name="path">Its path.</param>
    /// <param name="id">The partition.</param>
    /// <param name="whole">What all is written through; null for the file itself.</param>
    public EmbeddedImage(SafeFileHandle file, string path, uint id, Window? whole = null)
    {
        (_file, _path, _id) = (file, path, id);
        _whole = whole ?? new FileWindow(file);
        _placement = SifPlacement.Open(_whole, path, id);
    }

    private SubWindow FileSystem => new(_whole, _placement.Offset, _placement.SizeBytes);

    /// <inheritdoc/>
    public override void Grow(long size, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        ExtResizer.RequireGrowable(FileSystem, size);
        if (size <= _placement.SizeBytes)
        {
            ExtResizer.Grow(FileSystem, size, progress, token);
            Cut(size);
        }
        else if (_placement.IsLast)
        {
            GrowInPlace(size, progress, token);
        }
        else
        {
            GrowElsewhere(size, progress, token);
        }
    }

    /// <inheritdoc/>
    public override void Shrink(long size, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        ExtShrinker.Shrink(FileSystem, size, progress, token);
        Cut(size);
    }

    /// <inheritdoc/>
    public override OverlayImage Rebuild(
        OverlayRebuild rebuild, long size, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        MakeElsewhere(size, target => rebuild.Write(target, progress, token), token);
        return Describe(token);
    }

    /// <inheritdoc/>
    public override OverlayImage Replace(
        SafeFileHandle source, string sourcePath, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        MakeElsewhere(RandomAccess.GetLength(source), target =>
        {
            SparseCopy.Run(source, sourcePath, target, "Restoring the overlay", progress, token);
            target.Flush();
        }, token);
        return Describe(token);
    }

    /// <inheritdoc/>
    public override OverlayImage Describe(CancellationToken token) =>
        OverlayReader.Describe(_file, _path, _id, _placement.Offset, _placement.SizeBytes, token);

    private void GrowInPlace(long size, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var (offset, oldSize, oldLength) = (_placement.Offset, _placement.SizeBytes, _whole.Length);
        var remains = _placement.KeepRemains(offset, size, token);
        _placement.MakeRoom(offset, size);
        _placement.Move(offset, size);
        try
        {
            ExtResizer.Grow(FileSystem, size, progress, token);
        }
        catch
        {
            if (HasFileSystemOf(oldSize))
            {
                _placement.Move(offset, oldSize);
                remains.GiveBack();
                _whole.SetLength(oldLength);
                _whole.Flush();
            }

            throw;
        }

        // What was kept behind the end is not needed any more.
        if (_whole.Length > Math.Max(oldLength, offset + size))
            _placement.Release(offset + size, 0);
    }

    // Once the journal has the new size, a replay brings it: then the room has to stay, whatever failed afterwards.
    private bool HasFileSystemOf(long size)
    {
        var superblock = ExtSuperblock.Read(FileSystem);
        return !superblock.NeedsRecovery && (long)superblock.BlocksCount * superblock.BlockSize <= size;
    }

    private void GrowElsewhere(long size, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var source = _placement.Offset;
        var used = _placement.SizeBytes;
        MakeElsewhere(size, target =>
        {
            var copy = new SubWindow(target, 0, used);
            SparseCopy.Run(_file, source, _path, copy, "Copying the overlay", progress, token);
            ExtResizer.Grow(target, size, progress, token);
        }, token);
    }

    private void MakeElsewhere(long size, Action<Window> write, CancellationToken token)
    {
        var (oldOffset, oldSize, oldLength) = (_placement.Offset, _placement.SizeBytes, _whole.Length);
        var offset = _placement.NextOffset;
        var remains = _placement.KeepRemains(offset, size, token);
        try
        {
            _placement.MakeRoom(offset, size);
            write(new SubWindow(_whole, offset, size));
        }
        catch
        {
            remains.GiveBack();
            _whole.SetLength(oldLength);
            throw;
        }

        _placement.Move(offset, size);
        _placement.Release(oldOffset, oldSize);
    }

    private void Cut(long size)
    {
        var (offset, oldSize) = (_placement.Offset, _placement.SizeBytes);
        if (size >= oldSize)
            return;
        _placement.Move(offset, size);
        _placement.Release(offset + size, oldSize - size);
    }
}
