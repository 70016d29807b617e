using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>A layer as the user named it.</summary>
/// <param name="Path">An image, a SIF image, or a directory.</param>
/// <param name="Id">A partition of a SIF image; null for all of its overlays.</param>
public sealed record OverlayLayer(string Path, uint? Id = null);

/// <summary>Overlays that become one, or a base with overlays that becomes an image.</summary>
public sealed record OverlayMerge
{
    /// <summary>The overlays, bottom to top.</summary>
    public required IReadOnlyList<OverlayLayer> Overlays { get; init; }

    /// <summary>What they lie on: a SIF, squashfs or ext3 image, or a directory. Null merges the overlays
    /// alone.</summary>
    public string? Base { get; init; }

    /// <summary>The file to make: a SIF image with a base, else an overlay, or an existing SIF image to put that
    /// into.</summary>
    public required string Destination { get; init; }

    /// <summary>Squashfs or ext3; null for squashfs in a SIF image, and else for what the file's name says.</summary>
    public SifFileSystem? Format { get; init; }

    /// <summary>How a squashfs is compressed.</summary>
    public SquashfsPacking Packing { get; init; } = new();

    /// <summary>Bytes in an ext3 overlay; null for what the content needs, and room for more.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Replace an existing file.</summary>
    public bool Force { get; init; }
}
