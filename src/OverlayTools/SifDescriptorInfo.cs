using OverlayTools.Sif;

namespace OverlayTools;

/// <summary>An object in a SIF image, as the cmdlets emit it. Types that say more of themselves have classes of their
/// own.</summary>
public class SifDescriptorInfo
{
    private protected SifDescriptorInfo(string path, SifObject found)
    {
        Path = path;
        Id = found.Id;
        GroupId = found.GroupId;
        LinkedId = found.LinkedId;
        LinkedToGroup = found.LinkedToGroup;
        DataType = found.DataType;
        FileSystem = found.Partition?.FileSystem;
        PartitionType = found.Partition?.PartitionType;
        Architecture = found.Partition?.Architecture;
        Offset = found.Offset;
        SizeBytes = found.SizeBytes;
        Name = found.Name;
        Created = found.Created;
        Modified = found.Modified;
        Fingerprint = (found.Metadata as SifSignatureMetadata)?.Fingerprint;
        Digest = (found.Metadata as SifDigestMetadata)?.Digest;
        Type = found.TypeText;
        Position = found.PositionText;
        Fault = found.Fault;
    }

    /// <summary>The description of an object, in the class for its type.</summary>
    internal static SifDescriptorInfo Of(string path, SifObject found) => found.Metadata switch
    {
        SifPartitionMetadata => new SifPartitionInfo(path, found),
        SifSignatureMetadata signature => new SifSignatureObjectInfo(path, found, signature),
        SifMessageMetadata message => new SifMessageInfo(path, found, message),
        SifSbomMetadata sbom => new SifSbomInfo(path, found, sbom),
        SifDigestMetadata => new SifOciObjectInfo(path, found),
        _ => new SifDescriptorInfo(path, found),
    };

    /// <summary>The image's full path.</summary>
    public string Path { get; }

    /// <summary>The object's number in the image.</summary>
    public uint Id { get; }

    /// <summary>The group, or null when it is in none.</summary>
    public uint? GroupId { get; }

    /// <summary>The object or group that this one is about, or null.</summary>
    public uint? LinkedId { get; }

    /// <summary>Whether <see cref="LinkedId"/> is a group.</summary>
    public bool LinkedToGroup { get; }

    /// <summary>What the object is.</summary>
    public SifDataType DataType { get; }

    /// <summary>A partition's file system; null for other objects.</summary>
    public SifFileSystem? FileSystem { get; }

    /// <summary>What a partition is for; null for other objects.</summary>
    public SifPartitionType? PartitionType { get; }

    /// <summary>A partition's architecture; null for other objects.</summary>
    public SifArchitecture? Architecture { get; }

    /// <summary>Where the data starts in the file, in bytes.</summary>
    public long Offset { get; }

    /// <summary>Bytes of data.</summary>
    public long SizeBytes { get; }

    /// <summary>The name, safe to show; empty when there is none.</summary>
    public string Name { get; }

    /// <summary>When the object was made; null when unset.</summary>
    public DateTimeOffset? Created { get; }

    /// <summary>When the object was last changed; null when unset.</summary>
    public DateTimeOffset? Modified { get; }

    /// <summary>A signature's OpenPGP fingerprint, or null.</summary>
    public string? Fingerprint { get; }

    /// <summary>The digest that an OCI object is named by, or null.</summary>
    public string? Digest { get; }

    /// <summary>The type as <c>siftool list</c> shows it.</summary>
    public string Type { get; }

    /// <summary>First byte and end as <c>siftool list</c> shows them.</summary>
    public string Position { get; }

    /// <summary>Why the object's data cannot be had, or null.</summary>
    public string? Fault { get; }
}

/// <summary>A partition in a SIF image.</summary>
public sealed class SifPartitionInfo : SifDescriptorInfo
{
    internal SifPartitionInfo(string path, SifObject found)
        : base(path, found)
    {
    }
}

/// <summary>A signature in a SIF image, as its descriptor has it; nothing was verified.</summary>
public sealed class SifSignatureObjectInfo : SifDescriptorInfo
{
    internal SifSignatureObjectInfo(string path, SifObject found, SifSignatureMetadata signature)
        : base(path, found) => HashType = signature.HashType;

    /// <summary>The hash that it was made over.</summary>
    public SifHashType HashType { get; }
}

/// <summary>A cryptographic message in a SIF image.</summary>
public sealed class SifMessageInfo : SifDescriptorInfo
{
    internal SifMessageInfo(string path, SifObject found, SifMessageMetadata message)
        : base(path, found) => (MessageFormat, MessageType) = (message.Format, message.MessageType);

    /// <summary>How it is written.</summary>
    public SifMessageFormat MessageFormat { get; }

    /// <summary>What it holds.</summary>
    public SifMessageType MessageType { get; }
}

/// <summary>A software bill of materials in a SIF image.</summary>
public sealed class SifSbomInfo : SifDescriptorInfo
{
    internal SifSbomInfo(string path, SifObject found, SifSbomMetadata sbom)
        : base(path, found) => SbomFormat = sbom.Format;

    /// <summary>Its format.</summary>
    public SifSbomFormat SbomFormat { get; }
}

/// <summary>A root index or blob of an OCI image in a SIF image.</summary>
public sealed class SifOciObjectInfo : SifDescriptorInfo
{
    internal SifOciObjectInfo(string path, SifObject found)
        : base(path, found)
    {
    }
}
