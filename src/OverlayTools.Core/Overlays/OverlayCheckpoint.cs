namespace OverlayTools.Overlays;

/// <summary>A copy of an overlay as it was at one time, under a name.</summary>
public sealed record OverlayCheckpoint
{
    /// <summary>The copy: an overlay image of its own, beside the image.</summary>
    public required string Path { get; init; }

    /// <summary>The image that it is of.</summary>
    public required string ImagePath { get; init; }

    /// <summary>The partition of a SIF image that it is of; null for an image of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Bytes of the overlay then.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Bytes that the copy takes on the disk; blocks that it shares with others count too.</summary>
    public required long AllocatedBytes { get; init; }
}
