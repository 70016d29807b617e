using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Files of this machine to put into an overlay.</summary>
public sealed record OverlayItemImport
{
    /// <summary>The image, a SIF image, or a directory with <c>upper</c>.</summary>
    public required string ImagePath { get; init; }

    /// <summary>The partition of a SIF image that has several.</summary>
    public uint? Id { get; init; }

    /// <summary>The files and directories; a link is copied as a link.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>The directory in the overlay that they go into; it is made where it is missing.</summary>
    public required string ItemDestination { get; init; }

    /// <summary>Whether directories may be copied.</summary>
    public bool Recurse { get; init; }

    /// <summary>Whether files that are there are replaced, and directories merged.</summary>
    public bool Force { get; init; }

    /// <summary>Who shall own the files; null: whom <c>upper</c> belongs to, as of files that a container makes.</summary>
    public OverlayOwner? Owner { get; init; }

    /// <summary>Whether the files keep their owners.</summary>
    public bool KeepOwner { get; init; }

    /// <summary>Copies all of it, in one transaction where the journal holds it; into a directory, each file or new
    /// directory as a whole.</summary>
    /// <param name="warn">Told when it takes several transactions, or files cannot keep their owners.</param>
    /// <param name="progress">Told of the files done; in a directory, of the bytes.</param>
    /// <param name="token">Stops the work: the image is as it was, or of several transactions some are done.</param>
    /// <returns>The paths in the overlay, one for each source.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayAlreadyExists"/>, <see cref="ErrorIds.OverlayWrongFileType"/>,
    /// <see cref="ErrorIds.OverlayDirectoryNotEmpty"/> for a directory without <see cref="Recurse"/>,
    /// <see cref="ErrorIds.OverlayInUse"/>, <see cref="ErrorIds.OverlayFull"/>, <see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayMissingUpper"/>, <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    /// <exception cref="LinuxException">A file of a directory cannot be written.</exception>
    public IReadOnlyList<string> Run(
        Action<string>? warn = null, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        warn ??= _ => { };
        return Directory.Exists(ImagePath)
            ? WithSources((destination, sources) => new DirectoryItemImport(this, warn, progress, token).Run(destination, sources), token)
            : Run((files, work) => OverlayEditing.Run(ImagePath, Id, files, work, warn, progress, token), progress, token);
    }

    /// <summary>Copies all of it into a file system that nobody else uses.</summary>
    internal void RunIn(Window window, Action<string> warn, CancellationToken token) =>
        Run((files, work) => OverlayEditing.Run(window, files, work, warn, null, token), null, token);

    private List<string> Run(
        Action<long, Action<ExtEditor>> edit, IProgress<EngineProgress>? progress, CancellationToken token) =>
        WithSources(
            (destination, sources) =>
            {
                var files = sources.Sum(source => Count(source.Node));
                edit(files, editor => Insert(editor, destination, sources, files, progress, token));
            },
            token);

    private List<string> WithSources(Action<OverlayPath, List<(ExtName Name, ExtNode Node)>> copy, CancellationToken token)
    {
        var destination = new OverlayPath(ItemDestination);
        var handles = new List<SafeFileHandle>();
        try
        {
            var sources = Sources.Select(source => ReadSource(source, handles, token)).ToList();
            copy(destination, sources);
            var directory = "/" + string.Join('/', destination.Names.Select(name => OverlayEntry.Show(name)));
            return [.. sources.Select(source => $"{directory.TrimEnd('/')}/{OverlayEntry.Show(source.Name)}")];
        }
        finally
        {
            handles.ForEach(handle => handle.Dispose());
        }
    }

    private void Insert(
        ExtEditor editor, OverlayPath destination, List<(ExtName Name, ExtNode Node)> sources, long files,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var (upper, upperOwner) = OverlayEditing.Upper(editor, ImagePath);
        var inserter = new NodeInserter(editor, upper, Owner ?? upperOwner, KeepOwner, Force, progress, token) { Total = files };
        var directory = inserter.Directory(destination.Names);
        foreach (var (name, node) in sources)
            inserter.Insert(directory, name, node);
    }

    private (ExtName Name, ExtNode Node) ReadSource(string path, List<SafeFileHandle> handles, CancellationToken token)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(full) is not { } parent || Path.GetFileName(full) is not { Length: > 0 } text)
            throw new EngineException(ErrorIds.InvalidDirectoryName, $"'{path}' has no name to be copied under.",
                "Name a file or directory.", path);
        var name = new ExtName(text);
        var directory = Open.TryFile(parent, Open.ReadOnly | Open.Directory, 0, out _) ?? throw NotFound(path);
        handles.Add(directory);
        using var file = Openat2.TryBeneath(directory, name.Bytes, Open.PathOnly, out var errno);
        if (file is null)
            throw errno == Errno.ENOENT ? NotFound(path) : new LinuxException("openat2", errno, path);
        if (Statx.Of(file).FileType == Statx.Directory && !Recurse)
            throw new EngineException(ErrorIds.OverlayDirectoryNotEmpty, $"'{path}' is a directory.",
                "Give -Recurse to copy it with all that is in it.", path);
        return (name, ExtNodeImporter.ReadFile(directory, Encoding.UTF8.GetBytes(text), parent, token));
    }

    private static EngineException NotFound(string path) =>
        new(ErrorIds.OverlayFileNotFound, $"'{path}' does not exist.", "Check the path.", path);

    private static long Count(ExtNode start)
    {
        var count = 0L;
        var pending = new Stack<ExtNode>([start]);
        while (pending.TryPop(out var node))
        {
            count++;
            foreach (var (_, child) in node.Children)
                pending.Push(child);
        }

        return count;
    }
}
