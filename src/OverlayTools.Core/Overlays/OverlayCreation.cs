using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>What a new overlay image shall be.</summary>
public sealed record OverlayCreation
{
    /// <summary>The least size, in bytes: below it, Apptainer makes none either.</summary>
    public const long LeastSizeBytes = 64 << 20;

    /// <summary>A file to make, or an existing SIF image to put the overlay into.</summary>
    public required string Path { get; init; }

    /// <summary>Bytes in the image.</summary>
    public long SizeBytes { get; init; } = LeastSizeBytes;

    /// <summary>Directories to make in the overlay, as absolute paths in the container.</summary>
    public IReadOnlyList<string> Directories { get; init; } = [];

    /// <summary>A directory, or a tar archive, whose content goes below <c>upper</c>; null for none.</summary>
    public string? Source { get; init; }

    /// <summary>Whether the source's files keep their owners; else all of them get this image's.</summary>
    public bool KeepSourceOwners { get; init; } = true;

    /// <summary>Choose the size by what the source needs, with room, instead of <see cref="SizeBytes"/>.</summary>
    public bool SizeForSource { get; init; }

    /// <summary>Who owns <c>upper</c>, <c>work</c> and the directories.</summary>
    public required uint UserId { get; init; }

    /// <summary>Their group.</summary>
    public required uint GroupId { get; init; }

    /// <summary>Permissions of <c>upper</c>, <c>work</c> and the directories.</summary>
    public uint Permissions { get; init; } = OverlayTree.DefaultPermissions;

    /// <summary>What can be chosen about the file system.</summary>
    public ExtFormatOptions Format { get; init; } = new();

    /// <summary>Give the image its disk space now, instead of leaving holes.</summary>
    public bool Preallocate { get; init; }

    /// <summary>Replace an existing file that is no SIF image, and allow less than
    /// <see cref="LeastSizeBytes"/>.</summary>
    public bool Force { get; init; }
}
