namespace OverlayTools.Sif.Signatures;

/// <summary>The groups of an image as signatures see them: numbers in a group count from its smallest id (SIF
/// specification, 4.2 and 4.3).</summary>
internal sealed class SifGroups
{
    private readonly Dictionary<uint, SifGroup> _groups;

    /// <summary>Sorts an image's objects by group.</summary>
    public SifGroups(SifImage image)
    {
        // The number in a descriptor's digest counts from the smallest id with the same group field, whose upper bits
        // a foreign image may lack.
        var first = image.Objects.GroupBy(o => o.Descriptor.GroupId).ToDictionary(g => g.Key, g => g.Min(o => o.Id));
        _groups = image.Objects.Where(o => o.GroupId is not null).GroupBy(o => o.GroupId!.Value)
            .ToDictionary(g => g.Key, g => new SifGroup(g.Key, [.. g], first));
    }

    /// <summary>All of them, ascending.</summary>
    public IEnumerable<SifGroup> All => _groups.Values.OrderBy(g => g.Number);

    /// <summary>The group of a number; null when no object is in it.</summary>
    public SifGroup? Find(uint? number) => _groups.GetValueOrDefault(number ?? 0);
}

/// <summary>A group of objects.</summary>
/// <param name="Number">The group's number.</param>
/// <param name="Objects">Its objects, in the order of the table; at least one.</param>
/// <param name="FirstIds">The smallest id for each value of the group field.</param>
internal sealed record SifGroup(
    uint Number, IReadOnlyList<SifObject> Objects, IReadOnlyDictionary<uint, uint> FirstIds)
{
    /// <summary>The id that relative ids in a message count from.</summary>
    public uint FirstId { get; } = Objects.Min(o => o.Id);

    /// <summary>What a signature covers of the header.</summary>
    public static byte[] HeaderStream(SifHeader header)
    {
        var bytes = new byte[SifHeader.IntegritySize];
        header.WriteIntegrityStream(bytes);
        return bytes;
    }

    /// <summary>What a signature covers of an object's descriptor.</summary>
    public byte[] DescriptorStream(SifObject signed)
    {
        var bytes = new byte[SifDescriptor.IntegritySize];
        signed.Descriptor.WriteIntegrityStream(bytes, signed.Id - FirstIds[signed.Descriptor.GroupId]);
        return bytes;
    }
}
