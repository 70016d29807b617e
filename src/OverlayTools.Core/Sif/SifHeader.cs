using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>The global header: 128 bytes at the start of the file, little-endian (SIF specification, 1.1).</summary>
public sealed class SifHeader
{
    /// <summary>Bytes that the header takes.</summary>
    public const int Size = 128;

    /// <summary>Bytes of the field <see cref="LaunchScript"/>; a writer leaves the last one NUL.</summary>
    public const int LaunchScriptSize = 32;

    /// <summary>Bytes that signatures cover (<see cref="WriteIntegrityStream"/>).</summary>
    public const int IntegritySize = LaunchScriptSize + MagicSize + VersionSize + IdSize;

    internal const int MagicSize = 10;
    internal const int VersionSize = 3;
    internal const int IdSize = 16;

    internal const int MagicOffset = 32;
    internal const int VersionOffset = 42;
    internal const int ArchOffset = 45;
    internal const int IdOffset = 48;
    internal const int CreatedAtOffset = 64;
    internal const int ModifiedAtOffset = 72;
    internal const int DescriptorsFreeOffset = 80;
    internal const int DescriptorsTotalOffset = 88;
    internal const int DescriptorsOffsetOffset = 96;
    internal const int DescriptorsSizeOffset = 104;
    internal const int DataOffsetOffset = 112;
    internal const int DataSizeOffset = 120;

    /// <summary><c>LaunchScript</c>: a <c>#!</c> line, NUL padded.</summary>
    public byte[] LaunchScript { get; init; } = new byte[LaunchScriptSize];

    /// <summary><c>Magic</c>: <c>SIF_MAGIC</c> and a NUL.</summary>
    public byte[] Magic { get; init; } = KnownMagic.ToArray();

    /// <summary><c>Version</c>: two digits and a NUL.</summary>
    public byte[] Version { get; init; } = KnownVersion.ToArray();

    /// <summary><c>Arch</c>: code of the primary partition's architecture, as stored.</summary>
    public byte[] Arch { get; set; } = "00\0"u8.ToArray();

    /// <summary><c>ID</c>: the image's identity; all zero in a deterministic image.</summary>
    public Guid Id { get; init; }

    /// <summary><c>CreatedAt</c>: seconds since 1970, or <see cref="SifTime.Unset"/>.</summary>
    public long CreatedAt { get; init; } = SifTime.Unset;

    /// <summary><c>ModifiedAt</c>: seconds since 1970, or <see cref="SifTime.Unset"/>.</summary>
    public long ModifiedAt { get; set; } = SifTime.Unset;

    /// <summary><c>DescriptorsFree</c>: unused slots, as stored. Not to be trusted.</summary>
    public long DescriptorsFree { get; set; }

    /// <summary><c>DescriptorsTotal</c>: slots in the table.</summary>
    public long DescriptorsTotal { get; set; }

    /// <summary><c>DescriptorsOffset</c>: where the table starts in the file, in bytes.</summary>
    public long DescriptorsOffset { get; set; }

    /// <summary><c>DescriptorsSize</c>: bytes of the table.</summary>
    public long DescriptorsSize { get; set; }

    /// <summary><c>DataOffset</c>: where the data section starts in the file, in bytes.</summary>
    public long DataOffset { get; set; }

    /// <summary><c>DataSize</c>: bytes of the data section, as stored. Not to be trusted.</summary>
    public long DataSize { get; set; }

    /// <summary>The first byte after the table; only of a header that was checked.</summary>
    internal long TableEnd => DescriptorsOffset + DescriptorsSize;

    internal static ReadOnlySpan<byte> KnownMagic => "SIF_MAGIC\0"u8;

    internal static ReadOnlySpan<byte> KnownVersion => "01\0"u8;

    /// <summary>Whether a file that starts so is a SIF image, of whatever version, whole or not.</summary>
    internal static bool Begins(ReadOnlySpan<byte> file) =>
        file.Length >= MagicOffset + MagicSize && file[MagicOffset..].StartsWith(KnownMagic);

    /// <summary>Where a slot starts in the file; only of a header that was checked.</summary>
    internal long SlotOffset(long slot) => DescriptorsOffset + (slot * SifDescriptor.Size);

    /// <summary>Reads the fields; nothing is checked.</summary>
    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    public static SifHeader Parse(ReadOnlySpan<byte> bytes) => new()
    {
        LaunchScript = bytes[..LaunchScriptSize].ToArray(),
        Magic = bytes.Slice(MagicOffset, MagicSize).ToArray(),
        Version = bytes.Slice(VersionOffset, VersionSize).ToArray(),
        Arch = bytes.Slice(ArchOffset, SifArchitectures.CodeSize).ToArray(),
        Id = new Guid(bytes.Slice(IdOffset, IdSize), bigEndian: true),
        CreatedAt = BinaryPrimitives.ReadInt64LittleEndian(bytes[CreatedAtOffset..]),
        ModifiedAt = BinaryPrimitives.ReadInt64LittleEndian(bytes[ModifiedAtOffset..]),
        DescriptorsFree = BinaryPrimitives.ReadInt64LittleEndian(bytes[DescriptorsFreeOffset..]),
        DescriptorsTotal = BinaryPrimitives.ReadInt64LittleEndian(bytes[DescriptorsTotalOffset..]),
        DescriptorsOffset = BinaryPrimitives.ReadInt64LittleEndian(bytes[DescriptorsOffsetOffset..]),
        DescriptorsSize = BinaryPrimitives.ReadInt64LittleEndian(bytes[DescriptorsSizeOffset..]),
        DataOffset = BinaryPrimitives.ReadInt64LittleEndian(bytes[DataOffsetOffset..]),
        DataSize = BinaryPrimitives.ReadInt64LittleEndian(bytes[DataSizeOffset..]),
    };

    /// <summary>Writes the fields.</summary>
    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    public void Write(Span<byte> bytes)
    {
        LaunchScript.CopyTo(bytes);
        Magic.CopyTo(bytes[MagicOffset..]);
        Version.CopyTo(bytes[VersionOffset..]);
        Arch.CopyTo(bytes[ArchOffset..]);
        Id.TryWriteBytes(bytes[IdOffset..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[CreatedAtOffset..], CreatedAt);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[ModifiedAtOffset..], ModifiedAt);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[DescriptorsFreeOffset..], DescriptorsFree);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[DescriptorsTotalOffset..], DescriptorsTotal);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[DescriptorsOffsetOffset..], DescriptorsOffset);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[DescriptorsSizeOffset..], DescriptorsSize);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[DataOffsetOffset..], DataOffset);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[DataSizeOffset..], DataSize);
    }

    /// <summary>A copy to change.</summary>
    internal SifHeader Copy()
    {
        var bytes = new byte[Size];
        Write(bytes);
        return Parse(bytes);
    }

    /// <summary>Writes the fields at the start of a file, in one piece: they lie in the first 512 bytes, which a disk
    /// writes as a whole.</summary>
    internal void Write(Window file)
    {
        var bytes = new byte[Size];
        Write(bytes);
        file.Write(0, bytes);
    }

    /// <summary>Writes what a signature covers of the header: launch script, magic, version, identity (4.2).</summary>
    /// <param name="bytes">At least <see cref="IntegritySize"/> bytes.</param>
    public void WriteIntegrityStream(Span<byte> bytes)
    {
        LaunchScript.CopyTo(bytes);
        Magic.CopyTo(bytes[LaunchScriptSize..]);
        Version.CopyTo(bytes[(LaunchScriptSize + MagicSize)..]);
        Id.TryWriteBytes(bytes[(LaunchScriptSize + MagicSize + VersionSize)..], bigEndian: true, out _);
    }
}
