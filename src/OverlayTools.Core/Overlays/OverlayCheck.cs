using OverlayTools.Ext.Check;

namespace OverlayTools.Overlays;

/// <summary>What a check of an overlay image found.</summary>
/// <param name="Path">The file.</param>
/// <param name="Id">The partition in a SIF image; null for a file of its own.</param>
/// <param name="FileSystem">What is wrong with the file system.</param>
/// <param name="Overlay">Where it does not keep the rules of overlays.</param>
public sealed record OverlayCheck(
    string Path, uint? Id, ExtCheckResult FileSystem, IReadOnlyList<OverlayFinding> Overlay);

/// <summary>The rules that an overlay image should keep, whatever its file system is like: stable words.</summary>
public enum OverlayRule
{
    /// <summary>There is no directory <c>upper</c> at the root.</summary>
    UpperMissing,

    /// <summary>There is no directory <c>work</c> at the root.</summary>
    WorkMissing,

    /// <summary><c>upper</c> and <c>work</c> have different owners.</summary>
    OwnersDiffer,

    /// <summary>A file in <c>upper</c> has a name that begins with <c>.wh.</c>: a deletion as another tool writes it,
    /// which the kernel takes for a file.</summary>
    StrayWhiteout,

    /// <summary>Apptainer refuses the file system's features.</summary>
    ApptainerRefuses,
}

/// <summary>A rule that an overlay image does not keep.</summary>
/// <param name="Rule">Which.</param>
/// <param name="Message">What is wrong, in a sentence.</param>
/// <param name="Path">Where, as a path in the overlay.</param>
public sealed record OverlayFinding(OverlayRule Rule, string Message, string? Path = null)
{
    /// <summary>Rule, place and message on a line.</summary>
    public override string ToString() => Path is null ? $"{Rule}: {Message}" : $"{Rule} '{Path}': {Message}";
}
