namespace OverlayTools.Overlays;

/// <summary>What a repair did to an overlay image.</summary>
public sealed record OverlayRepair
{
    /// <summary>Full path of the file.</summary>
    public required string Path { get; init; }

    /// <summary>The id of the partition in a SIF image; null for a file of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>Transactions that were replayed out of the journal.</summary>
    public int ReplayedTransactions { get; init; }

    /// <summary>Files that were in use without a name, or were being cut, when their system stopped, and were finished
    /// with.</summary>
    public int DeletedOrphans { get; init; }

    /// <summary>Blocks of bitmaps and counts that were made right.</summary>
    public int RepairedBlocks { get; init; }

    /// <summary>Whether e2fsck repaired a copy, which then took the image's place.</summary>
    public bool UsedE2fsck { get; init; }

    /// <summary>Errors that are left.</summary>
    public int ErrorCount { get; init; }

    /// <summary>Whether the file system is sound now.</summary>
    public bool IsSound => ErrorCount == 0;
}
