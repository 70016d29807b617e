using OverlayTools.Sif;

namespace OverlayTools;

/// <summary>An object in a SIF image, as the cmdlets emit it.</summary>
public sealed class SifDescriptorInfo
{
    internal SifDescriptorInfo(string path, SifObject found)
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
