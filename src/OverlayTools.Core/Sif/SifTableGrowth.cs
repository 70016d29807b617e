using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>
/// Gives a full table more slots, behind the last object, so that a crash at any moment, in the middle of any write,
/// leaves an image with the objects it had. Place, size and number of slots are three fields of the header: they
/// change one after the other, each byte by byte, and each byte leads to a table that is there.
/// </summary>
internal sealed class SifTableGrowth
{
    // Only bytes of the offset above these change, so that two places on the way never overlap.
    private const long LeastDistance = 1 << 16;

    private readonly SifHeader _before;
    private readonly IReadOnlyList<SifObject> _objects;

    private SifTableGrowth(SifHeader before, IReadOnlyList<SifObject> objects, long slots, long offset)
    {
        (_before, _objects, Slots, Offset) = (before, objects, slots, offset);
    }

    /// <summary>Slots that the table will have.</summary>
    public long Slots { get; }

    /// <summary>Where it will start in the file, in bytes.</summary>
    public long Offset { get; }

    /// <summary>Bytes that it will take.</summary>
    public long SizeBytes => Slots * SifDescriptor.Size;

    /// <summary>Where the data section will start: behind the table, so that every tool puts the next object there; what
    /// lies before it is read from its offset all the same.</summary>
    public long DataOffset => Offset + SizeBytes;

    /// <summary>Whether the header may lead elsewhere already.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Finds the place for a longer table: twice as long, or a little more.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifNoFreeDescriptor"/>: it is as long as this module
    /// reads.</exception>
    public static SifTableGrowth Plan(SifImage image)
    {
        var before = image.Header;
        var total = before.DescriptorsTotal;
        var slots = SifByteSteps.OneByteAbove(total, total + Math.Max(total, SifLayout.DefaultCapacity));
        if (total >= SifLayout.MostObjects)
            throw new EngineException(ErrorIds.SifNoFreeDescriptor,
                $"'{image.Path}' has {total} objects, and this module reads no more.", "Build a second image.", image.Path);

        var distance = LeastDistance;
        while (distance < MostSizeOnTheWay(before.DescriptorsSize, slots * SifDescriptor.Size))
            distance <<= 8;
        var free = Math.Max(0, SifImage.DataEnd(before, image.Objects) - before.DescriptorsOffset);
        var offset = before.DescriptorsOffset + SifLayout.Align(free, distance);
        return new SifTableGrowth(before.Copy(), image.Objects, slots, offset);
    }

    /// <summary>Says in a header that is being calculated what will be so.</summary>
    public void Apply(SifHeader header)
    {
        header.DescriptorsOffset = Offset;
        header.DescriptorsTotal = Slots;
        header.DescriptorsSize = SizeBytes;
        header.DataOffset = DataOffset;
    }

    /// <summary>Moves the table. What is behind the last object up to <see cref="DataOffset"/> reads as zeros
    /// already.</summary>
    public void Run(Window file)
    {
        var length = file.Length;
        List<long> places = [.. Places(Math.Max(length, Offset))];
        List<long> sizes = [.. SifByteSteps.Up(_before.DescriptorsSize, SizeBytes)];
        var behind = places.Append(Offset).Max() + MostSizeOnTheWay(_before.DescriptorsSize, SizeBytes);
        var away = SifByteSteps.OneByteAbove(_before.DataOffset, behind);
        List<long> back = [.. SifByteSteps.Down(away, DataOffset)];

        file.SetLength(back.Append(away).Max());
        foreach (var place in places.Append(Offset))
            SifTable.WriteSlots(file, place, _objects);
        file.Flush();
        HasBegun = true;
        Follow(file, SifHeader.DataOffsetOffset, _before.DataOffset, [away]);
        Follow(file, SifHeader.DescriptorsOffsetOffset, _before.DescriptorsOffset, places);
        Follow(file, SifHeader.DescriptorsSizeOffset, _before.DescriptorsSize, sizes);
        Follow(file, SifHeader.DescriptorsTotalOffset, _before.DescriptorsTotal, [Slots]);
        Follow(file, SifHeader.DataOffsetOffset, away, back);
        file.SetLength(Math.Max(length, DataOffset));
        file.Flush();
    }

    /// <summary>Leads back to the old table, which is as it was.</summary>
    public void Undo(Window file)
    {
        if (!HasBegun)
            return;
        _before.Write(file);
        file.Flush();
    }

    // Up by one high byte, past everything; there the other bytes become those of the new place, which the high byte
    // then leads down to.
    private IEnumerable<long> Places(long above)
    {
        if (Offset == _before.DescriptorsOffset)
            yield break;
        var top = 7;
        while ((byte)(above >> (8 * top)) == (byte)(_before.DescriptorsOffset >> (8 * top)))
            top--;
        while ((byte)(above >> (8 * top)) == byte.MaxValue)
            top++;
        if (top == 7)
            throw SifFailure.InvalidValue("The image is as long as a file can be.");

        var at = SifByteSteps.WithByte(_before.DescriptorsOffset, (above & (0xFFL << (8 * top))) + (1L << (8 * top)), top);
        yield return at;
        for (var index = 0; index < top; index++)
        {
            var next = SifByteSteps.WithByte(at, Offset, index);
            if (next != at)
                yield return at = next;
        }

        yield return Offset;
    }

    private static long MostSizeOnTheWay(long from, long to) => SifByteSteps.Up(from, to).Append(from).Max();

    private static void Follow(Window file, int field, long from, IEnumerable<long> steps)
    {
        foreach (var step in steps)
        {
            if (step != from)
                SifByteSteps.Write(file, field, from, step);
            from = step;
        }
    }
}
