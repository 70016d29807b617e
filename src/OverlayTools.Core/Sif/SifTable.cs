using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>
/// Header and descriptors of an image that is being made or changed: decides where an object goes, and whether it
/// may (SIF specification, 3.5). Calculation only.
/// </summary>
internal sealed class SifTable(Window file, string path, SifHeader header, IEnumerable<SifObject> objects)
{
    private readonly List<SifObject> _objects = [.. objects];

    public SifHeader Header { get; } = header;

    public IReadOnlyList<SifObject> Objects => _objects;

    /// <summary>Whether every slot is used.</summary>
    public bool IsFull => _objects.Count >= Header.DescriptorsTotal;

    /// <summary>Writes the used slots to where the header says the table is.</summary>
    public void WriteSlots() => WriteSlots(file, Header.DescriptorsOffset, _objects);

    /// <summary>Writes slots to a table at an offset.</summary>
    public static void WriteSlots(Window file, long tableOffset, IEnumerable<SifObject> objects)
    {
        var bytes = new byte[SifDescriptor.Size];
        foreach (var used in objects)
        {
            used.Descriptor.Write(bytes);
            file.Write(tableOffset + (used.Slot * SifDescriptor.Size), bytes);
        }
    }

    /// <summary>Gives an object its slot, id and place.</summary>
    /// <param name="added">The object.</param>
    /// <param name="time">Seconds for an object without a time of its own.</param>
    /// <exception cref="EngineException">It must not be added.</exception>
    public SifObject Place(SifNewObject added, long time)
    {
        var descriptor = added.ToDescriptor();
        var length = added.Content.Length;
        if (added.Metadata is SifPartitionMetadata { PartitionType: SifPartitionType.PrimarySystem })
            CheckNoPrimary();
        var slot = FirstFreeSlot();

        var start = SifImage.DataEnd(Header, _objects);
        descriptor.Offset = SifLayout.Align(start, added.EffectiveAlignment);
        if (descriptor.Offset > long.MaxValue - length)
            throw SifFailure.InvalidValue($"'{path}' would be longer than a file can be.");
        descriptor.DataSize = length;
        descriptor.SizeWithPadding = descriptor.Offset - start + length;
        descriptor.Used = 1;
        descriptor.Id = FreeId(slot);
        if (added.Time is null)
            descriptor.CreatedAt = descriptor.ModifiedAt = time;

        var placed = new SifObject(file, path, slot, descriptor, placeFault: null);
        _objects.Add(placed);
        UpdateHeader(time);
        return placed;
    }

    private void CheckNoPrimary()
    {
        if (_objects.FirstOrDefault(o => o.IsPartition(SifPartitionType.PrimarySystem)) is { } primary)
            throw new EngineException(ErrorIds.SifPrimaryPartitionExists,
                $"'{path}' already has a primary system partition: object {primary.Id}, {primary.TypeText}.",
                "Add this one with the partition type System or Overlay.", path);
    }

    private long FirstFreeSlot()
    {
        long free = 0;
        foreach (var used in _objects.Select(o => o.Slot).Order())
        {
            if (used != free)
                break;
            free++;
        }

        return free < Header.DescriptorsTotal && _objects.Count < SifLayout.MostObjects
            ? free
            : throw new EngineException(ErrorIds.SifNoFreeDescriptor,
                $"'{path}' has no free descriptor: all {_objects.Count} are in use.",
                "Remove an object, or let the table grow with -Force.", path);
    }

    // Slot + 1 is what everybody writes; a foreign image may have given that number to another slot.
    private uint FreeId(long slot)
    {
        var taken = _objects.Select(o => o.Id).ToHashSet();
        var id = (uint)(slot + 1);
        while (id == 0 || taken.Contains(id))
            id++;
        return id;
    }

    private void UpdateHeader(long time)
    {
        Header.DescriptorsFree = Header.DescriptorsTotal - _objects.Count;
        Header.DataSize = SifImage.DataEnd(Header, _objects) - Header.DataOffset;
        Header.ModifiedAt = time;
        // As stored, so that a code which we do not know survives.
        if (_objects.FirstOrDefault(o => o.IsPartition(SifPartitionType.PrimarySystem)) is { } primary)
            Header.Arch = SifPartitionMetadata.ArchitectureCode(primary.Descriptor.Extra);
    }
}
