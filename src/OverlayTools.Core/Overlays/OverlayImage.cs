namespace OverlayTools.Overlays;

/// <summary>What an overlay image is like, whether a file of its own or a partition of a SIF image.</summary>
public sealed record OverlayImage
{
    /// <summary>Full path of the file.</summary>
    public required string Path { get; init; }

    /// <summary>The id of the partition in a SIF image; null for a file of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>Bytes in the file system.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Bytes in free blocks.</summary>
    public required long FreeBytes { get; init; }

    /// <summary>Inodes in all: the most files it can hold.</summary>
    public required long InodeCount { get; init; }

    /// <summary>Inodes that are free.</summary>
    public required long FreeInodeCount { get; init; }

    /// <summary>Disk space that the whole file takes, in bytes; a sparse file takes less than its length.</summary>
    public required long AllocatedBytes { get; init; }

    /// <summary>Bytes in a block.</summary>
    public required int BlockSize { get; init; }

    /// <summary>The file system's UUID.</summary>
    public required Guid Uuid { get; init; }

    /// <summary>The owner of <c>upper</c>; null when there is no such directory.</summary>
    public uint? OwnerUserId { get; init; }

    /// <summary>The group of <c>upper</c>; null when there is no such directory.</summary>
    public uint? OwnerGroupId { get; init; }

    /// <summary>The owner and group of <c>upper</c>, as <c>1000:1000</c>.</summary>
    public string Owner => OwnerUserId is null ? string.Empty : $"{OwnerUserId}:{OwnerGroupId}";

    /// <summary>Used blocks, in percent of all.</summary>
    public double UsedPercent => SizeBytes == 0 ? 0 : Math.Round(100.0 * (SizeBytes - FreeBytes) / SizeBytes, 1);
}
