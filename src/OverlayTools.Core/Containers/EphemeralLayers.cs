using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>A writable layer that is forgotten at the end: a private copy of an ext3 overlay.</summary>
internal static class EphemeralLayers
{
    /// <summary>Copies the image, and gives its lock back: whatever others do to it meanwhile is not seen.</summary>
    /// <param name="layer">The overlay, read-only.</param>
    /// <param name="file">The open image; locked.</param>
    /// <param name="set">Takes the copy.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.DiskFull"/>, or as <see cref="Ext3Layers.Prepare"/>.</exception>
    public static LayerSource Open(LayerSource layer, OpenImage file, ImageSet set)
    {
        if (set.OnlyLooks)
            return Ext3Layers.Prepare(layer with { ReadOnly = false }, file, set);
        var copy = PrivateImage.TryMake(
                file.Handle, layer.Path, layer.Offset, layer.Length, progress: set.Progress, token: set.Token)
            ?? throw new EngineException(ErrorIds.DiskFull, $"There is no room for a copy of the overlay '{layer.Path}'.",
                "Set TMPDIR to a directory with room, or open it read-only with ':ro' and -WritableTmpfs.", layer.Path);
        var added = set.Add(copy, layer.Path);
        FileLock.Release(file.Handle, layer.Offset, layer.Offset == 0 ? 0 : layer.Length);
        return Ext3Layers.Prepare(layer with { File = added.Index, Offset = 0, ReadOnly = false }, added, set);
    }
}
