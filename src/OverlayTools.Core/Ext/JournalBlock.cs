using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>The blocks of a transaction in the log: descriptors with tags, and the commit
/// (<c>journal_header_t</c>).</summary>
internal static class JournalBlock
{
    public const uint MagicNumber = 0xC03B3998;

    private const uint DescriptorType = 1;
    private const uint CommitType = 2;
    private const int HeaderSize = 12;
    private const int TagSize = 8;
    private const int UuidSize = 16;
    private const ushort FlagEscape = 1;
    private const ushort FlagSameUuid = 2;
    private const ushort FlagLast = 8;

    /// <summary>Tags in one descriptor block; the first is followed by the journal's UUID.</summary>
    public static int TagsPerBlock(int blockSize) => (blockSize - HeaderSize - UuidSize) / TagSize;

    /// <summary>Whether a block would be taken for one of the journal's own.</summary>
    public static bool NeedsEscape(ReadOnlySpan<byte> block) => BinaryPrimitives.ReadUInt32BigEndian(block) == MagicNumber;

    /// <summary>A descriptor of the blocks that follow it in the log.</summary>
    public static void WriteDescriptor(
        Span<byte> block, uint sequence, Guid uuid, IReadOnlyList<(uint Block, bool Escaped)> tags)
    {
        block.Clear();
        WriteHeader(block, DescriptorType, sequence);
        var at = HeaderSize;
        for (var i = 0; i < tags.Count; i++)
        {
            var flags = (tags[i].Escaped ? FlagEscape : 0) | (i > 0 ? FlagSameUuid : 0)
                | (i == tags.Count - 1 ? FlagLast : 0);
            BinaryPrimitives.WriteUInt32BigEndian(block[at..], tags[i].Block);
            BinaryPrimitives.WriteUInt16BigEndian(block[(at + 6)..], (ushort)flags);
            at += TagSize;
            if (i > 0)
                continue;
            uuid.TryWriteBytes(block.Slice(at, UuidSize), bigEndian: true, out _);
            at += UuidSize;
        }
    }

    /// <summary>The block that makes the transaction count (<c>struct commit_header</c>).</summary>
    public static void WriteCommit(Span<byte> block, uint sequence, DateTimeOffset now)
    {
        block.Clear();
        WriteHeader(block, CommitType, sequence);
        BinaryPrimitives.WriteInt64BigEndian(block[0x30..], now.ToUnixTimeSeconds());
    }

    private static void WriteHeader(Span<byte> block, uint type, uint sequence)
    {
        BinaryPrimitives.WriteUInt32BigEndian(block, MagicNumber);
        BinaryPrimitives.WriteUInt32BigEndian(block[4..], type);
        BinaryPrimitives.WriteUInt32BigEndian(block[8..], sequence);
    }
}
