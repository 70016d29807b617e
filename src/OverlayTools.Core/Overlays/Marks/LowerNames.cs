using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// The names that the layers below an overlay have, as they are mounted. What one of those layers hides of another is
/// listed all the same: to hide it once more does no harm.
/// </summary>
internal sealed class LowerNames : IDisposable
{
    private readonly List<SafeFileHandle> _layers = [];

    /// <param name="layers">The directories of the layers. One that cannot be opened has no names.</param>
    public LowerNames(IEnumerable<string> layers)
    {
        foreach (var layer in layers)
        {
            if (Open.TryFile(layer, Open.PathOnly | Open.Directory, 0, out _) is { } directory)
                _layers.Add(directory);
        }
    }

    /// <summary>The names in a directory; null where no layer has a directory there, or none that can be read.</summary>
    /// <param name="path">Its path in the layer, without a slash at the start.</param>
    public HashSet<ExtName>? In(byte[] path)
    {
        HashSet<ExtName>? names = null;
        foreach (var layer in _layers)
        {
            using var directory = Openat2.TryBeneath(layer, path, Open.ReadOnly | Open.Directory, out _);
            if (directory is null)
                continue;
            try
            {
                var found = Getdents.Names(directory);
                names ??= [];
                names.UnionWith(found.Where(name => name.Length <= ExtName.MaxLength).Select(name => new ExtName(name)));
            }
            catch (LinuxException)
            {
                // Its program has ended, or its image is damaged. To rewrite the marks matters more.
            }
        }

        return names;
    }

    public void Dispose() => _layers.ForEach(layer => layer.Dispose());
}
