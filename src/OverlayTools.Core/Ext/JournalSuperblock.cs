using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>The first block of a journal (<c>journal_superblock_t</c>); all its numbers are big-endian.</summary>
internal sealed class JournalSuperblock
{
    public const int Size = 1024;
    public const uint Version1 = 3;
    public const uint Version2 = 4;
    public const uint CompatChecksum = 1;
    public const uint IncompatRevoke = 1;

    private readonly byte[] _raw;

    public JournalSuperblock(ReadOnlySpan<byte> raw) => _raw = raw[..Size].ToArray();

    public ReadOnlySpan<byte> Raw => _raw;

    /// <summary><c>h_magic</c>.</summary>
    public uint Magic { get => U32(0x00); private set => U32(0x00, value); }

    /// <summary><c>h_blocktype</c>.</summary>
    public uint BlockType { get => U32(0x04); private set => U32(0x04, value); }

    /// <summary><c>s_blocksize</c>.</summary>
    public uint BlockSize { get => U32(0x0C); private set => U32(0x0C, value); }

    /// <summary>Blocks of the journal, this one included (<c>s_maxlen</c>).</summary>
    public uint MaxLength { get => U32(0x10); private set => U32(0x10, value); }

    /// <summary>First block of the log (<c>s_first</c>).</summary>
    public uint First { get => U32(0x14); private set => U32(0x14, value); }

    /// <summary>The first transaction that is expected in the log (<c>s_sequence</c>).</summary>
    public uint Sequence { get => U32(0x18); set => U32(0x18, value); }

    /// <summary>Where the log starts; 0 when it is empty (<c>s_start</c>).</summary>
    public uint Start { get => U32(0x1C); set => U32(0x1C, value); }

    /// <summary>Why the journal was aborted (<c>s_errno</c>).</summary>
    public uint Errno { get => U32(0x20); set => U32(0x20, value); }

    /// <summary><c>s_feature_compat</c>.</summary>
    public uint FeatureCompat => BlockType == Version2 ? U32(0x24) : 0;

    /// <summary><c>s_feature_incompat</c>.</summary>
    public uint FeatureIncompat => BlockType == Version2 ? U32(0x28) : 0;

    /// <summary><c>s_feature_ro_compat</c>.</summary>
    public uint FeatureRoCompat => BlockType == Version2 ? U32(0x2C) : 0;

    /// <summary>File systems that use the journal (<c>s_nr_users</c>).</summary>
    public uint Users => BlockType == Version2 ? U32(0x40) : 1;

    /// <summary><c>s_uuid</c>.</summary>
    public Guid Uuid
    {
        get => new(_raw.AsSpan(0x30, 16), bigEndian: true);
        set => value.TryWriteBytes(_raw.AsSpan(0x30, 16), bigEndian: true, out _);
    }

    /// <summary>Whether a superblock of version 1 has something in the fields of version 2.</summary>
    public bool HasLeftovers =>
        BlockType == Version1 && (_raw.AsSpan(0x24, 12).ContainsAnyExcept((byte)0) || U32(0x40) != 0);

    /// <summary>The superblock of an empty journal.</summary>
    public static JournalSuperblock Create(int blockSize, uint blocks, Guid uuid)
    {
        var superblock = new JournalSuperblock(new byte[Size])
        {
            Magic = JournalBlock.MagicNumber,
            BlockType = Version2,
            BlockSize = (uint)blockSize,
            MaxLength = blocks,
            First = 1,
            Sequence = 1,
            Uuid = uuid,
        };
        superblock.U32(0x40, 1); // s_nr_users
        return superblock;
    }

    /// <summary>The transaction after one; 0 is none that JBD writes.</summary>
    public static uint Next(uint sequence) => sequence == uint.MaxValue ? 1 : sequence + 1;

    private uint U32(int offset) => BinaryPrimitives.ReadUInt32BigEndian(_raw.AsSpan(offset));

    private void U32(int offset, uint value) => BinaryPrimitives.WriteUInt32BigEndian(_raw.AsSpan(offset), value);
}
