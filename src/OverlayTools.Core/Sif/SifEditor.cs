using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>Changes SIF images in place, so that after a crash at any moment the image reads as before or as
/// after.</summary>
public static partial class SifEditor
{
    /// <summary>Adds an object behind the last one.</summary>
    /// <param name="path">The image. It is locked exclusively, as a whole.</param>
    /// <param name="added">The object.</param>
    /// <param name="options">The time that the change leaves, and what becomes of a full table; null for the ordinary
    /// time, and a refusal.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; the image stays what it was.</param>
    /// <remarks>If the work fails or is stopped, the file gets its old length back and no byte of an object, of the
    /// table or of the header has changed; neither has any behind the last object, where a removal may have left
    /// some.</remarks>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.SifPrimaryPartitionExists"/>, <see cref="ErrorIds.SifNoFreeDescriptor"/>,
    /// <see cref="ErrorIds.SifInvalidValue"/>, <see cref="ErrorIds.SifCorrupt"/>, or what opening the image
    /// throws.</exception>
    public static SifAddition Add(
        string path, SifNewObject added, SifChangeOptions? options = null, IProgress<EngineProgress>? progress = null,
        CancellationToken token = default)
    {
        var (placed, locked) = Locked(path, (file, use) =>
        {
            RefuseUsedRemains(use, file, path, token);
            return Add(file, path, added, options, progress, token);
        });
        return new SifAddition(placed, locked);
    }

    /// <summary>Removes objects. Their slots become free, and links to them stay.</summary>
    /// <param name="path">The image. It is locked exclusively, as a whole.</param>
    /// <param name="ids">The objects.</param>
    /// <param name="options">What becomes of their bytes; null leaves them, and removes no primary partition.</param>
    /// <param name="token">Stops the work before it begins.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>, <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.SifPrimaryPartitionProtected"/>, <see cref="ErrorIds.SifCorrupt"/>, or what opening the
    /// image throws; nothing was removed.</exception>
    public static SifRemoval Remove(
        string path, IReadOnlyCollection<uint> ids, SifRemoveOptions? options = null, CancellationToken token = default)
    {
        var (removed, locked) = Locked(path, (file, use) =>
        {
            // A mount takes no lock. Objects that merely lose their descriptors can still be read by who has them.
            if (options is { Zero: true } or { Compact: true })
                use.RefuseUsed();
            return Remove(file, path, ids, options, token);
        });
        return removed with { Locked = locked };
    }

    /// <summary>Makes a system partition the one that is run; the one that was becomes an ordinary system
    /// partition.</summary>
    /// <param name="path">The image. It is locked exclusively, as a whole.</param>
    /// <param name="id">The partition.</param>
    /// <param name="options">The time that the change leaves; null for the ordinary one.</param>
    /// <param name="token">Stops the work before it begins.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>, <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.SifInvalidValue"/> (no partition, or one of another type),
    /// <see cref="ErrorIds.SifCorrupt"/>, or what opening the image throws.</exception>
    public static SifPrimaryChange SetPrimary(
        string path, uint id, SifChangeOptions? options = null, CancellationToken token = default)
    {
        var (change, locked) = Locked(path, (file, _) => SetPrimary(file, path, id, options, token));
        return change with { Locked = locked };
    }

    /// <summary>Refuses to write behind the last object where somebody still uses what a removal left there: a partition
    /// that is mounted stays so when its descriptor goes, and what is written through it would go into the new
    /// object.</summary>
    internal static void RefuseUsedRemains(ExclusiveUse use, Window file, string path, CancellationToken token)
    {
        using var image = SifImage.Open(file, path, token);
        var end = SifImage.DataEnd(image.Header, image.Objects);
        if (end < file.Length)
            use.RefuseUsed(end);
    }

    private static (T Result, bool Locked) Locked<T>(string path, Func<Window, ExclusiveUse, T> change)
    {
        using var file = SifFile.Open(path, writable: true);
        // Overlaps the range of every partition: a container that uses one of them holds a lock on it.
        using var use = ExclusiveUse.Lock(file, path);
        return (change(new FileWindow(file), use), use.IsLocked);
    }

    private static SifImage OpenChangeable(Window file, string path, CancellationToken token)
    {
        var image = SifImage.Open(file, path, token);
        return image.ModificationFault is { } fault ? throw SifFailure.NotChangeable(path, fault) : image;
    }

    private static EngineException Signed(string path, string why, string action) =>
        new(ErrorIds.SifSigned, why, action, path);

    // After a failed write: as before, as far as the disk lets us. The first failure says more than a second would.
    private static void Undo(Action undo)
    {
        try
        {
            undo();
        }
        catch (IOException)
        {
            // What remains is nobody's: it lies in a free slot, or behind the last object.
        }
    }
}
