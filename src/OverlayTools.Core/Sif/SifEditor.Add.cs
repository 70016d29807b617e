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
        IProgress<EngineProgress>? progress = null, CancellationToken token = default) =>
        AddAll(file, path, [added], options, progress, token)[0];

    /// <summary>Adds several objects as one: all of them, or none.</summary>
    /// <inheritdoc cref="Add(Window, string, SifNewObject, SifChangeOptions?, IProgress{EngineProgress}?, CancellationToken)"/>
    internal static IReadOnlyList<SifObject> AddAll(
        Window file, string path, IReadOnlyList<SifNewObject> added, SifChangeOptions? options = null,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        options ??= new SifChangeOptions();
        using var image = OpenChangeable(file, path, token);
        foreach (var one in added)
            CheckAddition(image, one);
        var table = new SifTable(file, path, image.Header.Copy(), image.Objects);
        var growth = options.GrowTable && table.IsFull ? SifTableGrowth.Plan(image) : null;
        growth?.Apply(table.Header);
        var seconds = options.Seconds(image.IsDeterministic);
        List<SifObject> placed = [.. added.Select(one => table.Place(one, seconds))];

        WriteAll(file, image, table, growth, [.. placed.Zip(added)], progress, token);
        return [.. placed.Select(one => one.Reread())];
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

    // The data first, which may fail or be stopped; then a longer table, if it needs one; then the slots. Each is on
    // stable storage before the next begins.
    private static void WriteAll(
        Window file, SifImage image, SifTable table, SifTableGrowth? growth,
        IReadOnlyList<(SifObject Placed, SifNewObject Added)> objects, IProgress<EngineProgress>? progress,
        CancellationToken token)
    {
        var oldLength = file.Length;
        var start = growth?.Offset ?? objects[0].Placed.Offset;
        var end = objects.Where(o => o.Placed.SizeBytes > 0).Select(o => o.Placed.End)
            .Append(growth?.DataOffset ?? 0).Append(oldLength).Max();
        var remains = SifRemains.Take(file, start, end, token);
        byte[]? oldSlot = null;
        var slotOffset = table.Header.SlotOffset(objects[0].Placed.Slot);
        try
        {
            if (growth is not null && start < file.Length)
                file.Clear(start, Math.Min(growth.DataOffset, file.Length) - start);
            foreach (var (placed, added) in objects)
                SifWriter.WriteData(file, placed, added, progress, token);
            file.Flush();
            token.ThrowIfCancellationRequested();
            growth?.Run(file);
            if (objects.Count == 1)
                WriteSlot(file, objects[0].Placed.Descriptor, slotOffset, oldSlot = Slot(file, slotOffset));
            else
                SifTableSwap.Run(file, image, table.Header, table.Objects);
        }
        catch
        {
            Undo(() =>
            {
                if (growth is { HasBegun: true })
                    growth.Undo(file);
                else if (oldSlot is not null)
                    RestoreSlot(file, slotOffset, oldSlot);
                else if (objects.Count > 1 && IsThere(file, image, slotOffset))
                    return; // What failed came after the table, or the header could not be led back.
                remains.GiveBack();
                if (file.Length != oldLength)
                    file.SetLength(oldLength);
            });
            throw;
        }

        file.Flush();
        if (objects.Count == 1)
        {
            table.Header.Write(file);
            file.Flush();
        }

        if (file.Length > end)
        {
            file.SetLength(end);
            file.Flush();
        }
    }

    // The slot still marked free, then the mark alone: one byte, which no crash can tear.
    private static void WriteSlot(Window file, SifDescriptor descriptor, long slotOffset, byte[] oldSlot)
    {
        var slot = new byte[oldSlot.Length];
        descriptor.Write(slot);
        slot[SifDescriptor.UsedOffset] = 0;
        file.Write(slotOffset, slot);
        file.Flush();
        file.Write(slotOffset + SifDescriptor.UsedOffset, [descriptor.Used]);
    }

    private static bool IsThere(Window file, SifImage image, long slotOffset) =>
        !LeadsToItsTable(file, image) || Slot(file, slotOffset)[SifDescriptor.UsedOffset] != 0;

    private static byte[] Slot(Window file, long slotOffset)
    {
        var slot = new byte[SifDescriptor.Size];
        file.Read(slotOffset, slot);
        return slot;
    }

    private static void RestoreSlot(Window file, long slotOffset, byte[] oldSlot)
    {
        if (!Slot(file, slotOffset).AsSpan().SequenceEqual(oldSlot))
            file.Write(slotOffset, oldSlot);
    }
}
