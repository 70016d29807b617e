using System.Buffers.Binary;

namespace OverlayTools.Ext.Edit;

/// <summary>The extended attributes in an inode, or in a block of their own: read from bytes and written to
/// them.</summary>
internal static class AttributeArea
{
    private const int BodyHeader = sizeof(uint);

    /// <summary>The attributes in an inode.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static List<AttributeEntry> ReadBody(ExtInode inode)
    {
        ReadOnlySpan<byte> area = inode.Body;
        return area.Length > BodyHeader && BinaryPrimitives.ReadUInt32LittleEndian(area) == AttributeBlock.MagicNumber
            ? Read(area, BodyHeader, BodyHeader) : [];
    }

    /// <summary>The attributes in a block.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static List<AttributeEntry> ReadBlock(ReadOnlySpan<byte> block)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(block) != AttributeBlock.MagicNumber
            || BinaryPrimitives.ReadUInt32LittleEndian(block[8..]) != 1 || References(block) == 0)
            throw Damaged();
        return Read(block, AttributeBlock.HeaderSize, 0);
    }

    /// <summary>How many files have the block (<c>h_refcount</c>).</summary>
    public static uint References(ReadOnlySpan<byte> block) => BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);

    public static void SetReferences(Span<byte> block, uint count) =>
        BinaryPrimitives.WriteUInt32LittleEndian(block[4..], count);

    /// <summary>Puts attributes into an inode.</summary>
    /// <returns>Whether there was room; if not, nothing was changed.</returns>
    public static bool TryWriteBody(ExtInode inode, IReadOnlyCollection<AttributeEntry> attributes)
    {
        var need = BodyHeader + sizeof(uint) + attributes.Sum(attribute => attribute.Size);
        if (attributes.Count > 0 && need > inode.Body.Length)
            return false;
        AttributeBlock.WriteBody(inode.Body, AttributeEntry.Sorted(attributes));
        return true;
    }

    private static List<AttributeEntry> Read(ReadOnlySpan<byte> area, int first, int valueBase)
    {
        var found = new List<AttributeEntry>();
        for (var at = first;
            at + sizeof(uint) <= area.Length && BinaryPrimitives.ReadUInt32LittleEndian(area[at..]) != 0;)
        {
            if (at + AttributeBlock.EntrySize > area.Length)
                throw Damaged();
            var entry = area[at..];
            var size = AttributeBlock.EntrySize + AttributeBlock.Padded(entry[0]);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            var offset = length == 0 ? 0 : valueBase + BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]);
            if (size > entry.Length || BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]) != 0
                || length > area.Length - offset)
                throw Damaged();
            found.Add(new AttributeEntry(entry[1], entry.Slice(AttributeBlock.EntrySize, entry[0]).ToArray(),
                area.Slice(offset, (int)length).ToArray()));
            at += size;
        }

        return found;
    }

    private static EngineException Damaged() => ExtCorrupt.Because("a file's extended attributes are damaged.");
}
