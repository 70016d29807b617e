using System.Globalization;
using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>
/// Reads header and table. A fault of the header rejects the file; a fault of a slot spoils that object; what makes
/// a change dangerous is told apart from what makes reading impossible (SIF specification, 9.4).
/// </summary>
internal static class SifReader
{
    // Writers of the format's first years rounded the start of the data section up to a page.
    private const long DataSectionRounding = 4096;

    private const int SlotsPerRead = 64;

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="EngineException">What rejects the file, naming field and offset.</exception>
    public static SifHeader ReadHeader(Window file, string path)
    {
        var bytes = new byte[SifHeader.Size];
        var start = bytes.AsSpan(0, (int)Math.Min(file.Length, SifHeader.Size));
        file.Read(0, start);
        if (!SifHeader.Begins(start))
            throw new EngineException(ErrorIds.SifBadMagic, $"'{path}' is not a SIF image.",
                "Name a file that Apptainer, Singularity or New-SifImage made.", path);
        if (file.Length < SifHeader.Size)
            throw SifFailure.Corrupt(path, $"it ends after {file.Length} bytes, inside the header of {SifHeader.Size}");

        var header = SifHeader.Parse(bytes);
        if (!header.Version.AsSpan().SequenceEqual(SifHeader.KnownVersion))
            throw new EngineException(ErrorIds.SifVersionUnsupported,
                $"'{path}' is a SIF image of version '{SifText.Show(header.Version)}' "
                    + $"(Version, offset {SifHeader.VersionOffset}).",
                "This module reads version 01.", path);
        CheckTable(header, file.Length, path);
        return header;
    }

    /// <summary>Reads the used slots, in the order of the table.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifTooManyObjects"/>: more than anybody makes.</exception>
    public static List<SifObject> ReadObjects(Window file, string path, SifHeader header, CancellationToken token)
    {
        var objects = new List<SifObject>();
        var buffer = new byte[SifDescriptor.Size * Math.Min(SlotsPerRead, header.DescriptorsTotal)];
        for (long first = 0; first < header.DescriptorsTotal; first += SlotsPerRead)
        {
            token.ThrowIfCancellationRequested();
            // A table may claim four thousand million slots; where the file has a hole, they are free.
            first += Math.Max(0, file.NextData(header.SlotOffset(first)) - header.SlotOffset(first)) / SifDescriptor.Size;
            if (first >= header.DescriptorsTotal)
                break;
            var count = (int)Math.Min(SlotsPerRead, header.DescriptorsTotal - first);
            var slots = buffer.AsSpan(0, count * SifDescriptor.Size);
            file.Read(header.SlotOffset(first), slots);
            for (var i = 0; i < count; i++)
            {
                var slot = slots.Slice(i * SifDescriptor.Size, SifDescriptor.Size);
                if (slot[SifDescriptor.UsedOffset] == 0)
                    continue;
                var descriptor = SifDescriptor.Parse(slot);
                var fault = PlaceFault(descriptor, header.SlotOffset(first + i), header, file.Length);
                if (objects.Count == SifLayout.MostObjects)
                    throw TooManyObjects(header.SlotOffset(first + i), path);
                objects.Add(new SifObject(file, path, first + i, descriptor, fault));
            }
        }

        return objects;
    }

    /// <summary>Why the image must not be changed, or null.</summary>
    public static string? ModificationFault(Window file, SifHeader header, IReadOnlyList<SifObject> objects)
    {
        var length = file.Length;
        if (header.DescriptorsSize != header.DescriptorsTotal * SifDescriptor.Size && HidesSlots(file, header))
            return $"DescriptorsSize (offset {SifHeader.DescriptorsSizeOffset}) is {header.DescriptorsSize}, but "
                + $"{header.DescriptorsTotal} descriptors take {header.DescriptorsTotal * SifDescriptor.Size} bytes";
        if (DataOffsetFault(header, length) is { } dataOffset)
            return dataOffset;
        if (objects.FirstOrDefault(o => o.PlaceFault is not null) is { } misplaced)
            return $"object {misplaced.Id}: {misplaced.PlaceFault}";
        if (objects.GroupBy(o => o.Id).FirstOrDefault(same => same.Count() > 1) is { } twice)
            return $"{twice.Count()} objects have the id {twice.Key}";
        if (objects.Count(o => o.IsPartition(SifPartitionType.PrimarySystem)) > 1)
            return "it has more than one primary system partition";
        return Overlap(objects);
    }

    // A table whose growth was stopped half-way has more bytes than descriptors: slots that are free.
    private static bool HidesSlots(Window file, SifHeader header)
    {
        var hidden = header.DescriptorsSize - (header.DescriptorsTotal * SifDescriptor.Size);
        if (hidden > (long)SifLayout.MostObjects * SifDescriptor.Size)
            return true;
        var start = header.SlotOffset(header.DescriptorsTotal);
        var slot = new byte[SifDescriptor.Size];
        for (long at = 0; at < hidden; at += slot.Length)
        {
            var part = slot.AsSpan(0, (int)Math.Min(slot.Length, hidden - at));
            file.Read(start + at, part);
            if (part.ContainsAnyExcept((byte)0))
                return true;
        }

        return false;
    }

    private static EngineException TooManyObjects(long offset, string path) => new(ErrorIds.SifTooManyObjects,
        $"'{path}' has more than {SifLayout.MostObjects} objects; the first too many is described at offset {offset}.",
        "Build several images: this module keeps all descriptors of an image in memory.", path);

    private static void CheckTable(SifHeader header, long length, string path)
    {
        if (header.DescriptorsTotal is < 0 or > SifLayout.MostSlots)
            throw Field("DescriptorsTotal", SifHeader.DescriptorsTotalOffset, header.DescriptorsTotal, "is impossible");
        // Nobody writes a table right behind the header; one that claims to be there would cover the real one's gap.
        if (header.DescriptorsOffset <= SifHeader.Size)
            throw Field("DescriptorsOffset", SifHeader.DescriptorsOffsetOffset, header.DescriptorsOffset,
                "is inside the header");
        if (header.DescriptorsSize < header.DescriptorsTotal * SifDescriptor.Size)
            throw Field("DescriptorsSize", SifHeader.DescriptorsSizeOffset, header.DescriptorsSize,
                $"is too small for {header.DescriptorsTotal} descriptors");
        if (header.DescriptorsSize > 0 && header.DescriptorsSize > length - header.DescriptorsOffset)
            throw Field("DescriptorsOffset", SifHeader.DescriptorsOffsetOffset, header.DescriptorsOffset,
                $"leads past the end of the file: the table has {header.DescriptorsSize} bytes, the file {length}");
        // A data section that starts between two slots is the end of a shorter table: the slots behind it are data.
        var beforeData = header.DataOffset - header.DescriptorsOffset;
        var slotsBeforeData = Math.DivRem(beforeData, SifDescriptor.Size, out var rest);
        if (rest == 0 && slotsBeforeData > 0 && slotsBeforeData < header.DescriptorsTotal)
            throw Field("DescriptorsTotal", SifHeader.DescriptorsTotalOffset, header.DescriptorsTotal,
                $"does not fit in front of the data section, which has room for {slotsBeforeData}");

        EngineException Field(string name, int offset, long value, string fault) => SifFailure.Corrupt(
            path, string.Create(CultureInfo.InvariantCulture, $"{name} (offset {offset}) is {value}, which {fault}"));
    }

    private static string? DataOffsetFault(SifHeader header, long length)
    {
        var least = header.TableEnd;
        var most = SifLayout.TryAlign(Math.Max(length, least), DataSectionRounding) ?? long.MaxValue;
        return header.DataOffset >= least && header.DataOffset <= most
            ? null
            : $"DataOffset (offset {SifHeader.DataOffsetOffset}) is {header.DataOffset}, but the table ends at {least} "
                + $"and the file at {length}";
    }

    private static string? PlaceFault(SifDescriptor descriptor, long at, SifHeader header, long length)
    {
        if (descriptor.Id == 0)
            return Fault("ID", SifDescriptor.IdOffset, 0, "is invalid");
        if (descriptor.DataSize < 0)
            return Fault("Size", SifDescriptor.SizeOffset, descriptor.DataSize, "is negative");
        if (descriptor.Offset < SifHeader.Size)
            return Fault("Offset", SifDescriptor.OffsetOffset, descriptor.Offset, "is inside the header");
        // An empty object may lie behind the end of the file: the reference implementation makes such.
        if (descriptor.DataSize > 0 && descriptor.DataSize > length - descriptor.Offset)
            return Fault("Offset", SifDescriptor.OffsetOffset, descriptor.Offset,
                $"with Size {descriptor.DataSize} leads past the end of the file at {length}");
        // Not "before DataOffset": a table that was enlarged lies behind objects, and the data section behind it.
        if (descriptor.Offset < header.TableEnd
            && descriptor.Offset + Math.Max(descriptor.DataSize, 1) > header.DescriptorsOffset)
            return Fault("Offset", SifDescriptor.OffsetOffset, descriptor.Offset,
                $"with Size {descriptor.DataSize} leads into the descriptor table at "
                    + $"{header.DescriptorsOffset}-{header.TableEnd}");
        return null;

        string Fault(string name, int offset, long value, string what) =>
            string.Create(CultureInfo.InvariantCulture, $"{name} (offset {at + offset}) is {value}, which {what}");
    }

    private static string? Overlap(IEnumerable<SifObject> objects)
    {
        SifObject? before = null;
        foreach (var next in objects.Where(o => o.SizeBytes > 0).OrderBy(o => o.Offset))
        {
            if (before is not null && before.End > next.Offset)
                return $"the objects {before.Id} ({before.PositionText}) and {next.Id} ({next.PositionText}) overlap";
            before = next;
        }

        return null;
    }
}
