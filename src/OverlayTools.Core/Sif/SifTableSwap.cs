using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>
/// Changes several slots of a table as one. The changed table is first written behind everything else; then one byte
/// of the header, which no crash can tear, leads there; then the table in its old place is brought up to date, the
/// header leads back, and the file gets its length back.
/// </summary>
internal static class SifTableSwap
{
    /// <summary>Makes the change durable.</summary>
    /// <param name="file">The image.</param>
    /// <param name="image">The same as it is: free of faults.</param>
    /// <param name="header">The header as it shall be; the table's place and size are those it has.</param>
    /// <param name="objects">The objects as they shall be, in the slots they have; the slots of others are
    /// freed.</param>
    /// <exception cref="IOException">A write failed. The image is as it was, or the table stands twice.</exception>
    public static void Run(Window file, SifImage image, SifHeader header, IReadOnlyList<SifObject> objects)
    {
        var before = image.Header.Copy();
        var oldLength = file.Length;
        var kept = objects.Select(o => o.Slot).ToHashSet();
        var oldSlots = ReadSlots(file, before, image.Objects.Select(o => o.Slot).Union(kept));
        var away = before.Copy();
        away.DescriptorsOffset = SifByteSteps.OneByteAbove(before.DescriptorsOffset, Math.Max(oldLength, before.DataOffset));
        // Other tools put the next object at DataOffset or behind: not on the table, should it stay where it is now.
        away.DataOffset = SifByteSteps.OneByteAbove(before.DataOffset, away.TableEnd);
        try
        {
            file.SetLength(away.DataOffset);
            SifTable.WriteSlots(file, away.DescriptorsOffset, objects);
            file.Flush();
            SifByteSteps.Write(file, SifHeader.DataOffsetOffset, before.DataOffset, away.DataOffset);
            SifByteSteps.Write(
                file, SifHeader.DescriptorsOffsetOffset, before.DescriptorsOffset, away.DescriptorsOffset);
            SifTable.WriteSlots(file, before.DescriptorsOffset, objects);
            foreach (var gone in image.Objects.Where(o => !kept.Contains(o.Slot)))
                file.Write(before.SlotOffset(gone.Slot), new byte[SifDescriptor.Size]);
            file.Flush();
            header.Write(file);
            file.Flush();
        }
        catch
        {
            Undo(file, oldSlots, before, away, oldLength);
            throw;
        }

        file.SetLength(oldLength);
        file.Flush();
    }

    // Free ones too: they may still hold what a removal left.
    private static List<(long Offset, byte[] Bytes)> ReadSlots(Window file, SifHeader header, IEnumerable<long> slots)
    {
        List<(long Offset, byte[] Bytes)> read = [.. slots.Select(slot => (header.SlotOffset(slot), new byte[SifDescriptor.Size]))];
        foreach (var (offset, bytes) in read)
            file.Read(offset, bytes);
        return read;
    }

    // With the old table in its old place again, the header may lead back to it.
    private static void Undo(
        Window file, List<(long Offset, byte[] Bytes)> oldSlots, SifHeader before, SifHeader away, long oldLength)
    {
        try
        {
            foreach (var (offset, bytes) in oldSlots)
                file.Write(offset, bytes);
            file.Flush();
            SifByteSteps.Write(
                file, SifHeader.DescriptorsOffsetOffset, away.DescriptorsOffset, before.DescriptorsOffset);
            before.Write(file);
            file.Flush();
            file.SetLength(oldLength);
        }
        catch (IOException)
        {
            // The image reads as before or as after; the first failure says more.
        }
    }
}
