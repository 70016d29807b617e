using System.Buffers.Binary;
using System.Text;
using OverlayTools.IO;

namespace OverlayTools.Squashfs;

/// <summary>Reads extended attributes.</summary>
internal sealed class SquashfsAttributes
{
    private const int HeaderSize = 16;
    private const int EntrySize = 16;
    private const int ElsewhereBit = 0x100;
    private const int LongestName = 255;
    private const int LongestValue = 65536; // XATTR_SIZE_MAX
    private const int MostBytes = 1 << 20;

    // Named by the number that an entry has (SQUASHFS_XATTR_USER and on).
    private static readonly string[] s_prefixes = ["user.", "trusted.", "security."];

    private readonly MetadataBlocks _blocks;
    private readonly SquashfsTable _sets;
    private readonly long _start;

    public SquashfsAttributes(Window window, MetadataBlocks blocks, SquashfsSuperblock superblock)
    {
        var at = superblock.AttributeTable;
        if (at > superblock.BytesUsed - HeaderSize)
            throw SquashfsCorrupt.At("table of attributes", at, "it goes past the end");
        Span<byte> header = stackalloc byte[HeaderSize];
        window.Read(at, header);
        _blocks = blocks;
        _start = BinaryPrimitives.ReadInt64LittleEndian(header);
        if (_start < SquashfsSuperblock.Size || _start >= superblock.BytesUsed)
            throw SquashfsCorrupt.At("table of attributes", at, $"they shall start at {_start}");
        var count = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        _sets = new SquashfsTable(window, blocks, "table of attributes", at + HeaderSize, superblock.BytesUsed, count, EntrySize);
    }

    /// <summary>The attributes of the set of that number, by full name.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public IReadOnlyDictionary<string, byte[]> Read(uint set)
    {
        var entry = _sets.At(set);
        var reference = entry.I64();
        var count = entry.U32();
        var cursor = At(reference);
        var found = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var bytes = 0L;
        for (var i = 0u; i < count; i++)
        {
            var type = cursor.U16();
            var nameSize = cursor.U16();
            if (nameSize is 0 or > LongestName || (type & 0xFF) >= s_prefixes.Length)
                throw SquashfsCorrupt.At("attributes in the block", cursor.Position, $"a name of {nameSize} bytes, of type {type}");
            var name = new byte[nameSize];
            cursor.Read(name);
            var value = Value(cursor, (type & ElsewhereBit) != 0);
            bytes += nameSize + value.Length;
            if (bytes > MostBytes)
                throw SquashfsCorrupt.At("attributes in the block", cursor.Position, $"a file has more than {MostBytes} bytes of them");
            found[s_prefixes[type & 0xFF] + Encoding.UTF8.GetString(name)] = value;
        }

        return found;
    }

    private byte[] Value(MetadataCursor cursor, bool isElsewhere)
    {
        var size = cursor.U32();
        if (isElsewhere)
        {
            // The same value of several files is stored once: here is where.
            if (size != sizeof(long))
                throw SquashfsCorrupt.At("attributes in the block", cursor.Position, $"a place of {size} bytes");
            cursor = At(cursor.I64());
            size = cursor.U32();
        }

        if (size > LongestValue)
            throw SquashfsCorrupt.At("attributes in the block", cursor.Position, $"a value of {size} bytes");
        var value = new byte[size];
        cursor.Read(value);
        return value;
    }

    private MetadataCursor At(long reference) =>
        _blocks.At(_start + (reference >> 16 & 0xFFFF_FFFF_FFFF), (int)(reference & 0xFFFF));
}
