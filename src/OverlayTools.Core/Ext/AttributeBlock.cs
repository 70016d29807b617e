using System.Buffers.Binary;
using System.Text;

namespace OverlayTools.Ext;

/// <summary>A block of extended attributes (<c>struct ext2_ext_attr_header</c> and entries).</summary>
internal static class AttributeBlock
{
    public const uint MagicNumber = 0xEA020000;
    public const int HeaderSize = 32;
    public const int EntrySize = 16;

    private const int NameHashShift = 5;
    private const int ValueHashShift = 16;
    private const string AccessAcl = "system.posix_acl_access";
    private const string DefaultAcl = "system.posix_acl_default";

    /// <summary>An access control list without entries, in the kernel's form.</summary>
    public static readonly byte[] EmptyAcl = [2, 0, 0, 0];

    private static readonly (string Prefix, byte Index)[] Prefixes =
        [("user.", 1), ("trusted.", 4), ("security.", 6)];

    /// <summary>Builds the block.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/> when the attributes do not fit into a
    /// block,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that ext3 cannot store.</exception>
    public static byte[] Build(IReadOnlyDictionary<string, byte[]> attributes, int blockSize) =>
        Build(attributes.Select(pair => Split(pair.Key, pair.Value)), blockSize);

    /// <summary>Builds the block from names without prefix and values as they are on disk.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/>.</exception>
    public static byte[] Build(IEnumerable<(byte Index, byte[] Name, byte[] Value)> attributes, int blockSize)
    {
        // The kernel searches by these three, in this order (fs/ext4/xattr.c, ext4_xattr_cmp_entry).
        var entries = attributes
            .OrderBy(entry => entry.Index).ThenBy(entry => entry.Name.Length)
            .ThenBy(entry => Convert.ToHexString(entry.Name), StringComparer.Ordinal).ToList();
        var need = HeaderSize + 4 + entries.Sum(entry => EntrySize + Padded(entry.Name.Length) + Padded(entry.Value.Length));
        if (need > blockSize)
            throw new EngineException(ErrorIds.OverlayFull,
                $"The extended attributes of a file need {need} bytes; a block has {blockSize}.",
                "Use a larger image, whose blocks are larger too, or remove attributes.");

        var block = new byte[blockSize];
        var at = HeaderSize;
        var valueEnd = blockSize;
        var blockHash = 0u;
        foreach (var (index, name, value) in entries)
        {
            valueEnd -= Padded(value.Length);
            value.CopyTo(block, valueEnd);
            var hash = Hash(name, block.AsSpan(valueEnd, Padded(value.Length)));
            blockHash = (blockHash << ValueHashShift) ^ (blockHash >> (32 - ValueHashShift)) ^ hash;
            var entry = block.AsSpan(at);
            entry[0] = (byte)name.Length;
            entry[1] = index;
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], (ushort)(value.Length == 0 ? 0 : valueEnd));
            BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], (uint)value.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[12..], hash);
            name.CopyTo(entry[EntrySize..]);
            at += EntrySize + Padded(name.Length);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(block, MagicNumber);
        BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan(4), 1); // h_refcount
        BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan(8), 1); // h_blocks
        BinaryPrimitives.WriteUInt32LittleEndian(block.AsSpan(12), blockHash);
        return block;
    }

    /// <summary>Prefix, rest of the name and value as they are on disk.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that ext3 cannot
    /// store.</exception>
    public static (byte Index, byte[] Name, byte[] Value) Split(string fullName, byte[] value)
    {
        if (fullName is AccessAcl or DefaultAcl)
            return (fullName == AccessAcl ? (byte)2 : (byte)3, [], AclOnDisk(fullName, value));
        foreach (var (prefix, index) in Prefixes)
        {
            if (!fullName.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            var name = Encoding.UTF8.GetBytes(fullName[prefix.Length..]);
            if (name.Length is > 0 and <= 255)
                return (index, name, value);
        }

        throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
            $"ext3 cannot store the extended attribute '{fullName}'.", "Remove it from the file.");
    }

    // The kernel's interface has version 2 and eight bytes an entry; on disk it is version 1, and only named users (2)
    // and groups (8) have an id (fs/ext4/acl.c).
    private static byte[] AclOnDisk(string name, byte[] value)
    {
        const int entrySize = 8;
        if (value.Length < 4 || BinaryPrimitives.ReadUInt32LittleEndian(value) != 2 || (value.Length - 4) % entrySize != 0)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                $"The access control list in '{name}' has an unknown form.", "Remove it from the file.");
        var disk = new List<byte> { 1, 0, 0, 0 };
        for (var at = 4; at < value.Length; at += entrySize)
        {
            var hasId = value[at] is 2 or 8;
            disk.AddRange(value.AsSpan(at, hasId ? entrySize : 4));
        }

        return [.. disk];
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
