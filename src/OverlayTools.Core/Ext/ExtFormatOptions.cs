namespace OverlayTools.Ext;

/// <summary>What can be chosen about a new file system; the rest is what mke2fs chooses.</summary>
public sealed record ExtFormatOptions
{
    /// <summary>The file system's identity.</summary>
    public Guid Uuid { get; init; } = Guid.NewGuid();

    /// <summary>The secret of hashed directories.</summary>
    public Guid HashSeed { get; init; } = Guid.NewGuid();

    /// <summary>The label, at most 16 bytes of UTF-8.</summary>
    public string Label { get; init; } = "";

    /// <summary>
    /// Blocks that only the superuser may fill. fuse2fs gives them to nobody, and holds back a tenth of the file system
    /// when there are none, so that one block leaves the most space.
    /// </summary>
    public uint ReservedBlocks { get; init; } = 1;

    /// <summary>Bytes for each inode, or null for mke2fs's choice.</summary>
    public int? BytesPerInode { get; init; }

    /// <summary>Inodes in all, give or take what fills the tables, whatever <see cref="BytesPerInode"/> says; null
    /// leaves it to that.</summary>
    public long? InodeCount { get; init; }

    /// <summary>Bytes of a block: 1024, 2048 or 4096; null for mke2fs's choice.</summary>
    public int? BlockSize { get; init; }

    /// <summary>The time that is written wherever the tree gives none.</summary>
    public DateTimeOffset Now { get; init; } = DateTimeOffset.UtcNow;

    /// <summary>True when the window may hold something else than zeros: then all that must read as zeros is
    /// cleared.</summary>
    public bool MayHoldOldBytes { get; init; }

    /// <summary>The geometry that these options give a file of this length.</summary>
    /// <inheritdoc cref="ExtGeometry.Plan"/>
    public ExtGeometry PlanGeometry(long sizeBytes) => ExtGeometry.Plan(sizeBytes, BytesPerInode, InodeCount, BlockSize);
}
