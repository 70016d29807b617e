namespace OverlayTools.Overlays;

/// <summary>What an overlay does to a file of its base.</summary>
public enum OverlayDifferenceKind
{
    /// <summary>The base has no such file.</summary>
    Added,

    /// <summary>The file is of the same kind, and something about it is another.</summary>
    Modified,

    /// <summary>The base's file is hidden.</summary>
    Deleted,

    /// <summary>A directory that was made anew: nothing of the base's is seen in it.</summary>
    Replaced,

    /// <summary>Another kind of file has the name, for example a link that of a directory.</summary>
    TypeChanged,

    /// <summary>The overlay has the file as it is in the base: it was opened for writing, or is on the way to another that
    /// was changed.</summary>
    CopiedUp,

    /// <summary>It hides something that the base does not have.</summary>
    NoEffect,

    /// <summary>The overlay has the file; there is no base that would say more.</summary>
    Present,
}

/// <summary>What about a file is another than in the base.</summary>
[Flags]
public enum OverlayDifferenceParts
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The bytes of a file, where a link leads, or which device it is.</summary>
    Content = 1,

    /// <summary>Permissions.</summary>
    Mode = 2,

    /// <summary>Owner or group.</summary>
    Owner = 4,

    /// <summary>When the content was last changed.</summary>
    Time = 8,

    /// <summary>Extended attributes, access lists among them.</summary>
    Attributes = 16,
}

/// <summary>A difference between an overlay and its base. Its properties pipe into the cmdlets that take items.</summary>
public sealed record OverlayDifference
{
    /// <summary>The image, or the directory, of the overlay.</summary>
    public required string ImagePath { get; init; }

    /// <summary>The partition of a SIF image; null for an image or directory of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>The base; null when there is none.</summary>
    public string? BasePath { get; init; }

    /// <summary>The path as in the container. What is no text, and what would steer a terminal, is written as
    /// <c>\xNN</c>.</summary>
    public required string ItemPath { get; init; }

    /// <summary>The last part of the path; <c>/</c> for the root.</summary>
    public required string Name { get; init; }

    /// <summary>What the overlay does to the file.</summary>
    public required OverlayDifferenceKind Change { get; init; }

    /// <summary>What about the file is another.</summary>
    public OverlayDifferenceParts Parts { get; init; }

    /// <summary>The kind of file: in the overlay, or, of one that is deleted, in the base.</summary>
    public OverlayItemType ItemType { get; init; }

    /// <summary>The kind of file in the base; null when it has none.</summary>
    public OverlayItemType? BaseItemType { get; init; }

    /// <summary>Bytes in the overlay; null when it has no such file.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Bytes in the base; null when it has no such file.</summary>
    public long? BaseSizeBytes { get; init; }

    /// <summary>The forms in which the overlay hides what the base has.</summary>
    public OverlayMarkForms MarkForms { get; init; }

    /// <summary>Where the kernel finds the rest of a directory that was renamed
    /// (<c>overlay.redirect</c>); null for any other.</summary>
    public string? RedirectedFrom { get; init; }

    /// <summary>Whether the overlay has only the file's owner, mode, times and attributes, and its content is the
    /// base's (<c>overlay.metacopy</c>).</summary>
    public bool IsMetadataOnly { get; init; }
}
