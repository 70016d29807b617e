using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Containers;

/// <summary>Looks into an ext3 overlay before anything is mounted: what would fail later fails now, with a reason.</summary>
internal static class Ext3Layers
{
    private const string Upper = "/upper";

    /// <summary>Completes the layer with what the file system says about itself.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="file">The open image.</param>
    /// <param name="warnings">Takes what the user should know.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayDirtyJournal"/> or <see cref="ErrorIds.OverlayMissingUpper"/>.</exception>
    public static LayerSource Describe(LayerSource layer, OpenImage file, List<string> warnings)
    {
        var fileSystem = ExtFileSystem.Open(new FileWindow(file.Handle, layer.Offset, layer.Length));
        var superblock = fileSystem.Superblock;
        if (superblock.HasErrors)
            throw new EngineException(ErrorIds.OverlayCorrupt, $"The overlay '{layer.Path}' recorded errors in its file system.",
                $"Run: Repair-OverlayImage {Quote(layer.Path)}", layer.Path);
        if (superblock.NeedsRecovery && layer.ReadOnly)
            throw new EngineException(ErrorIds.OverlayDirtyJournal,
                $"The overlay '{layer.Path}' was not unmounted cleanly, and its journal cannot be replayed read-only.",
                $"Run: Repair-OverlayImage {Quote(layer.Path)}, or use it once writable, without ':ro'.", layer.Path);
        if (!superblock.IsValid && !superblock.NeedsRecovery)
            warnings.Add($"The overlay '{layer.Path}' was not unmounted cleanly; check it with Test-OverlayImage when it is not in use.");
        if (superblock.UnsupportedByApptainer is { Count: > 0 } features)
            warnings.Add($"Apptainer refuses the overlay '{layer.Path}': it has the features {string.Join(", ", features)}.");

        // The journal may hold the newest state of the directories: what is on disk then proves nothing.
        if (superblock.NeedsRecovery)
            return layer with { HasUpper = true };
        if (fileSystem.Find(Upper) is not { } upper)
        {
            return layer.ReadOnly
                ? throw new EngineException(ErrorIds.OverlayMissingUpper, $"The overlay '{layer.Path}' has no directory 'upper'.",
                    "An overlay image has 'upper' and 'work' at its root; New-OverlayImage makes one.", layer.Path)
                : layer;
        }

        var inode = fileSystem.ReadInode(upper);
        return layer with { HasUpper = true, UpperOwner = (inode.UserId, inode.GroupId) };
    }

    private static string Quote(string path) => $"'{path.Replace("'", "''", StringComparison.Ordinal)}'";
}
