using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>A block of extended attributes (<c>struct ext2_ext_attr_header</c> and entries).</summary>
internal static class AttributeBlock
{
    public const uint MagicNumber = 0xEA020000;
    public const int HeaderSize = 32;
    public const int EntrySize = 16;

    /// <summary>Offset of <c>h_refcount</c>, the number of files that have the block.</summary>
    public const int ReferencesAt = 4;

    private const int MostBlockSize = 4096; // the kernel's pages
    private const int NameHashShift = 5;
    private const int ValueHashShift = 16;

    /// <summary>Builds the block from attributes by full name.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/> when the attributes do not fit into a
    /// block, <see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that ext3 cannot store.</exception>
    public static byte[] Build(IReadOnlyDictionary<string, byte[]> attributes, int blockSize) =>
        Build(AttributeEntry.Sorted(attributes), blockSize);

    /// <summary>Builds the block from sorted entries.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/> when they do not fit.</exception>
    public static byte[] Build(IReadOnlyList<AttributeEntry> entries, int blockSize)
    {
        var need = HeaderSize + sizeof(uint) + entries.Sum(entry => entry.Size);
        if (need > blockSize)
            throw new EngineException(ErrorIds.OverlayFull,
                $"The extended attributes of a file need {need} bytes; a block has {blockSize}.",
                blockSize < MostBlockSize
                    ? "Use a larger image, whose blocks are larger too, or remove attributes."
                    : "Remove attributes: larger blocks there are none.");

        var block = new byte[blockSize];
        var blockHash = 0u;
        Write(block, HeaderSize, 0, entries, hash =>
            blockHash = (blockHash << ValueHashShift) ^ (blockHash >> (32 - ValueHashShift)) ^ hash);
        BinaryPrimitives.WriteUInt32LittleEndian(block, MagicNumber);
        BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan(ReferencesAt), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan(8), 1); // h_blocks
        BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan(12), blockHash);
        return block;
    }

    /// <summary>Puts sorted entries, which fit, into the space that an inode has for them. Entries there have no hash,
    /// and their values count from the first entry.</summary>
    public static void WriteBody(Span<byte> body, IReadOnlyList<AttributeEntry> entries)
    {
        body.Clear();
        if (entries.Count == 0)
            return;
        BinaryPrimitives.WriteUInt32LittleEndian(body, MagicNumber);
        Write(body, sizeof(uint), sizeof(uint), entries, null);
    }

    // Entries from the start, values from the end.
    private static void Write(
        Span<byte> area, int first, int valueBase, IReadOnlyList<AttributeEntry> entries, Action<uint>? hashed)
    {
        var at = first;
        var valueEnd = area.Length;
        foreach (var (index, name, value) in entries)
        {
            valueEnd -= Padded(value.Length);
            value.CopyTo(area[valueEnd..]);
            var entry = area[at..];
            entry[0] = (byte)name.Length;
            entry[1] = index;
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], (ushort)(value.Length == 0 ? 0 : valueEnd - valueBase));
            BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], (uint)value.Length);
            if (hashed is not null)
            {
                var hash = Hash(name, area.Slice(valueEnd, Padded(value.Length)));
                BinaryPrimitives.WriteUInt32LittleEndian(entry[12..], hash);
                hashed(hash);
            }

            name.CopyTo(entry[EntrySize..]);
            at += EntrySize + Padded(name.Length);
        }
    }

    /// <summary>The hash of an entry (<c>e_hash</c>).</summary>
    /// <param name="name">The name without its prefix.</param>
    /// <param name="paddedValue">The value, filled up with zeros to a multiple of four.</param>
    /// <param name="signed">Whether letters from 128 on count as negative, as some kernels had it.</param>
    public static uint Hash(ReadOnlySpan<byte> name, ReadOnlySpan<byte> paddedValue, bool signed = false)
    {
        var hash = 0u;
        foreach (var letter in name)
            hash = (hash << NameHashShift) ^ (hash >> (32 - NameHashShift)) ^ (signed ? (uint)(sbyte)letter : letter);
        for (; paddedValue.Length > 0; paddedValue = paddedValue[4..])
            hash = (hash << ValueHashShift) ^ (hash >> (32 - ValueHashShift))
                ^ BinaryPrimitives.ReadUInt32LittleEndian(paddedValue);
        return hash;
    }

    public static int Padded(int length) => (length + 3) & ~3;
}
