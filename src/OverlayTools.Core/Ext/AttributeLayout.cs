namespace OverlayTools.Ext;

/// <summary>Where a file's extended attributes go: what fits into the inode costs no block.</summary>
/// <param name="Body">Entries for the inode, sorted.</param>
/// <param name="Block">Entries for a block, sorted; empty when it takes none.</param>
internal readonly record struct AttributeLayout(
    IReadOnlyList<AttributeEntry> Body, IReadOnlyList<AttributeEntry> Block)
{
    /// <summary>The magic number before the entries, and the zeros that end them.</summary>
    private const int BodyOverhead = 2 * sizeof(uint);

    private const int Unit = 4;

    /// <summary>Divides attributes: all into the inode where they fit, else as much as possible, so that whatever the
    /// kernel could store can be stored here too.</summary>
    /// <param name="attributes">Values by full name.</param>
    /// <param name="bodyBytes">Bytes that the inode has beyond its fields.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that ext3 cannot
    /// store.</exception>
    public static AttributeLayout Divide(IReadOnlyDictionary<string, byte[]> attributes, int bodyBytes)
    {
        if (attributes.Count == 0)
            return new AttributeLayout([], []);
        var entries = AttributeEntry.Sorted(attributes);
        var room = bodyBytes - BodyOverhead;
        if (entries.Sum(entry => (long)entry.Size) <= room)
            return new AttributeLayout(entries, []);
        if (room < AttributeBlock.EntrySize)
            return new AttributeLayout([], entries);
        var chosen = Fullest(entries, room / Unit);
        return new AttributeLayout(
            [.. entries.Where((_, i) => chosen[i])], [.. entries.Where((_, i) => !chosen[i])]);
    }

    // The subset that leaves the least room: a knapsack of some twenty units.
    private static bool[] Fullest(List<AttributeEntry> entries, int room)
    {
        var reached = new bool[entries.Count + 1, room + 1];
        reached[0, 0] = true;
        for (var i = 0; i < entries.Count; i++)
        {
            var size = entries[i].Size / Unit;
            for (var used = 0; used <= room; used++)
                reached[i + 1, used] = reached[i, used] || (used >= size && reached[i, used - size]);
        }

        var left = room;
        while (!reached[entries.Count, left])
            left--;
        var chosen = new bool[entries.Count];
        for (var i = entries.Count - 1; i >= 0; i--)
        {
            if (reached[i, left])
                continue;
            chosen[i] = true;
            left -= entries[i].Size / Unit;
        }

        return chosen;
    }
}
