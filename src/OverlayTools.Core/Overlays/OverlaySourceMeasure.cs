namespace OverlayTools.Overlays;

/// <summary>What a directory or an archive has, and what an overlay image that holds it needs.</summary>
public sealed record OverlaySourceMeasure
{
    /// <summary>Full path of the source.</summary>
    public required string Path { get; init; }

    /// <summary>Whether it is a tar archive, and not a directory.</summary>
    public required bool IsArchive { get; init; }

    /// <summary>Files that are no directories; one with several names counts once.</summary>
    public required long FileCount { get; init; }

    /// <summary>Directories, without the source itself.</summary>
    public required long DirectoryCount { get; init; }

    /// <summary>Bytes of data in regular files; holes do not count.</summary>
    public required long ContentBytes { get; init; }

    /// <summary>Inodes that the image uses then, with those that every image uses.</summary>
    public required long InodeCount { get; init; }

    /// <summary>The least size of an image, made with default options, that holds the content: nothing is free
    /// then.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>The size that New-OverlayImage chooses when none is given: with room.</summary>
    public required long SuggestedSizeBytes { get; init; }

    /// <summary>Bytes for each inode with which an image for this content has enough inodes: many small files need
    /// more of them than usual.</summary>
    public required int BytesPerInode { get; init; }

    /// <summary>The path in the source of the largest file; empty when there is none.</summary>
    public required string LargestFile { get; init; }

    /// <summary>Its length in bytes, holes included.</summary>
    public required long LargestFileBytes { get; init; }
}
