using System.Buffers.Binary;

namespace OverlayTools.Sif;

/// <summary>A slot of the descriptor table: 585 bytes, little-endian, without padding (SIF specification, 2).</summary>
public sealed class SifDescriptor
{
    /// <summary>Bytes that a slot takes.</summary>
    public const int Size = 585;

    /// <summary>Bytes of the field <see cref="Name"/>; a name may fill them all.</summary>
    public const int NameSize = 128;

    /// <summary>Bytes of the field <see cref="Extra"/>.</summary>
    public const int ExtraSize = 384;

    /// <summary>Bytes that signatures cover (<see cref="WriteIntegrityStream"/>).</summary>
    public const int IntegritySize = 557;

    /// <summary>The bits that a group number carries on disk, in <see cref="GroupId"/> and in a link to a
    /// group.</summary>
    public const uint GroupMask = 0xF0000000;

    internal const int UsedOffset = 4;
    internal const int IdOffset = 5;
    internal const int GroupIdOffset = 9;
    internal const int LinkedIdOffset = 13;
    internal const int OffsetOffset = 17;
    internal const int SizeOffset = 25;
    internal const int SizeWithPaddingOffset = 33;
    internal const int CreatedAtOffset = 41;
    internal const int ModifiedAtOffset = 49;
    internal const int UidOffset = 57;
    internal const int GidOffset = 65;
    internal const int NameOffset = 73;
    internal const int ExtraOffset = 201;

    /// <summary><c>DataType</c>: 0x4000 + a value of <see cref="SifDataType"/>, or anything.</summary>
    public int DataType { get; init; }

    /// <summary><c>Used</c>: 0 when the slot is free; any other value means used.</summary>
    public byte Used { get; set; }

    /// <summary><c>ID</c>: writers store the slot's index + 1.</summary>
    public uint Id { get; set; }

    /// <summary><c>GroupID</c>: <see cref="GroupMask"/> | group.</summary>
    public uint GroupId { get; init; } = GroupMask;

    /// <summary><c>LinkedID</c>: 0, an object's id, or <see cref="GroupMask"/> | group.</summary>
    public uint LinkedId { get; init; }

    /// <summary><c>Offset</c>: where the data starts in the file, in bytes.</summary>
    public long Offset { get; set; }

    /// <summary><c>Size</c>: bytes of data.</summary>
    public long DataSize { get; set; }

    /// <summary><c>SizeWithPadding</c>: the size and the gap in front. Nobody relies on it: old writers stored other
    /// values.</summary>
    public long SizeWithPadding { get; set; }

    /// <summary><c>CreatedAt</c>: seconds since 1970, or <see cref="SifTime.Unset"/>.</summary>
    public long CreatedAt { get; set; } = SifTime.Unset;

    /// <summary><c>ModifiedAt</c>: seconds since 1970, or <see cref="SifTime.Unset"/>.</summary>
    public long ModifiedAt { get; set; } = SifTime.Unset;

    /// <summary><c>UID</c>: 0 in images of today.</summary>
    public long Uid { get; init; }

    /// <summary><c>GID</c>: 0 in images of today.</summary>
    public long Gid { get; init; }

    /// <summary><c>Name</c>: NUL padded; a full one has no NUL.</summary>
    public byte[] Name { get; init; } = new byte[NameSize];

    /// <summary><c>Extra</c>: metadata of the data type, NUL padded.</summary>
    public byte[] Extra { get; init; } = new byte[ExtraSize];

    /// <summary>Reads the fields; nothing is checked.</summary>
    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    public static SifDescriptor Parse(ReadOnlySpan<byte> bytes) => new()
    {
        DataType = BinaryPrimitives.ReadInt32LittleEndian(bytes),
        Used = bytes[UsedOffset],
        Id = BinaryPrimitives.ReadUInt32LittleEndian(bytes[IdOffset..]),
        GroupId = BinaryPrimitives.ReadUInt32LittleEndian(bytes[GroupIdOffset..]),
        LinkedId = BinaryPrimitives.ReadUInt32LittleEndian(bytes[LinkedIdOffset..]),
        Offset = BinaryPrimitives.ReadInt64LittleEndian(bytes[OffsetOffset..]),
        DataSize = BinaryPrimitives.ReadInt64LittleEndian(bytes[SizeOffset..]),
        SizeWithPadding = BinaryPrimitives.ReadInt64LittleEndian(bytes[SizeWithPaddingOffset..]),
        CreatedAt = BinaryPrimitives.ReadInt64LittleEndian(bytes[CreatedAtOffset..]),
        ModifiedAt = BinaryPrimitives.ReadInt64LittleEndian(bytes[ModifiedAtOffset..]),
        Uid = BinaryPrimitives.ReadInt64LittleEndian(bytes[UidOffset..]),
        Gid = BinaryPrimitives.ReadInt64LittleEndian(bytes[GidOffset..]),
        Name = bytes.Slice(NameOffset, NameSize).ToArray(),
        Extra = bytes.Slice(ExtraOffset, ExtraSize).ToArray(),
    };

    /// <summary>Writes the fields.</summary>
    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes, DataType);
        bytes[UsedOffset] = Used;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[IdOffset..], Id);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[GroupIdOffset..], GroupId);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[LinkedIdOffset..], LinkedId);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[OffsetOffset..], Offset);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[SizeOffset..], DataSize);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[SizeWithPaddingOffset..], SizeWithPadding);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[CreatedAtOffset..], CreatedAt);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[ModifiedAtOffset..], ModifiedAt);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[UidOffset..], Uid);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[GidOffset..], Gid);
        Name.CopyTo(bytes[NameOffset..]);
        Extra.CopyTo(bytes[ExtraOffset..]);
    }

    /// <summary>Writes what a signature covers of the slot (4.2): neither its place nor its group nor its last
    /// change.</summary>
    /// <param name="bytes">At least <see cref="IntegritySize"/> bytes.</param>
    /// <param name="relativeId">The id less the smallest id in the group.</param>
    public void WriteIntegrityStream(Span<byte> bytes, uint relativeId)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes, DataType);
        bytes[4] = Used == 0 ? (byte)0 : (byte)1;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[5..], relativeId);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[9..], LinkedId);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[13..], DataSize);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[21..], CreatedAt);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[29..], Uid);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[37..], Gid);
        Name.CopyTo(bytes[45..]);
        Extra.CopyTo(bytes[(45 + NameSize)..]);
    }
}
