namespace OverlayTools.Ext.Check;

/// <summary>
/// A bit for each block that something was found to own. A group where no more than its start is taken, as by its
/// bookkeeping, costs nothing: at 1 TiB most groups are like that.
/// </summary>
internal sealed class BlockClaims(ExtGeometry geometry)
{
    private readonly byte[]?[] _groups = new byte[geometry.GroupCount][];

    /// <summary>Where a group has no bits yet: so many blocks at its start are taken.</summary>
    private readonly uint[] _taken = new uint[geometry.GroupCount];

    /// <summary>Takes a block.</summary>
    /// <returns>False when it was taken before.</returns>
    public bool Claim(uint block)
    {
        var (group, bit) = Find(block);
        var bits = _groups[group] ?? Spread(group);
        if (ExtBitmap.IsSet(bits, bit))
            return false;
        bits[bit >> 3] |= (byte)(1 << (int)(bit & 7));
        return true;
    }

    /// <summary>Takes blocks side by side.</summary>
    /// <returns>False when one of them was taken before.</returns>
    public bool ClaimRange(uint first, uint count)
    {
        if (count == 0)
            return true;
        var (group, bit) = Find(first);
        if (_groups[group] is null && _taken[group] == bit && count <= geometry.BlocksPerGroup - bit)
        {
            _taken[group] += count;
            return true;
        }

        var free = true;
        for (var i = 0u; i < count; i++)
            free &= Claim(first + i);
        return free;
    }

    /// <summary>The bits of a group; the rest of the bitmap is cleared.</summary>
    public void CopyGroup(uint group, Span<byte> bitmap)
    {
        bitmap.Clear();
        if (_groups[group] is { } bits)
            bits.CopyTo(bitmap);
        else
            ExtBitmap.Fill(bitmap, 0, _taken[group], value: true);
    }

    private (uint Group, uint Bit) Find(uint block)
    {
        var position = block - geometry.FirstDataBlock;
        return (position / geometry.BlocksPerGroup, position % geometry.BlocksPerGroup);
    }

    private byte[] Spread(uint group)
    {
        var bits = new byte[geometry.BlocksPerGroup / 8];
        ExtBitmap.Fill(bits, 0, _taken[group], value: true);
        return _groups[group] = bits;
    }
}
