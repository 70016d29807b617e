using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>Finds overlays that are given twice, whatever the names.</summary>
internal static class DuplicateOverlays
{
    /// <summary>Leaves of an overlay that is given read-only several times only the topmost: it holds all that the others
    /// would show.</summary>
    /// <param name="overlays">Bottom to top.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>: one of them is to be written.</exception>
    public static IReadOnlyList<OverlayArgument> Remove(IReadOnlyList<OverlayArgument> overlays)
    {
        var kept = new List<OverlayArgument>();
        var seen = new Dictionary<(ulong Device, ulong Inode), OverlayArgument>();
        foreach (var overlay in overlays.Reverse())
        {
            using var file = Open.TryFile(overlay.Path, Open.PathOnly, 0, out _);
            if (file is null || Statx.Of(file, overlay.Path) is var status && seen.TryAdd((status.Device, status.Inode), overlay))
            {
                kept.Insert(0, overlay);
                continue;
            }

            var other = seen[(status.Device, status.Inode)];
            if (!overlay.ReadOnly || !other.ReadOnly)
                throw new EngineException(ErrorIds.OverlayInUse,
                    $"The overlay '{overlay.Path}' is given twice, and is to be written: nothing else may use it meanwhile.",
                    "Give it once.", overlay.Path);
        }

        return kept;
    }
}
