using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>What one directory of an image has of marks that not everybody reads.</summary>
/// <param name="Directory">Its inode.</param>
/// <param name="Whiteouts">Names of files <c>.wh.NAME</c> that stand for deletions.</param>
/// <param name="IsOpaque">Whether it hides what is below, and some reader does not see that.</param>
/// <param name="OpaqueFiles">Files in it that say so.</param>
internal sealed record DirectoryMarks(
    uint Directory, IReadOnlyList<ExtName> Whiteouts, bool IsOpaque, IReadOnlyList<ExtName> OpaqueFiles)
{
    /// <summary>Whether root's kernel would miss one of them.</summary>
    public bool HiddenFromRoot { get; init; }

    /// <summary>Whether an ordinary user's driver would miss one of them.</summary>
    public bool HiddenFromUser { get; init; }
}
