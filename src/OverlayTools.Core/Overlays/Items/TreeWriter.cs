using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// Writes trees of files below a directory of this machine. Whatever the tree says, nothing outside is reached: every
/// name is made or opened in a directory that was itself opened through no link. What is new appears under its name when
/// it is complete.
/// </summary>
internal sealed class TreeWriter
{
    private const int ChunkSize = 1 << 20;
    private const uint OwnDirectory = 0x1C0; // 0700: nobody else comes in before all is done
    private const uint OwnFile = 0x180;

    private readonly NodeAttributes _attributes;
    private readonly SafeFileHandle _root;
    private readonly string _path;
    private readonly TreeWriting _options;
    private readonly IProgress<EngineProgress>? _progress;
    private readonly CancellationToken _token;
    private readonly Dictionary<ExtNode, byte[]> _paths = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<string> _placed = new(StringComparer.Ordinal);
    private readonly byte[] _buffer = new byte[ChunkSize];
    private long _done;
    private long _total;

    /// <param name="root">The directory that all paths start from.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="options">How it is done.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work.</param>
    public TreeWriter(
        SafeFileHandle root, string path, TreeWriting options, IProgress<EngineProgress>? progress, CancellationToken token) =>
        (_root, _path, _options, _progress, _token, _attributes) = (root, path, options, progress, token, new NodeAttributes(options));

    /// <summary>Files that were made or replaced.</summary>
    public int Files { get; private set; }

    /// <summary>Extended attributes that the file system, or the user's rights, did not let be kept.</summary>
    public int LostAttributes => _attributes.LostAttributes;

    /// <summary>Files that belong to another than they should: this user may not give them away.</summary>
    public int LostOwners => _attributes.LostOwners;

    /// <summary>Makes sure that a file can be written, without writing anything.</summary>
    /// <inheritdoc cref="Write"/>
    public void Require(byte[] directory, ExtName name, ExtNode node)
    {
        using var parent = OpenDirectory(directory);
        _ = Look(parent, name.Below(directory), name, node);
    }

    /// <summary>Writes a file with all that hangs below it.</summary>
    /// <param name="directory">The directory that it goes into, from the root on; empty for the root itself.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="node">The file.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/> when the name is taken,
    /// <see cref="ErrorIds.OverlayWrongFileType"/> when a directory would replace a file, or a file a directory;
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    /// <exception cref="OperationCanceledException">What was complete stays; nothing is there in part.</exception>
    public void Write(byte[] directory, ExtName name, ExtNode node)
    {
        _total += BytesIn(node);
        var pending = new Stack<(byte[] Directory, ExtName Name, ExtNode Node)>([(directory, name, node)]);
        var merged = new Stack<(byte[] Path, ExtNode Node)>();
        while (pending.TryPop(out var next))
        {
            _token.ThrowIfCancellationRequested();
            using var parent = OpenDirectory(next.Directory);
            var path = next.Name.Below(next.Directory);
            var (isThere, isDirectory, hidden) = Look(parent, path, next.Name, next.Node);
            if (!isDirectory)
            {
                Place(parent, next.Directory, next.Name, next.Node, isThere, hidden);
                continue;
            }

            Uncover(parent, next.Name, hidden);
            merged.Push((path, next.Node));
            foreach (var (child, below) in next.Node.Children.Reverse())
                pending.Push((path, child, below));
        }

        while (merged.TryPop(out var item))
            Finish(item.Path, item.Node);
    }

    // What there is under a name; a mark of a deletion is nothing.
    private (bool IsThere, bool IsDirectory, DirectoryWhiteouts.Marks Hidden) Look(
        SafeFileHandle parent, byte[] path, ExtName name, ExtNode node)
    {
        var hidden = _options.IsLayer ? DirectoryWhiteouts.Of(parent, name) : default;
        if (hidden.IsDevice)
            return (false, false, hidden);
        using var existing = Openat2.TryBeneath(parent, name.Bytes, Open.PathOnly, out var errno);
        if (existing is null)
            return errno == Errno.ENOENT ? (false, false, hidden) : throw new LinuxException("openat2", errno, Describe(path));
        if (!_options.Replace)
            throw AlreadyExists(path);
        var isDirectory = Statx.Of(existing).FileType == Statx.Directory;
        return isDirectory == (node.Type == ExtFileType.Directory) ? (true, isDirectory, hidden) : throw WrongType(path, isDirectory);
    }

    // Under another name first, so that it is there as a whole or not at all.
    private void Place(
        SafeFileHandle parent, byte[] directory, ExtName name, ExtNode node, bool replace, DirectoryWhiteouts.Marks hidden)
    {
        var temporary = TemporaryName.New();
        var files = Files;
        var known = new List<ExtNode>();
        try
        {
            Make(directory, temporary, node, known, opaque: hidden.Any);
            if (hidden.IsDevice)
                DirectoryWhiteouts.Place(parent, temporary, name, Describe(name.Below(directory)));
            else
                Rename.In(parent, temporary.Bytes, name.Bytes, replace, Describe(name.Below(directory)));
            Uncover(parent, name, hidden);
        }
        catch (Exception error)
        {
            Files = files;
            foreach (var lost in known)
                _paths.Remove(lost);
            TreeRemover.Try(parent, temporary.Bytes);
            if (error is LinuxException { ErrorNumber: Errno.EEXIST })
                throw AlreadyExists(name.Below(directory), error);
            throw;
        }

        var (from, to) = (temporary.Below(directory), name.Below(directory));
        // What took the place of an earlier copy is not that file.
        if (!_placed.Add(Encoding.Latin1.GetString(to)))
        {
            foreach (var (old, path) in _paths.ToList())
            {
                if (path.AsSpan().SequenceEqual(to))
                    _paths.Remove(old);
            }
        }

        foreach (var made in known)
            _paths[made] = [.. to, .. _paths[made].AsSpan(from.Length)];
    }

    private static void Uncover(SafeFileHandle parent, ExtName name, DirectoryWhiteouts.Marks hidden)
    {
        if (hidden.IsFile && OverlayMarks.FileFor(name) is { } mark)
            _ = Unlinkat.Try(parent, mark.Bytes, isDirectory: false);
    }

    /// <param name="directory">Where to.</param>
    /// <param name="name">The name there.</param>
    /// <param name="node">What is made.</param>
    /// <param name="known">Takes the files that may have further names.</param>
    /// <param name="opaque">Whether, if it is a directory, nothing of the base's shall show through it: that was
    /// deleted.</param>
    private void Make(byte[] directory, ExtName name, ExtNode node, List<ExtNode> known, bool opaque)
    {
        var made = new Stack<(byte[] Path, ExtNode Node)>();
        var names = new List<(byte[] Path, ExtName Name, byte[] Other)>();
        using (var small = node.Type == ExtFileType.Directory ? new SmallFiles(OpenDirectory, Describe, _attributes) : null)
        {
            var pending = new Stack<(byte[] Directory, ExtName Name, ExtNode Node)>([(directory, name, node)]);
            while (pending.TryPop(out var next))
            {
                _token.ThrowIfCancellationRequested();
                var path = next.Name.Below(next.Directory);
                if (next.Node.Type == ExtFileType.Directory)
                {
                    MakeDirectory(next.Directory, path, next.Name, opaque && made.Count == 0);
                    made.Push((path, next.Node));
                    // Directories last, so that the files of one are made in it one after the other.
                    foreach (var (child, below) in next.Node.Children.OrderBy(child => child.Node.Type != ExtFileType.Directory))
                        pending.Push((path, child, below));
                }
                else if (_paths.TryGetValue(next.Node, out var other))
                    names.Add((next.Directory, next.Name, other));
                else
                    MakeFile(small, next.Directory, path, next.Name, next.Node, known);
            }

            small?.Complete();
        }

        foreach (var (parent, another, other) in names)
            Link(parent, another, other);
        while (made.TryPop(out var item))
            Finish(item.Path, item.Node);
    }

    private void MakeDirectory(byte[] directory, byte[] path, ExtName name, bool opaque)
    {
        using (var parent = OpenDirectory(directory))
            Mkdirat.Make(parent, name.Bytes, OwnDirectory, Describe(path));
        if (!opaque)
            return;
        using var made = OpenDirectory(path);
        DirectoryWhiteouts.MakeOpaque(made, Describe(path));
    }

    private void Link(byte[] directory, ExtName name, byte[] other)
    {
        using var parent = OpenDirectory(directory);
        using var file = Openat2.Beneath(_root, other, Open.PathOnly, Describe(other));
        Linkat.Add(file, parent, name.Bytes, Describe(name.Below(directory)));
    }

    private void MakeFile(SmallFiles? small, byte[] directory, byte[] path, ExtName name, ExtNode node, List<ExtNode> known)
    {
        if (small is not null && SmallFiles.Takes(node))
        {
            small.Add(directory, name, path, node);
            Report(node.Content.Length);
        }
        else
            MakeFile(directory, path, name, node);

        Files++;
        _paths[node] = path;
        known.Add(node);
    }

    private void MakeFile(byte[] directory, byte[] path, ExtName name, ExtNode node)
    {
        using var parent = OpenDirectory(directory);
        SafeFileHandle? made = null;
        switch (node.Type)
        {
            case ExtFileType.RegularFile:
                // It is made with no rights at all, which do not matter to who has it open.
                made = Openat2.Beneath(parent, name.Bytes, Open.ReadWrite | Open.Create | Open.Exclusive, Describe(path));
                break;
            case ExtFileType.SymbolicLink:
                Symlinkat.Make(parent, name.Bytes, node.Target.Span, Describe(path));
                break;
            default:
                Mknodat.Make(parent, name.Bytes, KindOf(node.Type) | OwnFile, node.DeviceMajor, node.DeviceMinor, Describe(path));
                break;
        }

        using (made ??= Openat2.Beneath(parent, name.Bytes, Open.PathOnly, Describe(path)))
        {
            if (node.Type == ExtFileType.RegularFile)
                Fill(made, node.Content);
            _attributes.Set(made, isPathOnly: node.Type != ExtFileType.RegularFile, node, Describe(path));
        }
    }

    private void Fill(SafeFileHandle file, ExtContent content)
    {
        if (content.Length == 0)
            return;
        if (content.DataRuns.Count == 0 || content.DataRuns[^1].End < content.Length)
            Ftruncate.File(file, content.Length);
        using var source = content.Open();
        foreach (var (start, end) in content.DataRuns)
        {
            if (source.CanSeek)
                source.Position = start;
            for (var at = start; at < end;)
            {
                _token.ThrowIfCancellationRequested();
                var chunk = _buffer.AsSpan(0, (int)Math.Min(_buffer.Length, end - at));
                source.ReadExactly(chunk);
                RandomAccess.Write(file, chunk, at);
                at += chunk.Length;
                Report(chunk.Length);
            }
        }
    }

    private void Report(long bytes)
    {
        _done += bytes;
        _progress?.Report(new EngineProgress(_options.Activity, _done, _total));
    }

    private void Finish(byte[] path, ExtNode node)
    {
        using var directory = OpenDirectory(path);
        _attributes.Set(directory, isPathOnly: false, node, Describe(path));
    }

    private SafeFileHandle OpenDirectory(byte[] path) =>
        Openat2.Beneath(_root, path is [] ? "."u8 : path, Open.ReadOnly | Open.Directory, Describe(path));

    private EngineException AlreadyExists(byte[] path, Exception? inner = null) => new(ErrorIds.OverlayAlreadyExists,
        $"'{Describe(path)}' already exists.", "Choose another place, or give -Force to replace it.", Describe(path), inner);

    private EngineException WrongType(byte[] path, bool isDirectory) => new(ErrorIds.OverlayWrongFileType,
        isDirectory ? $"'{Describe(path)}' is a directory, and a file would replace it."
            : $"'{Describe(path)}' is no directory, and a directory would replace it.",
        "Remove it first, or choose another place.", Describe(path));

    private string Describe(byte[] path) => Path.Join(_path, Encoding.UTF8.GetString(path));

    /// <summary>Bytes that are copied for a tree, each file once.</summary>
    private static long BytesIn(ExtNode start)
    {
        var bytes = 0L;
        var seen = new HashSet<ExtNode>(ReferenceEqualityComparer.Instance);
        var pending = new Stack<ExtNode>([start]);
        while (pending.TryPop(out var node))
        {
            if (!seen.Add(node))
                continue;
            foreach (var (from, to) in node.Content.DataRuns)
                bytes += to - from;
            foreach (var (_, child) in node.Children)
                pending.Push(child);
        }

        return bytes;
    }

    private static uint KindOf(ExtFileType type) => type switch
    {
        ExtFileType.CharacterDevice => Statx.CharacterDevice,
        ExtFileType.BlockDevice => Statx.BlockDevice,
        ExtFileType.Fifo => Statx.Fifo,
        ExtFileType.Socket => Statx.Socket,
        _ => throw new EngineException(ErrorIds.OverlayCorrupt,
            string.Create(CultureInfo.InvariantCulture, $"A file is of an unknown kind ({(byte)type}).")),
    };
}
