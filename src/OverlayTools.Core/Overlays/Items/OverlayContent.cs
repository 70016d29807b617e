using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// The files of one layer, to be read: of an overlay, below its <c>upper</c>, or of a base. Links are files like others
/// here; none is followed.
/// </summary>
internal abstract class OverlayContent : IDisposable
{
    private protected OverlayContent(string path, uint? id) => (Path, Id) = (path, id);

    /// <summary>The image or directory.</summary>
    public string Path { get; }

    /// <summary>The partition of a SIF image.</summary>
    public uint? Id { get; }

    /// <summary>The directory that a container sees as <c>/</c>: <c>upper</c>, or the root of a base.</summary>
    public abstract OverlayEntry Root { get; }

    /// <summary>Opens the overlays at a path, one after the other; each is closed when the next is asked for.</summary>
    /// <param name="path">An image, a SIF image, or a directory with <c>upper</c> in it.</param>
    /// <param name="id">The one partition of a SIF image; null for all.</param>
    /// <param name="warn">Told when somebody writes it meanwhile.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OptionConflict"/>, <see cref="ErrorIds.SifDescriptorNotFound"/>.</exception>
    public static IEnumerable<OverlayContent> Open(string path, uint? id, Action<string> warn, CancellationToken token)
    {
        if (Directory.Exists(path))
            return [DirectoryContent.Open(path, id)];
        return ImageContent.OpenAll(path, id, warn, token);
    }

    /// <summary>Opens the one overlay at a path.</summary>
    /// <exception cref="EngineException">As <see cref="Open"/>; <see cref="ErrorIds.OptionConflict"/> also when a SIF
    /// image has several and no id is given.</exception>
    public static OverlayContent OpenOne(string path, uint? id, Action<string> warn, CancellationToken token) =>
        Directory.Exists(path) ? DirectoryContent.Open(path, id) : ImageContent.OpenOne(path, id, warn, token);

    /// <summary>The names in a directory, in the order of their bytes, before anything else is asked about the
    /// files.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public abstract IEnumerable<OverlayName> Names(OverlayEntry directory);

    /// <summary>The file that a name of <see cref="Names"/> leads to.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public abstract OverlayEntry Entry(OverlayEntry directory, OverlayName name);

    /// <summary>What is in a directory, in the order of its names.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public IEnumerable<OverlayEntry> List(OverlayEntry directory) =>
        Names(directory).Select(name => Entry(directory, name));

    /// <summary>The file of that name in a directory.</summary>
    public virtual OverlayEntry? Find(OverlayEntry directory, ExtName name) =>
        List(directory).FirstOrDefault(entry => entry.Name == name);

    /// <summary>Extended attributes by full name.</summary>
    public abstract IReadOnlyDictionary<string, byte[]> Attributes(OverlayEntry entry);

    /// <summary>Where a symbolic link leads, byte for byte.</summary>
    public abstract byte[] Target(OverlayEntry link);

    /// <summary>Opens the content of a regular file; holes read as zeros.</summary>
    public abstract Stream OpenFile(OverlayEntry file);

    /// <summary>The file with all that hangs below it, ready to be copied.</summary>
    public abstract ExtNode Read(OverlayEntry entry, CancellationToken token);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    private protected abstract void Dispose(bool disposing);
}
