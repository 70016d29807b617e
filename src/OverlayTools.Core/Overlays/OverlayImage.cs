using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>What an overlay image is like, whether a file of its own or a partition of a SIF image.</summary>
public sealed partial record OverlayImage
{
    /// <summary>Full path of the file.</summary>
    public required string Path { get; init; }

    /// <summary>The id of the partition in a SIF image; null for a file of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>Bytes in the file system.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Bytes in free blocks, those kept in reserve included.</summary>
    public required long FreeBytes { get; init; }

    /// <summary>Bytes in blocks that only root may fill.</summary>
    public long ReservedBytes { get; init; }

    /// <summary>Inodes in all: the most files it can hold.</summary>
    public required long InodeCount { get; init; }

    /// <summary>Inodes that are free.</summary>
    public required long FreeInodeCount { get; init; }

    /// <summary>The least size, in bytes, that all it holds fits into, as its counts say; null where it cannot be made
    /// smaller in place.</summary>
    public long? MinimumSizeBytes { get; init; }

    /// <summary>Disk space that it takes, in bytes: of the file, or of the partition's range. A sparse image takes less
    /// than its size.</summary>
    public required long AllocatedBytes { get; init; }

    /// <summary>Bytes that are free on the disk that the file lies on; null where that is not known.</summary>
    public long? DiskFreeBytes { get; init; }

    /// <summary>Bytes in a block.</summary>
    public required int BlockSize { get; init; }

    /// <summary>The file system's UUID.</summary>
    public required Guid Uuid { get; init; }

    /// <summary>The file system's label, safe to show; empty without one.</summary>
    public string Label { get; init; } = string.Empty;

    /// <summary>The file system's features, as <c>dumpe2fs</c> names them.</summary>
    public IReadOnlyList<string> Features { get; init; } = [];

    /// <summary>The features because of which Apptainer refuses the image; <c>-has_journal</c> says that it lacks
    /// one.</summary>
    public IReadOnlyList<string> RefusedFeatures { get; init; } = [];

    /// <summary>Whether Apptainer takes the file system.</summary>
    public bool IsAcceptedByApptainer => RefusedFeatures.Count == 0;

    /// <summary>How it is, as far as it says itself.</summary>
    public OverlayState State { get; init; }

    /// <summary>The state of its journal.</summary>
    public ExtJournalState Journal { get; init; }

    /// <summary>Errors that were recorded since its last check.</summary>
    public long ErrorCount { get; init; }

    /// <summary>The first of these errors; null without any.</summary>
    public ExtErrorRecord? FirstError { get; init; }

    /// <summary>The last of these errors; null without any.</summary>
    public ExtErrorRecord? LastError { get; init; }

    /// <summary>What contradicts itself, for <see cref="OverlayState.Damaged"/>; else null.</summary>
    public string? Fault { get; init; }

    /// <summary>Whether somebody is writing it, so that all that is said here may be out of date.</summary>
    public bool IsStale { get; init; }

    /// <summary>When it was made; null when it does not say.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>When it was last mounted; null for never.</summary>
    public DateTimeOffset? LastMounted { get; init; }

    /// <summary>When its superblock was last written; null for never.</summary>
    public DateTimeOffset? LastWritten { get; init; }

    /// <summary>When it was last checked; null for never.</summary>
    public DateTimeOffset? LastChecked { get; init; }

    /// <summary>Mounts since the last check.</summary>
    public int MountCount { get; init; }

    /// <summary>The owner of <c>upper</c>; null when there is no such directory.</summary>
    public uint? OwnerUserId { get; init; }

    /// <summary>The group of <c>upper</c>; null when there is no such directory.</summary>
    public uint? OwnerGroupId { get; init; }

    /// <summary>The permissions of <c>upper</c>; null when there is no such directory.</summary>
    public UnixFileMode? UpperMode { get; init; }

    /// <summary>The owner of <c>work</c>; null when there is no such directory.</summary>
    public uint? WorkUserId { get; init; }

    /// <summary>The group of <c>work</c>; null when there is no such directory.</summary>
    public uint? WorkGroupId { get; init; }

    /// <summary>The permissions of <c>work</c>; null when there is no such directory.</summary>
    public UnixFileMode? WorkMode { get; init; }

    /// <summary>The base that it was first used on; null where it does not say.</summary>
    public OverlayBase? Base { get; init; }

    /// <summary>The ways in which the caller can write it; null where that was not asked.</summary>
    public OverlayWriteMode? WritableAs { get; init; }

    /// <summary>Whether somebody uses it; null where that was not asked.</summary>
    public OverlayUse? Use { get; init; }

    /// <summary>Who uses it, as far as that can be seen from here.</summary>
    public IReadOnlyList<ImageUser> Users { get; init; } = [];

    /// <summary>The mark of one of our containers that writes it, or wrote it and was killed; null without one.</summary>
    public WriterMark? WriterMark { get; init; }
}
