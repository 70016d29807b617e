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

    private readonly SafeFileHandle _root;
    private readonly string _path;
    private readonly TreeWriting _options;
    private readonly IProgress<EngineProgress>? _progress;
    private readonly CancellationToken _token;
    private readonly Dictionary<ExtNode, byte[]> _paths = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<string> _placed = new(StringComparer.Ordinal);
    private readonly byte[] _buffer = new byte[ChunkSize];
    private readonly bool _isRoot = User.EffectiveId() == 0;
    private long _done;
    private long _total;

    /// <param name="root">The directory that all paths start from.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="options">How it is done.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work.</param>
    public TreeWriter(
        SafeFileHandle root, string path, TreeWriting options, IProgress<EngineProgress>? progress, CancellationToken token) =>
        (_root, _path, _options, _progress, _token) = (root, path, options, progress, token);

    /// <summary>Files that were made or replaced.</summary>
    public int Files { get; private set; }

    /// <summary>Extended attributes that the file system, or the user's rights, did not let be kept.</summary>
    public int LostAttributes { get; private set; }

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
            var path = Join(next.Directory, next.Name);
            var existing = Openat2.TryBeneath(parent, next.Name.Bytes, Open.PathOnly, out var errno);
            using (existing)
            {
                if (existing is null && errno != Errno.ENOENT)
                    throw new LinuxException("openat2", errno, Describe(path));
                var isDirectory = existing is not null && Statx.Of(existing).FileType == Statx.Directory;
                if (existing is not null && !_options.Replace)
                    throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{Describe(path)}' already exists.",
                        "Choose another place, or give -Force to replace it.", Describe(path));
                if (existing is not null && isDirectory != (next.Node.Type == ExtFileType.Directory))
                    throw WrongType(path, isDirectory);
                if (!isDirectory)
                {
                    Place(parent, next.Directory, next.Name, next.Node, replace: existing is not null);
                    continue;
                }
            }

            merged.Push((path, next.Node));
            foreach (var (child, below) in next.Node.Children.Reverse())
                pending.Push((path, child, below));
        }

        while (merged.TryPop(out var item))
            Finish(item.Path, item.Node);
    }

    // Under another name first, so that it is there as a whole or not at all.
    private void Place(SafeFileHandle parent, byte[] directory, ExtName name, ExtNode node, bool replace)
    {
        var temporary = new ExtName($".{Guid.NewGuid().ToString("N")[..16]}.tmp");
        var files = Files;
        var known = new List<ExtNode>();
        try
        {
            Make(directory, temporary, node, known);
            Rename.In(parent, temporary.Bytes, name.Bytes, replace, Describe(Join(directory, name)));
        }
        catch (Exception error)
        {
            Files = files;
            foreach (var lost in known)
                _paths.Remove(lost);
            TreeRemover.Try(parent, temporary.Bytes);
            if (error is LinuxException { ErrorNumber: Errno.EEXIST })
                throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{Describe(Join(directory, name))}' already exists.",
                    "Choose another place, or give -Force to replace it.", Describe(Join(directory, name)), error);
            throw;
        }

        var (from, to) = (Join(directory, temporary), Join(directory, name));
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

    private void Make(byte[] directory, ExtName name, ExtNode node, List<ExtNode> known)
    {
        var made = new Stack<(byte[] Path, ExtNode Node)>();
        var pending = new Stack<(byte[] Directory, ExtName Name, ExtNode Node)>([(directory, name, node)]);
        SafeFileHandle? parent = null;
        byte[]? opened = null;
        try
        {
            while (pending.TryPop(out var next))
            {
                _token.ThrowIfCancellationRequested();
                if (opened is null || !opened.AsSpan().SequenceEqual(next.Directory))
                {
                    parent?.Dispose();
                    (parent, opened) = (OpenDirectory(next.Directory), next.Directory);
                }

                var path = Join(next.Directory, next.Name);
                if (next.Node.Type != ExtFileType.Directory)
                {
                    MakeFile(parent!, path, next.Name, next.Node, known);
                    continue;
                }

                Mkdirat.Make(parent!, next.Name.Bytes, OwnDirectory, Describe(path));
                made.Push((path, next.Node));
                // Directories last, so that the files of one are made in it one after the other.
                foreach (var (child, below) in next.Node.Children.OrderBy(child => child.Node.Type != ExtFileType.Directory))
                    pending.Push((path, child, below));
            }
        }
        finally
        {
            parent?.Dispose();
        }

        while (made.TryPop(out var item))
            Finish(item.Path, item.Node);
    }

    private void MakeFile(SafeFileHandle parent, byte[] path, ExtName name, ExtNode node, List<ExtNode> known)
    {
        if (_paths.TryGetValue(node, out var other))
        {
            using var file = Openat2.Beneath(_root, other, Open.PathOnly, Describe(other));
            Linkat.Add(file, parent, name.Bytes, Describe(path));
            return;
        }

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
            {
                Chmod.Set(made, OwnFile);
                Fill(made, node.Content);
            }

            SetAttributes(made, node, path);
        }

        Files++;
        _paths[node] = path;
        known.Add(node);
    }

    private void Fill(SafeFileHandle file, ExtContent content)
    {
        if (content.Length == 0)
            return;
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
                _done += chunk.Length;
                _progress?.Report(new EngineProgress(_options.Activity, _done, _total));
            }
        }
    }

    private void Finish(byte[] path, ExtNode node)
    {
        using var directory = OpenDirectory(path);
        SetAttributes(directory, node, path);
    }

    // The owner first: a change takes set-id bits and capabilities away. Then what needs the right to write.
    private void SetAttributes(SafeFileHandle file, ExtNode node, byte[] path)
    {
        var (user, group) = _options.Owner is { } owner ? (owner.UserId, owner.GroupId) : (node.UserId, node.GroupId);
        var errno = _isRoot || _options.Owner is not null ? Fchownat.Try(file, user, group) : Errno.EPERM;
        // EINVAL: the id has no place in this user namespace.
        if (errno is not 0 and not Errno.EPERM and not Errno.EINVAL)
            throw new LinuxException("fchownat", errno, Describe(path));
        // What is somebody's program with his rights shall not become one with ours.
        var permissions = errno == 0 || (user == User.EffectiveId() && group == User.EffectiveGroupId())
            ? node.Permissions
            : node.Permissions & 0x3FF;
        foreach (var (attribute, value) in node.Attributes)
        {
            if (!attribute.StartsWith("system.", StringComparison.Ordinal) && ExtendedAttributes.TrySet(file, attribute, value) != 0)
                LostAttributes++;
        }

        if (node.Type != ExtFileType.SymbolicLink)
            Chmod.Set(file, permissions, Describe(path));
        foreach (var (attribute, value) in node.Attributes)
        {
            if (attribute.StartsWith("system.", StringComparison.Ordinal) && ExtendedAttributes.TrySet(file, attribute, value) != 0)
                LostAttributes++;
        }

        if (node.Modified is { } modified)
        {
            var accessed = node.Accessed ?? modified;
            Utimensat.Set(file, (accessed.Seconds, accessed.Nanoseconds), (modified.Seconds, modified.Nanoseconds), Describe(path));
        }
    }

    private SafeFileHandle OpenDirectory(byte[] path) =>
        Openat2.Beneath(_root, path is [] ? "."u8 : path, Open.ReadOnly | Open.Directory, Describe(path));

    private EngineException WrongType(byte[] path, bool isDirectory) => new(ErrorIds.OverlayWrongFileType,
        isDirectory ? $"'{Describe(path)}' is a directory, and a file would replace it."
            : $"'{Describe(path)}' is no directory, and a directory would replace it.",
        "Remove it first, or choose another place.", Describe(path));

    private string Describe(byte[] path) => Path.Join(_path, Encoding.UTF8.GetString(path));

    private static byte[] Join(byte[] directory, ExtName name) =>
        directory is [] ? name.Bytes.ToArray() : [.. directory, (byte)'/', .. name.Bytes];

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
