namespace OverlayTools.Overlays;

/// <summary>How many files an overlay changes, and how.</summary>
public sealed record OverlayDifferenceSummary
{
    /// <summary>The image, or the directory, of the overlay.</summary>
    public required string ImagePath { get; init; }

    /// <summary>The partition of a SIF image; null for an image or directory of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>The base; null when there is none, or nothing differs.</summary>
    public string? BasePath { get; init; }

    /// <summary>Files in all.</summary>
    public long Count { get; init; }

    /// <summary>Files that the base does not have.</summary>
    public long Added { get; init; }

    /// <summary>Files that are changed in place.</summary>
    public long Modified { get; init; }

    /// <summary>Of these, files with other content; of the others only mode, owner, times or attributes changed.</summary>
    public long ContentModified { get; init; }

    /// <summary>Files that are hidden; a directory counts once, unless what was in it was asked for.</summary>
    public long Deleted { get; init; }

    /// <summary>Directories that were made anew.</summary>
    public long Replaced { get; init; }

    /// <summary>Files of another kind.</summary>
    public long TypeChanged { get; init; }

    /// <summary>Files that are as in the base.</summary>
    public long CopiedUp { get; init; }

    /// <summary>Marks that hide nothing.</summary>
    public long NoEffect { get; init; }

    /// <summary>Files that are there, where there is no base.</summary>
    public long Present { get; init; }

    /// <summary>Bytes in files that the base does not have.</summary>
    public long AddedBytes { get; init; }

    /// <summary>Bytes in files with other content.</summary>
    public long ModifiedBytes { get; init; }

    /// <summary>Bytes in files that are as in the base: what removing them from the overlay would win.</summary>
    public long CopiedUpBytes { get; init; }

    internal OverlayDifferenceSummary With(OverlayDifference difference)
    {
        var kind = difference.Change;
        var hasOtherContent = (difference.Parts & OverlayDifferenceParts.Content) != 0;
        var bytes = difference.ItemType == OverlayItemType.File ? difference.SizeBytes ?? 0 : 0;
        return this with
        {
            Id = difference.Id,
            BasePath = difference.BasePath,
            Count = Count + 1,
            Added = Added + One(OverlayDifferenceKind.Added),
            Modified = Modified + One(OverlayDifferenceKind.Modified),
            ContentModified = ContentModified + (hasOtherContent ? One(OverlayDifferenceKind.Modified) : 0),
            Deleted = Deleted + One(OverlayDifferenceKind.Deleted),
            Replaced = Replaced + One(OverlayDifferenceKind.Replaced),
            TypeChanged = TypeChanged + One(OverlayDifferenceKind.TypeChanged),
            CopiedUp = CopiedUp + One(OverlayDifferenceKind.CopiedUp),
            NoEffect = NoEffect + One(OverlayDifferenceKind.NoEffect),
            Present = Present + One(OverlayDifferenceKind.Present),
            AddedBytes = AddedBytes + bytes * One(OverlayDifferenceKind.Added),
            ModifiedBytes = ModifiedBytes + (hasOtherContent ? bytes * One(OverlayDifferenceKind.Modified) : 0),
            CopiedUpBytes = CopiedUpBytes + (difference.IsMetadataOnly ? 0 : bytes * One(OverlayDifferenceKind.CopiedUp)),
        };

        long One(OverlayDifferenceKind wanted) => kind == wanted ? 1 : 0;
    }
}
