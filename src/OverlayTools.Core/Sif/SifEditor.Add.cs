using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>What was added to an image.</summary>
/// <param name="Object">The object; its data can be read by opening the image again.</param>
/// <param name="Locked">False when the file system knows no locks, so that nothing kept others out.</param>
public readonly record struct SifAddition(SifObject Object, bool Locked);

public static partial class SifEditor
{
    /// <summary>Adds an object to an image that the caller holds open and locked.</summary>
    internal static SifObject Add(
        Window file, string path, SifNewObject added, SifChangeOptions? options = null,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        options ??= new SifChangeOptions();
        using var image = OpenChangeable(file, path, token);
        CheckAddition(image, added);
        var before = image.Header.Copy();
        var table = new SifTable(file, path, image.Header, image.Objects);
        var grow = options.GrowTable && table.IsFull;
        if (grow)
            table.Grow();
        var placed = table.Place(added, options.Seconds(image.IsDeterministic));

        if (grow)
        {
            WriteWithNewTable(file, table, before, placed, added, progress, token);
            return placed.Reread();
        }

        WriteObject(file, table.Header.SlotOffset(placed.Slot), placed, added, progress, token);
        table.Header.Write(file);
        file.Flush();
        return placed.Reread();
    }

    private static void CheckAddition(SifImage image, SifNewObject added)
    {
        const string action = "Add the object to a group that is not signed, or to an unsigned copy of the image.";
        if (added.GroupId is { } group && image.IsGroupSigned(group))
            throw Signed(image.Path,
                $"Group {group} of '{image.Path}' is signed, and its signature would no longer be valid.", action);
        // The verification of a signed image rejects an object in no group (SIF specification, 4.7 step 2).
        if (added.GroupId is null && added.DataType != SifDataType.Signature && image.IsSigned)
            throw Signed(image.Path,
                $"'{image.Path}' is signed, and would not verify with an object that is in no group.", action);
    }

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
            Undo(() => RestoreSlot(file, oldLength, slotOffset, oldSlot));
            throw;
        }

        file.Flush();
    }

    // The old table stays as it is until the header names the new one, which is complete by then.
    private static void WriteWithNewTable(
        Window file, SifTable table, SifHeader before, SifObject placed, SifNewObject added,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var oldLength = file.Length;
        var header = table.Header;
        var switched = false;
        try
        {
            if (header.DescriptorsOffset < oldLength)
                file.Clear(header.DescriptorsOffset, Math.Min(header.TableEnd, oldLength) - header.DescriptorsOffset);
            if (header.TableEnd > oldLength)
                file.SetLength(header.TableEnd);
            SifWriter.WriteData(file, placed, added, progress, token);
            table.WriteSlots();
            file.Flush();
            token.ThrowIfCancellationRequested();
            switched = true;
            header.Write(file);
        }
        catch
        {
            Undo(() =>
            {
                if (switched)
                    before.Write(file);
                file.SetLength(oldLength);
            });
            throw;
        }

        file.Flush();
    }

    private static void RestoreSlot(Window file, long oldLength, long slotOffset, byte[] oldSlot)
    {
        var slot = new byte[SifDescriptor.Size];
        file.Read(slotOffset, slot);
        if (!slot.AsSpan().SequenceEqual(oldSlot))
            file.Write(slotOffset, oldSlot);
        if (file.Length != oldLength)
            file.SetLength(oldLength);
    }
}
