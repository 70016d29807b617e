using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>An overlay that becomes one of another kind.</summary>
public sealed record OverlayConversion
{
    /// <summary>The overlay: an ext3 image, a directory, a squashfs, or a SIF image with one of these images in
    /// it.</summary>
    public required string Path { get; init; }

    /// <summary>The partition of a SIF image that has several overlays.</summary>
    public uint? Id { get; init; }

    /// <summary>A file to make, or an existing SIF image to put the overlay into.</summary>
    public required string Destination { get; init; }

    /// <summary>Squashfs or ext3; null for the other than the source is.</summary>
    public SifFileSystem? Format { get; init; }

    /// <summary>How a squashfs is compressed.</summary>
    public SquashfsPacking Packing { get; init; } = new();

    /// <summary>Bytes in an ext3 image; null for what the content needs, and room for more.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Remove the partition that was converted, when the new one is on the disk: it was a partition of the
    /// destination.</summary>
    public bool Replace { get; init; }

    /// <summary>Replace an existing file, and give a full descriptor table more room.</summary>
    public bool Force { get; init; }
}

/// <summary>What was made of an overlay, or of several.</summary>
public sealed record OverlayConversionResult
{
    /// <summary>The file that was made, or the SIF image that it is in.</summary>
    public required string Path { get; init; }

    /// <summary>The partition of the SIF image; null for a file of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>Squashfs or ext3.</summary>
    public required SifFileSystem FileSystem { get; init; }

    /// <summary>Bytes in the image.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>What was converted, or merged, bottom to top.</summary>
    public IReadOnlyList<string> Source { get; init; } = [];

    /// <summary>The partition that was removed; null when none was.</summary>
    public uint? ReplacedId { get; init; }

    /// <summary>Files of all kinds, directories among them; a file with several names once.</summary>
    public long FileCount { get; init; }

    /// <summary>Bytes in files, holes included.</summary>
    public long ContentBytes { get; init; }

    /// <summary>Deletions in it.</summary>
    public long WhiteoutCount { get; init; }

    /// <summary>Directories that hide the base's.</summary>
    public long OpaqueDirectoryCount { get; init; }

    /// <summary>Deletions and such directories that were in a form that not everybody obeys, and no longer are.</summary>
    public long ConvertedMarkCount { get; init; }

    /// <summary>What could not be kept, and what else the user should know.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
