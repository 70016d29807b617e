using OverlayTools.IO;
using OverlayTools.Overlays;

namespace OverlayTools.Containers;

/// <summary>Lets overlays remember which root file system they were first used on, and warns of another one.</summary>
internal static class BaseMemory
{
    /// <summary>Warns of overlays that were made on another base.</summary>
    public static void Check(LayerStack stack, ImageSet images)
    {
        foreach (var layer in stack.Overlays)
        {
            if (IsOfRoot(layer, stack))
                continue;
            var isOther = false;
            var remembered = Try(() => Read(layer, images));
            Try(() => isOther = remembered?.Compare(stack.Root.Path) == OverlayBaseMatch.Other);
            if (isOther)
                images.Warnings.Add($"The overlay '{layer.Path}' was made on another base, {remembered!.Describe()}: "
                    + $"what it hides and changes may mean something else on '{stack.Root.Path}'.");
        }
    }

    /// <summary>Notes the base in the overlay that takes the changes, if it has none yet. To fail is no reason not to
    /// run.</summary>
    public static void Record(LayerStack stack, ImageSet images)
    {
        if (stack.Overlays.FirstOrDefault(layer => !layer.ReadOnly) is not { } writable || IsOfRoot(writable, stack))
            return;
        Try(() => Read(writable, images) is not null || (writable.Kind == LayerKind.Directory
            ? OverlayBase.Record(writable.Path, null, OverlayBase.Of(stack.Root.Path))
            : OverlayBase.Record(WindowOf(writable, images), OverlayBase.Of(stack.Root.Path))));
    }

    // One in the image itself goes wherever its base does.
    private static bool IsOfRoot(LayerSource layer, LayerStack stack) => layer.Path == stack.Root.Path;

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
