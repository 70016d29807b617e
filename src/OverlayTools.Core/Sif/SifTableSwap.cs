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
        var away = before.Copy();
        away.DescriptorsOffset = OneByteAbove(before.DescriptorsOffset, Math.Max(oldLength, before.DataOffset));
        // Other tools put the next object at DataOffset or behind: not on the table, should it stay where it is now.
        away.DataOffset = OneByteAbove(before.DataOffset, away.TableEnd);
        try
        {
            file.SetLength(away.DataOffset);
            SifTable.WriteSlots(file, away.DescriptorsOffset, objects);
            file.Flush();
            WriteDifference(file, before.DataOffset, away.DataOffset, SifHeader.DataOffsetOffset);
            WriteDifference(file, before.DescriptorsOffset, away.DescriptorsOffset, SifHeader.DescriptorsOffsetOffset);
            SifTable.WriteSlots(file, before.DescriptorsOffset, objects);
            foreach (var gone in image.Objects.Where(o => objects.All(kept => kept.Slot != o.Slot)))
                file.Write(before.SlotOffset(gone.Slot), new byte[SifDescriptor.Size]);
            file.Flush();
            header.Write(file);
            file.Flush();
        }
        catch
        {
            Undo(file, image, before, away, oldLength);
            throw;
        }

        file.SetLength(oldLength);
        file.Flush();
    }

    /// <summary>The least number that is not below another, and differs from a third in one byte only.</summary>
    internal static long OneByteAbove(long number, long least)
    {
        if (number >= least)
            return number;
        for (var shift = 0; shift < 63; shift += 8)
        {
            var rest = number & ~(0xFFL << shift);
            // The byte that reaches `least`, rounded up.
            var needed = (least - rest + (1L << shift) - 1) >> shift;
            if (needed is > 0 and <= (long)byte.MaxValue && (shift < 56 || needed < 128))
                return rest + (needed << shift);
        }

        throw SifFailure.InvalidValue("The image is as long as a file can be.");
    }

    private static void WriteDifference(Window file, long from, long to, int field)
    {
        for (var i = 0; i < sizeof(long); i++)
        {
            var value = (byte)(to >> (8 * i));
            if (value != (byte)(from >> (8 * i)))
                file.Write(field + i, [value]);
        }

        file.Flush();
    }

    // With the old table in its old place again, the header may lead back to it.
    private static void Undo(Window file, SifImage image, SifHeader before, SifHeader away, long oldLength)
    {
        try
        {
            SifTable.WriteSlots(file, before.DescriptorsOffset, image.Objects);
            file.Flush();
            WriteDifference(file, away.DescriptorsOffset, before.DescriptorsOffset, SifHeader.DescriptorsOffsetOffset);
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
