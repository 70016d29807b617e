namespace OverlayTools.Overlays;

/// <summary>A request to give an overlay image another size, or other inodes. One of <see cref="SizeBytes"/>,
/// <see cref="GrowBy"/> and <see cref="ToMinimumSize"/>, or <see cref="InodeCount"/> alone or with a size.</summary>
public sealed record OverlayResizing
{
    /// <summary>An image file, or a SIF image.</summary>
    public required string Path { get; init; }

    /// <summary>The partition of a SIF image; null for the only ext3 one.</summary>
    public uint? Id { get; init; }

    /// <summary>The new size in bytes.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>How many bytes it shall have more.</summary>
    public long? GrowBy { get; init; }

    /// <summary>As small as what it holds allows.</summary>
    public bool ToMinimumSize { get; init; }

    /// <summary>The number of inodes of a new file system, which takes the old one's place; null to keep the
    /// old.</summary>
    public long? InodeCount { get; init; }
}

/// <summary>The sizes before and after a resizing, in bytes.</summary>
/// <param name="OldSizeBytes">Of the file, or the partition, now.</param>
/// <param name="NewSizeBytes">And afterwards.</param>
public readonly record struct OverlaySizes(long OldSizeBytes, long NewSizeBytes);
