namespace OverlayTools.Overlays;

/// <summary>What optimizing an overlay image won.</summary>
public sealed record OverlayOptimization
{
    /// <summary>The image, or the SIF image that it is in.</summary>
    public required string Path { get; init; }

    /// <summary>The partition of a SIF image; null for a file of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>Bytes that it took on the disk before.</summary>
    public required long OldAllocatedBytes { get; init; }

    /// <summary>Bytes that it takes now.</summary>
    public required long AllocatedBytes { get; init; }

    /// <summary>Bytes that the disk got back.</summary>
    public long ReclaimedBytes => Math.Max(0, OldAllocatedBytes - AllocatedBytes);

    /// <summary>Files and directories that were left in <c>work</c>, and are gone.</summary>
    public int RemovedWorkItems { get; init; }
}
