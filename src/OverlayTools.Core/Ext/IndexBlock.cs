using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>
/// The blocks of a directory's index (kernel, <c>Documentation/filesystems/ext4/directory.rst</c>): the root
/// (<c>struct dx_root</c>), which is the directory's first block, and at most one level of nodes (<c>struct dx_node</c>).
/// Both list blocks of the directory with the least hash of each.
/// </summary>
internal static class IndexBlock
{
    /// <summary>Where the root describes the index (<c>struct dx_root_info</c>), behind the entries of <c>.</c> and
    /// <c>..</c>.</summary>
    public const int RootInfo = 24;

    /// <summary>Where the root's list begins.</summary>
    public const int RootEntries = 32;

    /// <summary>Where a node's list begins, behind a free entry.</summary>
    public const int NodeEntries = 8;

    /// <summary>Bytes of a list's element (<c>struct dx_entry</c>): hash, block.</summary>
    public const int EntrySize = 8;

    /// <summary>Levels of root and nodes, without the feature <c>large_dir</c>.</summary>
    public const int MostLevels = 2;

    /// <summary>Bytes of the root's description (<c>info_length</c>); the kernel takes no other.</summary>
    public const int InfoLength = 8;

    private const uint IncompatibleFlag = 1;
    private const uint BlockMask = 0x0FFFFFFF;

    /// <summary>Elements that a list has room for.</summary>
    public static int Limit(int blockSize, int start) => (blockSize - start) / EntrySize;

    /// <summary>Whether the root describes an index that ext3 can have, as e2fsck looks at it.</summary>
    public static bool IsKnown(ReadOnlySpan<byte> root)
    {
        var info = root[RootInfo..];
        return BinaryPrimitives.ReadUInt32LittleEndian(info) == 0 && info[5] >= InfoLength && info[4] <= DirectoryHash.Tea
            && info[6] < MostLevels && (info[7] & IncompatibleFlag) == 0;
    }

    /// <summary>The hash by which the names are sorted, of <see cref="DirectoryHash"/> (<c>hash_version</c>).</summary>
    public static int HashVersion(ReadOnlySpan<byte> root) => root[RootInfo + 4];

    /// <summary>Levels of nodes below the root (<c>indirect_levels</c>).</summary>
    public static int NodeLevels(ReadOnlySpan<byte> root) => root[RootInfo + 6];

    /// <summary>Describes an index in a root of zeros that has <c>.</c> and <c>..</c>.</summary>
    public static void StartRoot(Span<byte> root, int hashVersion, int nodeLevels)
    {
        root[RootInfo + 4] = (byte)hashVersion;
        root[RootInfo + 5] = InfoLength;
        root[RootInfo + 6] = (byte)nodeLevels;
    }

    /// <summary>Begins a node in a block of zeros: to who does not know indexes, a free entry.</summary>
    public static void StartNode(Span<byte> node) => Edit.DirectoryBlock.SetLength(node, 0, node.Length);

    /// <summary>Elements that the list says it has room for.</summary>
    public static int LimitAt(ReadOnlySpan<byte> block, int start) => BinaryPrimitives.ReadUInt16LittleEndian(block[start..]);

    /// <summary>Elements of the list.</summary>
    public static int CountAt(ReadOnlySpan<byte> block, int start) =>
        BinaryPrimitives.ReadUInt16LittleEndian(block[(start + 2)..]);

    /// <summary>Writes limit and count, which lie where the first element would have its hash.</summary>
    public static void SetCount(Span<byte> block, int start, int count)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(block[start..], (ushort)Limit(block.Length, start));
        BinaryPrimitives.WriteUInt16LittleEndian(block[(start + 2)..], (ushort)count);
    }

    /// <summary>The hash of an element other than the first; its lowest bit is set when the block goes on with names of the
    /// hash that the one before ends with.</summary>
    public static uint HashAt(ReadOnlySpan<byte> block, int start, int entry) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block[(start + entry * EntrySize)..]);

    /// <summary>The block of the directory that an element leads to.</summary>
    public static uint ChildAt(ReadOnlySpan<byte> block, int start, int entry) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block[(start + entry * EntrySize + 4)..]) & BlockMask;

    /// <summary>Writes an element; the first has no hash.</summary>
    public static void Set(Span<byte> block, int start, int entry, uint hash, uint child)
    {
        var at = block[(start + entry * EntrySize)..];
        if (entry > 0)
            BinaryPrimitives.WriteUInt32LittleEndian(at, hash);
        BinaryPrimitives.WriteUInt32LittleEndian(at[4..], child);
    }
}
