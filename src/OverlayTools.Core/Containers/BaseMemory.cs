using OverlayTools.IO;
using OverlayTools.Overlays;

namespace OverlayTools.Containers;

/// <summary>Lets overlays remember which root file system they were first used on, and warns of another one.</summary>
internal static class BaseMemory
{
    /// <summary>Warns of overlays that were made on another base.</summary>
    /// <returns>The overlay that takes the changes, if it remembers no base yet.</returns>
    public static LayerSource? Check(LayerStack stack, ImageSet images)
    {
        LayerSource? fresh = null;
        // One in the image itself goes wherever its base does.
        foreach (var layer in stack.Overlays.Where(layer => layer.Path != stack.Root.Path))
        {
            if (Try(() => (HasBeenRead: true, Base: Read(layer, images))) is not { HasBeenRead: true } found)
                continue;
            if (found.Base is null && !layer.ReadOnly)
                fresh ??= layer;
            if (found.Base is { } remembered && Try(() => remembered.Compare(stack.Root.Path) == OverlayBaseMatch.Other))
                images.Warnings.Add($"The overlay '{layer.Path}' was made on another base, {remembered.Describe()}: "
                    + $"what it hides and changes may mean something else on '{stack.Root.Path}'.");
        }

        return fresh;
    }

    /// <summary>Notes the base in an overlay. To fail is no reason not to run.</summary>
    public static void Record(LayerSource overlay, LayerStack stack, ImageSet images) => Try(() => overlay.Kind == LayerKind.Directory
        ? OverlayBase.Record(overlay.Path, null, OverlayBase.Of(stack.Root.Path))
        : OverlayBase.Record(WindowOf(overlay, images), OverlayBase.Of(stack.Root.Path)));

    private static OverlayBase? Read(LayerSource layer, ImageSet images) => layer.Kind switch
    {
        LayerKind.Directory => OverlayBase.Read(layer.Path),
        LayerKind.Ext3 => OverlayBase.Read(WindowOf(layer, images)),
        _ => null,
    };

    private static FileWindow WindowOf(LayerSource layer, ImageSet images) =>
        new(images.Files[layer.File], layer.Offset, layer.Length);

    private static T? Try<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
        {
            return default;
        }
    }
}
