using System.Security.Cryptography;
using System.Text;
using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>An object to put into an image.</summary>
public sealed class SifNewObject
{
    /// <summary>The group that objects are put into unless said otherwise.</summary>
    public const uint DefaultGroup = 1;

    private const uint MostNumber = ~SifDescriptor.GroupMask;

    /// <summary>What the object is.</summary>
    public required SifDataType DataType { get; init; }

    /// <summary>Its bytes. The caller disposes of it.</summary>
    public required SifContent Content { get; init; }

    /// <summary>The group, 1 to 2^28 - 1, or null for none.</summary>
    public uint? GroupId { get; init; } = DefaultGroup;

    /// <summary>The object or group that this one is about, 1 to 2^28 - 1, or null. It need not exist.</summary>
    public uint? LinkedId { get; init; }

    /// <summary>Whether <see cref="LinkedId"/> is a group.</summary>
    public bool LinkedToGroup { get; init; }

    /// <summary>The name: at most 128 bytes of UTF-8, without NUL.</summary>
    public string Name { get; init; } = "";

    /// <summary>What the data's offset is a multiple of, in bytes; 0 for none; null for what the type usually
    /// has.</summary>
    public long? Alignment { get; init; }

    /// <summary>When the object was made; null for the time of the change.</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>What the descriptor says beyond that. A partition needs it; OCI objects get their digest by
    /// themselves.</summary>
    public SifMetadata? Metadata { get; init; }

    internal long EffectiveAlignment =>
        Alignment ?? (DataType == SifDataType.Partition ? SifLayout.PartitionAlignment : 0);

    /// <summary>The slot, but for what only its place decides.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifInvalidValue"/>.</exception>
    internal SifDescriptor ToDescriptor()
    {
        var descriptor = new SifDescriptor
        {
            DataType = SifObject.TypeBase + (int)CheckType(),
            GroupId = SifDescriptor.GroupMask | (GroupId is null ? 0 : CheckNumber(GroupId.Value, "group")),
            LinkedId = LinkedId is null ? 0 : CheckLink(LinkedId.Value),
        };
        WriteName(descriptor.Name);
        Metadata?.Write(descriptor.Extra);
        if (Time is { } time)
            descriptor.CreatedAt = descriptor.ModifiedAt = time.ToUnixTimeSeconds();
        return descriptor;
    }

    /// <summary>Gives OCI objects the digest of what was written, as the reference implementation does.</summary>
    internal void AddDigest(SifDescriptor descriptor, Window data)
    {
        if (Metadata is not null || DataType is not (SifDataType.OciRootIndex or SifDataType.OciBlob))
            return;

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[SparseCopy.ChunkSize];
        for (long done = 0; done < data.Length; done += buffer.Length)
        {
            var chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, data.Length - done));
            data.Read(done, chunk);
            hash.AppendData(chunk);
        }

        SifDigestMetadata.FromHash(hash.GetHashAndReset()).Write(descriptor.Extra);
    }

    private SifDataType CheckType()
    {
        if (DataType is < SifDataType.DefinitionFile or > SifDataType.OciBlob)
            throw SifFailure.InvalidValue($"{(int)DataType} is no data type.", "Give a value from 1 to 11.");
        if (Metadata is not null && !Metadata.Describes(DataType))
            throw SifFailure.InvalidValue($"An object of the type {DataType} has no such metadata.");
        if (DataType == SifDataType.Partition && Metadata is null)
            throw SifFailure.InvalidValue("A partition needs its file system, partition type and architecture.");
        return DataType;
    }

    private uint CheckLink(uint link) => LinkedToGroup
        ? CheckNumber(link, "linked group") | SifDescriptor.GroupMask
        : CheckNumber(link, "linked object");

    // The format keeps 28 bits; the reference implementation drops the rest silently.
    private static uint CheckNumber(uint number, string what) =>
        number is > 0 and <= MostNumber
            ? number
            : throw SifFailure.InvalidValue($"{number} is no number for a {what}.",
                $"Give a number from 1 to {MostNumber}.");

    private void WriteName(byte[] field)
    {
        var length = Encoding.UTF8.GetByteCount(Name);
        if (length > field.Length)
            throw SifFailure.InvalidValue($"The name has {length} bytes; a descriptor holds {field.Length}.",
                "Choose a shorter name.");
        if (Name.Contains('\0'))
            throw SifFailure.InvalidValue("The name contains a NUL character.", "Choose another name.");
        Encoding.UTF8.GetBytes(Name, field);
    }
}
