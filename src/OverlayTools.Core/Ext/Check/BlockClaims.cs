namespace OverlayTools.Ext.Check;

/// <summary>A bit for each block that something was found to own; groups where nothing is cost nothing.</summary>
internal sealed class BlockClaims(ExtGeometry geometry)
{
    private readonly byte[]?[] _groups = new byte[geometry.GroupCount][];

    /// <summary>Takes a block.</summary>
    /// <returns>False when it was taken before.</returns>
    public bool Claim(uint block)
    {
        var group = geometry.GroupOf(block);
        var bits = _groups[group] ??= new byte[geometry.BlocksPerGroup / 8];
        var bit = (block - geometry.FirstDataBlock) % geometry.BlocksPerGroup;
        if (ExtBitmap.IsSet(bits, bit))
            return false;
        ExtBitmap.Fill(bits, bit, bit + 1, value: true);
        return true;
    }

    /// <summary>Takes blocks side by side in a group.</summary>
    /// <returns>False when one of them was taken before.</returns>
    public bool ClaimRange(uint first, uint count)
    {
        var free = true;
        for (var block = first; block < first + count; block++)
            free &= Claim(block);
        return free;
    }

    public bool IsClaimed(uint block) =>
        _groups[geometry.GroupOf(block)] is { } bits
        && ExtBitmap.IsSet(bits, (block - geometry.FirstDataBlock) % geometry.BlocksPerGroup);

    /// <summary>The bits of a group, or null when nothing in it is taken.</summary>
    public byte[]? OfGroup(uint group) => _groups[group];
}
