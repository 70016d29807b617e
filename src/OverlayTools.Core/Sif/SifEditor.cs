using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>What was added to an image.</summary>
/// <param name="Object">The object; its data can be read by opening the image again.</param>
/// <param name="Locked">False when the file system knows no locks, so that nothing kept others out.</param>
public readonly record struct SifAddition(SifObject Object, bool Locked);

/// <summary>Changes SIF images in place, so that after a crash at any moment the image reads as before or as
/// after.</summary>
public static class SifEditor
{
    /// <summary>Adds an object behind the last one.</summary>
    /// <param name="path">The image. It is locked exclusively, as a whole.</param>
    /// <param name="added">The object.</param>
    /// <param name="options">The time that the change leaves; null for the ordinary one.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; the image stays what it was.</param>
    /// <remarks>If the work fails or is stopped, the file gets its old length back and no byte of an object, of the
    /// table or of the header has changed. Bytes behind the last object, which a deletion left there, are not
    /// kept.</remarks>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.SifPrimaryPartitionExists"/>, <see cref="ErrorIds.SifNoFreeDescriptor"/>,
    /// <see cref="ErrorIds.SifInvalidValue"/>, <see cref="ErrorIds.SifCorrupt"/>, or what opening the image
    /// throws.</exception>
    public static SifAddition Add(
        string path, SifNewObject added, SifChangeOptions? options = null, IProgress<EngineProgress>? progress = null,
        CancellationToken token = default)
    {
        using var file = SifFile.Open(path, writable: true);
        // Overlaps the range of every partition: a container that uses one of them holds a lock on it.
        var locked = RangeLock.Acquire(file, path, exclusive: true, 0, 0);
        return new SifAddition(Add(new FileWindow(file), path, added, options, progress, token), locked);
    }

    /// <summary>Adds an object to an image that the caller holds open and locked.</summary>
    internal static SifObject Add(
        Window file, string path, SifNewObject added, SifChangeOptions? options = null,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        using var image = SifImage.Open(file, path, token);
        CheckChangeable(image, added);
        var table = new SifTable(file, path, image.Header, image.Objects);
        var placed = table.Place(added, (options ?? new SifChangeOptions()).Seconds(image.IsDeterministic));

        WriteObject(file, table.Header.SlotOffset(placed.Slot), placed, added, progress, token);
        table.Header.Write(file);
        file.Flush();
        return placed.Reread();
    }

    private static void CheckChangeable(SifImage image, SifNewObject added)
    {
        if (image.ModificationFault is { } fault)
            throw SifFailure.NotChangeable(image.Path, fault);
        if (added.GroupId is { } group && image.IsGroupSigned(group))
            throw Signed(image,
                $"Group {group} of '{image.Path}' is signed, and its signature would no longer be valid.");
        // The verification of a signed image rejects an object in no group (SIF specification, 4.7 step 2).
        if (added.GroupId is null && added.DataType != SifDataType.Signature && image.IsSigned)
            throw Signed(image, $"'{image.Path}' is signed, and would not verify with an object that is in no group.");
    }

    private static EngineException Signed(SifImage image, string why) => new(ErrorIds.SifSigned, why,
        "Add the object to a group that is not signed, or to an unsigned copy of the image.", image.Path);

    // Data, then the slot still marked free, then the mark alone: one byte, which no crash can tear. Each is on stable
    // storage before the next begins.
    private static void WriteObject(
        Window file, long slotOffset, SifObject placed, SifNewObject added, IProgress<EngineProgress>? progress,
        CancellationToken token)
    {
        var oldLength = file.Length;
        var oldSlot = new byte[SifDescriptor.Size];
        file.Read(slotOffset, oldSlot);
        var newSlot = new byte[SifDescriptor.Size];
        try
        {
            SifWriter.WriteData(file, placed, added, progress, token);
            file.Flush();
            token.ThrowIfCancellationRequested();

            placed.Descriptor.Write(newSlot);
            newSlot[SifDescriptor.UsedOffset] = 0;
            file.Write(slotOffset, newSlot);
            file.Flush();
            file.Write(slotOffset + SifDescriptor.UsedOffset, [placed.Descriptor.Used]);
        }
        catch
        {
            Undo(file, oldLength, slotOffset, oldSlot);
            throw;
        }

        file.Flush();
    }

    private static void Undo(Window file, long oldLength, long slotOffset, byte[] oldSlot)
    {
        try
        {
            var slot = new byte[SifDescriptor.Size];
            file.Read(slotOffset, slot);
            if (!slot.AsSpan().SequenceEqual(oldSlot))
                file.Write(slotOffset, oldSlot);
            if (file.Length != oldLength)
                file.SetLength(oldLength);
        }
        catch (IOException)
        {
            // The first failure says more. What remains lies behind the last object and is nobody's.
        }
    }
}
