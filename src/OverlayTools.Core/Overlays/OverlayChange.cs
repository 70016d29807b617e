namespace OverlayTools.Overlays;

/// <summary>What shall be different about an overlay image.</summary>
public sealed record OverlayChange
{
    /// <summary>An image file, or a SIF image with overlays.</summary>
    public required string Path { get; init; }

    /// <summary>The one partition of a SIF image that is meant; null for all ext3 ones.</summary>
    public uint? Id { get; init; }

    /// <summary>Who shall own <c>upper</c> and <c>work</c>; null to leave that.</summary>
    public OverlayOwner? Owner { get; init; }

    /// <summary>Change only what has this user, or this group: each of the two is looked at by itself. Null for
    /// all.</summary>
    public OverlayOwner? From { get; init; }

    /// <summary>Give all that is below the two directories to the owner, too.</summary>
    public bool Recurse { get; init; }

    /// <summary>Change a SIF image that is signed, too: its signature is no longer valid then.</summary>
    public bool Force { get; init; }

    /// <summary>The new label of the file system, at most 16 bytes; null to leave it.</summary>
    public string? Label { get; init; }
}
