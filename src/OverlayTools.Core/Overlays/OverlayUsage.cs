namespace OverlayTools.Overlays;

/// <summary>What the space of an overlay image is used for, and where.</summary>
public sealed record OverlayUsage
{
    /// <summary>The image, or the SIF image that it is in.</summary>
    public required string Path { get; init; }

    /// <summary>The partition of a SIF image; null for a file of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>Bytes in the file system.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Block groups.</summary>
    public required long GroupCount { get; init; }

    /// <summary>Bytes for superblocks, descriptors, bitmaps and inode tables.</summary>
    public required long MetadataBytes { get; init; }

    /// <summary>Bytes for the journal.</summary>
    public required long JournalBytes { get; init; }

    /// <summary>Bytes for files and directories.</summary>
    public required long FileBytes { get; init; }

    /// <summary>Bytes in free blocks.</summary>
    public required long FreeBytes { get; init; }

    /// <summary>Bytes of the free ones that are kept for root.</summary>
    public required long ReservedBytes { get; init; }

    /// <summary>Inodes in all.</summary>
    public required long InodeCount { get; init; }

    /// <summary>Inodes that are free.</summary>
    public required long FreeInodeCount { get; init; }

    /// <summary>The file system cut into equal parts, from its start to its end; the last one may be shorter.</summary>
    public required IReadOnlyList<OverlayUsagePart> Parts { get; init; }

    /// <summary>For example <c>/home/ana/overlay.img: 18976768 of 209715200 bytes used</c>.</summary>
    public override string ToString() =>
        $"{Path}{(Id is { } id ? $" ({id})" : string.Empty)}: {SizeBytes - FreeBytes} of {SizeBytes} bytes used";
}

/// <summary>A part of an overlay image.</summary>
/// <param name="Offset">Its first byte in the file system.</param>
/// <param name="MetadataBytes">Of it, for superblocks, descriptors, bitmaps and inode tables.</param>
/// <param name="JournalBytes">Of it, for the journal.</param>
/// <param name="FileBytes">Of it, for files and directories.</param>
/// <param name="FreeBytes">Of it, free.</param>
public sealed record OverlayUsagePart(long Offset, long MetadataBytes, long JournalBytes, long FileBytes, long FreeBytes)
{
    /// <summary>All its bytes.</summary>
    public long SizeBytes => MetadataBytes + JournalBytes + FileBytes + FreeBytes;
}
