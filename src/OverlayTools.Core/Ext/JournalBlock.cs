using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>The blocks of a transaction in the log: descriptors with tags, revocations, and the commit
/// (<c>journal_header_t</c>).</summary>
internal static class JournalBlock
{
    public const uint MagicNumber = 0xC03B3998;
    public const uint DescriptorType = 1;
    public const uint CommitType = 2;
    public const uint RevokeType = 5;

    private const int HeaderSize = 12;
    private const int RevokeHeaderSize = 16;
    private const int TagSize = 8;
    private const int UuidSize = 16;
    private const ushort FlagEscape = 1;
    private const ushort FlagSameUuid = 2;
    private const ushort FlagLast = 8;

    /// <summary>Tags in one descriptor block; the first is followed by the journal's UUID.</summary>
    public static int TagsPerBlock(int blockSize) => (blockSize - HeaderSize - UuidSize) / TagSize;

    /// <summary>Whether a block would be taken for one of the journal's own.</summary>
    public static bool NeedsEscape(ReadOnlySpan<byte> block) => BinaryPrimitives.ReadUInt32BigEndian(block) == MagicNumber;

    /// <summary>Kind and transaction of one of the journal's own blocks; null for any other block.</summary>
    public static (uint Type, uint Sequence)? Header(ReadOnlySpan<byte> block) =>
        BinaryPrimitives.ReadUInt32BigEndian(block) == MagicNumber
            ? (BinaryPrimitives.ReadUInt32BigEndian(block[4..]), BinaryPrimitives.ReadUInt32BigEndian(block[8..]))
            : null;

    /// <summary>What a descriptor says of the blocks that follow it in the log, in their order.</summary>
    public static List<(uint Block, bool Escaped)> ReadDescriptor(ReadOnlySpan<byte> block)
    {
        var tags = new List<(uint, bool)>();
        for (var at = HeaderSize; at + TagSize <= block.Length;)
        {
            int flags = BinaryPrimitives.ReadUInt16BigEndian(block[(at + 6)..]);
            tags.Add((BinaryPrimitives.ReadUInt32BigEndian(block[at..]), (flags & FlagEscape) != 0));
            if ((flags & FlagLast) != 0)
                break;
            at += TagSize + ((flags & FlagSameUuid) != 0 ? 0 : UuidSize);
        }

        return tags;
    }

    /// <summary>The blocks that a revoke block names (<c>jbd2_journal_revoke_header_t</c>); null when its length is
    /// wrong.</summary>
    public static uint[]? ReadRevoked(ReadOnlySpan<byte> block)
    {
        var used = BinaryPrimitives.ReadUInt32BigEndian(block[HeaderSize..]);
        if (used > block.Length)
            return null;
        var revoked = new uint[Math.Max(0, ((int)used - RevokeHeaderSize) / sizeof(uint))];
        for (var i = 0; i < revoked.Length; i++)
            revoked[i] = BinaryPrimitives.ReadUInt32BigEndian(block[(RevokeHeaderSize + i * sizeof(uint))..]);
        return revoked;
    }

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
