using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;

namespace OverlayTools.Init;

/// <summary>
/// Sees to it that what a container deletes in an ext3 overlay stays deleted for whoever reads the image next. It works
/// when nothing has the image mounted any more, and the supervisor still has its lock: so nobody reads it in between,
/// and it happens for instances, too, and when the engine was killed.
/// </summary>
internal sealed class MarkKeeper
{
    private readonly Window _window;
    private readonly string _path;
    private readonly MarkReaders _before;

    private MarkKeeper(Window window, string path, MarkReaders before) => (_window, _path, _before) = (window, path, before);

    /// <summary>For a layer that takes changes; call it before the layer is mounted.</summary>
    /// <returns>Null for every other.</returns>
    public static MarkKeeper? For(LayerPlan layer)
    {
        if (layer.ReadOnly || layer.Driver is not (LayerDriver.Fuse2fs or LayerDriver.LoopExt3))
            return null;
        var file = new SafeFileHandle(layer.Descriptor, ownsHandle: false);
        var window = new FileWindow(file, layer.Offset, layer.Length);
        return new MarkKeeper(window, layer.Path, MarkStamp.Read(ExtSuperblock.Read(window)));
    }

    /// <summary>Rewrites what fuse-overlayfs left in a directory; nothing stacks it any more.</summary>
    /// <param name="upper">The directory <c>upper</c>, as it is mounted here.</param>
    /// <param name="path">The overlay, as the user named it.</param>
    /// <param name="asRoot">Whether this is the real root.</param>
    public static void SettleDirectory(string upper, string path, bool asRoot)
    {
        try
        {
            using var directory = Native.Open.File(upper, Native.Open.ReadOnly | Native.Open.Directory | Native.Open.NoFollow);
            var done = DirectoryMarkRewriter.Run(directory, asRoot);
            StatusChannel.Note($"Looked for marks of deletions in '{path}': {done.Whiteouts} whiteouts and {done.Opaque} opaque "
                + "directories were rewritten.");
        }
        catch (IOException error)
        {
            StatusChannel.Note($"Marks of deletions in the overlay '{path}' were left as they are: {error.Message}");
        }
    }

    /// <summary>Rewrites what fuse-overlayfs left. The kernel, as root, leaves nothing that needs it, and nothing is
    /// looked through then: what was readable before for root's kernel is so now.</summary>
    /// <param name="byFuse">Whether fuse-overlayfs stacked the layers.</param>
    /// <param name="lowers">The directories of the layers below, still mounted.</param>
    public void Settle(bool byFuse, IEnumerable<string> lowers)
    {
        try
        {
            if (!byFuse)
            {
                if (_before.HasFlag(MarkReaders.Root) && ExtSuperblock.Read(_window).IsValid)
                    MarkStamp.Write(_window, MarkReaders.Root);
                return;
            }

            using var lower = new LowerNames(lowers);
            var done = MarkRewriter.Run(_window, lower: lower);
            StatusChannel.Note($"Looked for marks of deletions in '{_path}': {done.Whiteouts} whiteouts and {done.Opaque} opaque "
                + $"directories were rewritten, and {done.Filled} whiteouts were made in opaque directories.");
            if (done.Left > 0)
                StatusChannel.Warn($"The overlay '{_path}' is full: {done.Left} marks of deletions could not be rewritten, and what was "
                    + "deleted may show when root reads it.");
        }
        catch (Exception error) when (error is EngineException or IOException)
        {
            // The next run finds no stamp, and looks itself.
            StatusChannel.Warn($"Marks of deletions in the overlay '{_path}' were left as they are: {error.Message}");
        }
    }
}
