using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Copies files and trees out of one overlay into a directory of this machine. Modes, times, extended attributes,
/// holes and hard links are kept, and owners where this user may give files away.</summary>
public sealed class OverlayItemExport : IDisposable
{
    private readonly OverlayContent _content;
    private readonly SafeFileHandle _destination;
    private readonly string _path;
    private readonly TreeWriter _writer;
    private readonly CancellationToken _token;
    private readonly Dictionary<ulong, ExtNode> _linked = [];

    private OverlayItemExport(
        OverlayContent content, SafeFileHandle destination, string path, bool replace, IProgress<EngineProgress>? progress,
        CancellationToken token)
    {
        (_content, _destination, _path, _token) = (content, destination, path, token);
        _writer = new TreeWriter(destination, path, new TreeWriting("Copying out of the overlay", replace), progress, token);
    }

    /// <summary>Extended attributes that the place they were copied to, or this user's rights, did not let be
    /// kept.</summary>
    public int LostAttributes => _writer.LostAttributes;

    /// <summary>Opens the overlay, and the directory, which is made when it does not exist.</summary>
    /// <param name="path">An overlay image, a SIF image, or a directory with <c>upper</c>.</param>
    /// <param name="id">The partition of a SIF image that has several.</param>
    /// <param name="destination">The directory that items go into.</param>
    /// <param name="replace">Whether files that are there are replaced, and directories merged.</param>
    /// <param name="warn">Told when somebody writes the overlay meanwhile.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException">As <see cref="OverlayItemReader.Read"/>;
    /// <see cref="ErrorIds.OptionConflict"/> when several partitions could be meant.</exception>
    public static OverlayItemExport Open(
        string path, uint? id, string destination, bool replace, Action<string>? warn = null,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var content = OverlayContent.OpenOne(path, id, warn ?? (_ => { }), token);
        try
        {
            if (!Directory.Exists(destination))
                Directory.CreateDirectory(destination);
            var directory = Native.Open.File(destination, Native.Open.ReadOnly | Native.Open.Directory);
            return new OverlayItemExport(content, directory, destination, replace, progress, token);
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    /// <summary>What a path stands for.</summary>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="pattern">As of <see cref="OverlayItemQuery.Pattern"/>.</param>
    /// <exception cref="EngineException">As <see cref="OverlayItemReader.Read"/>.</exception>
    public IReadOnlyList<OverlayItem> Find(string itemPath, Func<string, Predicate<string>?>? pattern = null) =>
        [.. Entries(new OverlayPath(itemPath, pattern)).Select(entry => OverlayItemReader.Describe(_content, entry))];

    /// <summary>Copies a file, or a directory with all that is in it.</summary>
    /// <param name="itemPath">As in the container; no wildcards.</param>
    /// <param name="recurse">Whether directories may be copied.</param>
    /// <returns>The path of the copy.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayItemNotFound"/>,
    /// <see cref="ErrorIds.OverlayAlreadyExists"/>, <see cref="ErrorIds.OverlayWrongFileType"/>,
    /// <see cref="ErrorIds.OverlayDirectoryNotEmpty"/> for a directory without <paramref name="recurse"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    /// <exception cref="LinuxException">A file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">No file is there in part.</exception>
    public string Copy(string itemPath, bool recurse)
    {
        var entry = Entries(new OverlayPath(itemPath)).Single();
        if (entry.Type == ExtFileType.Directory && !recurse)
            throw new EngineException(ErrorIds.OverlayDirectoryNotEmpty, $"'{itemPath}' is a directory.",
                "Give -Recurse to copy it with all that is in it.", itemPath);
        _writer.Write([], entry.Name, Read(entry));
        return Path.Join(_path, Encoding.UTF8.GetString(entry.Name.Bytes));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _content.Dispose();
        _destination.Dispose();
    }

    // Names of one file that are copied one after the other are names of one file again.
    private ExtNode Read(OverlayEntry entry)
    {
        if (entry.Type == ExtFileType.Directory || entry.Links < 2)
            return _content.Read(entry, _token);
        if (!_linked.TryGetValue(entry.Number, out var node))
            _linked[entry.Number] = node = _content.Read(entry, _token);
        return node;
    }

    private IEnumerable<OverlayEntry> Entries(OverlayPath path) => path.IsRoot
        ? throw new EngineException(ErrorIds.InvalidDirectoryName, "The overlay itself has no name to be copied under.",
            "Give '/*' for all that is in it.", "/")
        : path.Resolve(_content, _token);
}
