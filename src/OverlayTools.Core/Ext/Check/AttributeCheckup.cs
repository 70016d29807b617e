using System.Buffers.Binary;

namespace OverlayTools.Ext.Check;

/// <summary>Looks at extended attributes, in inodes and in blocks of their own.</summary>
internal sealed class AttributeCheckup(CheckState state)
{
    private const int MostValueBytes = 1 << 16;

    private readonly byte[] _block = new byte[state.Geometry.BlockSize];
    private readonly bool[] _used = new bool[Math.Max(state.Geometry.BlockSize, state.Geometry.InodeSize)];

    /// <summary>For each block of attributes, the names that it says it has, less those that were seen.</summary>
    private readonly Dictionary<uint, long> _missing = [];

    public void CheckInBody(uint number, ExtInode inode)
    {
        var room = state.Geometry.InodeSize - ExtInode.OldSize;
        if (room <= 0)
            return;
        var extra = inode.ExtraBytes;
        if (extra != 0 && (extra < 4 || extra > room || extra % 4 != 0))
        {
            state.Error(ExtFindingId.InodeInvalid, $"It claims to use {extra} bytes after the first 128.", number);
            return;
        }

        if (extra >= room - sizeof(uint))
            return;
        var area = inode.Raw[(ExtInode.OldSize + extra)..];
        if (BinaryPrimitives.ReadUInt32LittleEndian(area) == AttributeBlock.MagicNumber
            && !AreSound(area, sizeof(uint), sizeof(uint), isBlock: false))
            state.Error(ExtFindingId.AttributesInvalid, "The extended attributes in the inode are damaged.", number);
    }

    /// <returns>Blocks that it counts for: 0 or 1.</returns>
    public int CheckBlock(uint number, ExtInode inode)
    {
        var block = inode.AttributeBlock;
        if (block == 0)
            return 0;
        if (!state.Has(ExtFeatures.CompatExtAttr) || !state.IsInside(block))
        {
            state.Error(ExtFindingId.BlockOutOfRange, $"Its extended attributes are said to be in block {block}.", number, block);
            return 0;
        }

        if (_missing.TryGetValue(block, out var missing))
        {
            _missing[block] = missing - 1;
            return 1;
        }

        state.ReadBlock(block, _block);
        _missing[block] = BinaryPrimitives.ReadUInt32LittleEndian(_block.AsSpan(4)) - 1L;
        if (BinaryPrimitives.ReadUInt32LittleEndian(_block) != AttributeBlock.MagicNumber
            || BinaryPrimitives.ReadUInt32LittleEndian(_block.AsSpan(8)) != 1
            || !AreSound(_block, AttributeBlock.HeaderSize, 0, isBlock: true))
            state.Error(ExtFindingId.AttributesInvalid, "Its block of extended attributes is damaged.", number, block);
        if (!state.Claims.Claim(block))
            state.Error(state.IsMetadata(block) ? ExtFindingId.MetadataOverlap : ExtFindingId.BlockClaimedTwice,
                "Its block of extended attributes is something else too.", number, block);
        return 1;
    }

    public void CheckReferences()
    {
        foreach (var (block, missing) in _missing.Where(pair => pair.Value != 0))
            state.Error(ExtFindingId.AttributeReferences,
                $"{Math.Abs(missing)} {(missing > 0 ? "fewer" : "more")} files have it than it counts.", block: block);
    }

    /// <summary>Whether the entries fit, one beside the other, and their hashes are right.</summary>
    /// <param name="area">The block, or the rest of the inode from the magic number on.</param>
    /// <param name="first">Where the first entry is.</param>
    /// <param name="valueBase">What the offsets of values count from.</param>
    /// <param name="isBlock">Whether it is a block: only there every entry has a hash.</param>
    private bool AreSound(ReadOnlySpan<byte> area, int first, int valueBase, bool isBlock)
    {
        _used.AsSpan(0, area.Length).Clear();
        Use(area.Length, 0, first);
        var at = first;
        while (at + AttributeBlock.EntrySize <= area.Length && BinaryPrimitives.ReadUInt32LittleEndian(area[at..]) != 0)
        {
            var entry = area[at..];
            int nameLength = entry[0];
            var size = AttributeBlock.EntrySize + AttributeBlock.Padded(nameLength);
            if (!Use(area.Length, at, size) || (isBlock && entry[1] == 0)
                || BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]) != 0)
                return false;
            var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            var offset = valueBase + BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]);
            if (length > MostValueBytes || (isBlock && offset + length > area.Length))
                return false;
            var padded = AttributeBlock.Padded((int)length);
            if (length != 0 && !Use(area.Length, offset, padded))
                return false;
            var value = length == 0 ? default : area.Slice(offset, padded);
            if (!HashFits(BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]), entry.Slice(AttributeBlock.EntrySize, nameLength), value, isBlock))
                return false;
            at += size;
        }

        // The list ends with four zeros, or with the block.
        return at >= area.Length ? isBlock : Use(area.Length, at, sizeof(uint));
    }

    private static bool HashFits(uint hash, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isBlock) =>
        (hash == 0 && !isBlock) || hash == AttributeBlock.Hash(name, value) || hash == AttributeBlock.Hash(name, value, signed: true);

    private bool Use(int all, int start, int count)
    {
        if (start < 0 || count > all - start)
            return false;
        var range = _used.AsSpan(start, count);
        if (range.Contains(true))
            return false;
        range.Fill(true);
        return true;
    }
}
