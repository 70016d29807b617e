using OverlayTools.Sif;

namespace OverlayTools;

/// <summary>A SIF image, as the cmdlets emit it.</summary>
public sealed class SifImageInfo
{
    internal SifImageInfo(SifImage image)
    {
        Path = image.Path;
        ImageId = image.Id;
        Architecture = image.Architecture;
        FileSystem = image.PrimaryPartition?.Partition?.FileSystem;
        SizeBytes = image.Length;
        ObjectCount = image.Objects.Count;
        Capacity = image.Capacity;
        Created = image.Created;
        Modified = image.Modified;
    }

    /// <summary>The image's full path.</summary>
    public string Path { get; }

    /// <summary>The image's UUID; all zeros in a deterministic image.</summary>
    public Guid ImageId { get; }

    /// <summary>Architecture of the root file system.</summary>
    public SifArchitecture Architecture { get; }

    /// <summary>Format of the root file system; null without one.</summary>
    public SifFileSystem? FileSystem { get; }

    /// <summary>Length of the file in bytes.</summary>
    public long SizeBytes { get; }

    /// <summary>Objects in the image.</summary>
    public int ObjectCount { get; }

    /// <summary>The most objects that it can hold.</summary>
    public long Capacity { get; }

    /// <summary>When the image was made; null when unset.</summary>
    public DateTimeOffset? Created { get; }

    /// <summary>When the image was last changed; null when unset.</summary>
    public DateTimeOffset? Modified { get; }
}
