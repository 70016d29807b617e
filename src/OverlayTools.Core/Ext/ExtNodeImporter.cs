using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Ext;

/// <summary>Turns a directory of this machine into a tree of <see cref="ExtNode"/>; contents are opened
/// later.</summary>
internal sealed class ExtNodeImporter
{
    private readonly SafeFileHandle _root;
    private readonly string _path;
    private readonly CancellationToken _cancellation;
    private readonly (uint UserId, uint GroupId)? _owner;
    private readonly Dictionary<(ulong Device, ulong Inode), ExtNode> _linked = [];
    private SafeFileHandle? _parent;
    private byte[] _parentPath = [];

    private ExtNodeImporter(
        SafeFileHandle root, string path, CancellationToken cancellation, (uint UserId, uint GroupId)? owner)
    {
        _root = root;
        _path = path;
        _cancellation = cancellation;
        _owner = owner;
    }

    /// <summary>Reads the directory. No symbolic link below it is followed; nothing is left out.</summary>
    /// <param name="path">A directory.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="owner">Who shall own every file; null keeps the owners.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>.</exception>
    /// <exception cref="LinuxException">A file cannot be read; its path is named.</exception>
    public static ExtNode Read(
        string path, CancellationToken cancellation, (uint UserId, uint GroupId)? owner = null)
    {
        if (!Directory.Exists(path))
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"The directory '{path}' does not exist.",
                "Name an existing directory.", path);
        var root = Open.File(path, Open.ReadOnly | Open.Directory);
        return new ExtNodeImporter(root, path, cancellation, owner).Run("."u8.ToArray());
    }

    /// <summary>Reads a file of any kind in a directory, and what hangs below it.</summary>
    /// <param name="root">The directory, which stays open as long as contents are read.</param>
    /// <param name="path">The file's path from there, through no link.</param>
    /// <param name="describe">The directory's path, for errors.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="owner">Who shall own every file; null keeps the owners.</param>
    /// <exception cref="LinuxException">A file cannot be read; its path is named.</exception>
    public static ExtNode ReadFile(
        SafeFileHandle root, byte[] path, string describe, CancellationToken cancellation,
        (uint UserId, uint GroupId)? owner = null)
    {
        byte[] start = path is [(byte)'.'] ? path : [.. "./"u8, .. path];
        return new ExtNodeImporter(root, describe, cancellation, owner).Run(start);
    }

    private ExtNode Run(byte[] start)
    {
        var root = ReadStart(start);
        if (root.Type != ExtFileType.Directory)
            return root;
        var pending = new Stack<(byte[] Path, ExtNode Node)>();
        pending.Push((start, root));
        while (pending.TryPop(out var next))
        {
            using var directory = Openat2.Beneath(_root, next.Path, Open.ReadOnly | Open.Directory, Describe(next.Path));
            foreach (var name in Getdents.Names(directory, Describe(next.Path)))
            {
                _cancellation.ThrowIfCancellationRequested();
                byte[] path = [.. next.Path, (byte)'/', .. name];
                var child = next.Node.Add(new ExtName(name), ReadNode(directory, name, path));
                if (child.Type == ExtFileType.Directory)
                    pending.Push((path, child));
            }
        }

        return root;
    }

    private ExtNode ReadStart(byte[] start)
    {
        if (start.Length == 1)
            return MakeDirectory(_root, start, Owned(Statx.Of(_root, _path)));
        var cut = start.AsSpan().LastIndexOf((byte)'/');
        using var parent = Openat2.Beneath(_root, start.AsSpan(0, cut), Open.ReadOnly | Open.Directory, Describe(start));
        return ReadNode(parent, start[(cut + 1)..], start);
    }

    private ExtNode ReadNode(SafeFileHandle directory, byte[] name, byte[] path)
    {
        try
        {
            return MakeNode(directory, name, path, Owned(Statx.Of(directory, name)));
        }
        catch (LinuxException error) when (error.Path is null)
        {
            // Only now: the text of every path would take as long as the calls.
            throw new LinuxException(error.Function, error.ErrorNumber, Describe(path));
        }
    }

    private ExtNode MakeNode(SafeFileHandle directory, byte[] name, byte[] path, Statx.Status status)
    {
        if (status.FileType == Statx.Directory)
            return MakeDirectory(directory, name, status);
        var identity = (status.Device, status.Inode);
        if (status.Links > 1 && _linked.TryGetValue(identity, out var known))
            return known;
        var node = MakeFile(directory, name, path, status);
        if (status.Links > 1)
            _linked[identity] = node;
        return node;
    }

    private static ExtNode MakeDirectory(SafeFileHandle parent, byte[] name, Statx.Status status) =>
        ExtNode.Directory(status.Permissions, status.UserId, status.GroupId, TimeOf(status), Attributes(parent, name));

    private ExtNode MakeFile(SafeFileHandle directory, byte[] name, byte[] path, Statx.Status status)
    {
        var attributes = Attributes(directory, name);
        var time = TimeOf(status);
        switch (status.FileType)
        {
            case Statx.RegularFile:
                return ExtNode.File(Content(path, status), status.Permissions, status.UserId, status.GroupId, time, attributes);
            case Statx.SymbolicLink:
                var target = Readlinkat.Target(directory, name);
                return ExtNode.SymbolicLink(target, status.UserId, status.GroupId, time, attributes);
            default:
                var type = TypeOf(status.FileType);
                if (type == ExtFileType.Unknown)
                    throw new EngineException(ErrorIds.IOFailed,
                        $"'{Describe(path)}' is of an unknown kind (mode {Convert.ToString(status.FileType, 8)}).", null);
                return ExtNode.Special(type, status.Permissions, status.UserId, status.GroupId,
                    status.DeviceMajor, status.DeviceMinor, time, attributes);
        }
    }

    private ExtContent Content(byte[] path, Statx.Status status)
    {
        if (status.Size == 0)
            return ExtContent.Empty;
        // A file with fewer sectors than bytes may have holes; only then is it worth opening it twice.
        var runs = status.Sectors * 512 >= status.Size ? null : DataRuns(path, status);
        return new ExtContent(status.Size, () => new HandleStream(OpenSame(path, status)), runs);
    }

    private List<(long Start, long End)> DataRuns(byte[] path, Statx.Status status)
    {
        using var file = OpenSame(path, status);
        var runs = new List<(long Start, long End)>();
        for (var at = 0L; at < status.Size && Lseek.NextData(file, at, Describe(path)) is { } run; at = run.End)
        {
            if (run.Start >= status.Size)
                break;
            runs.Add((run.Start, Math.Min(run.End, status.Size)));
        }

        return runs;
    }

    private SafeFileHandle OpenSame(byte[] path, Statx.Status expected)
    {
        const int nonBlocking = 0x800; // should it have become a named pipe meanwhile
        var (file, status) = OpenAny(path, Open.ReadOnly | nonBlocking);
        if ((status.Device, status.Inode) == (expected.Device, expected.Inode))
            return file;
        file.Dispose();
        throw new EngineException(ErrorIds.IOFailed, $"'{Describe(path)}' was replaced while it was being copied.",
            "Try again when nothing changes the files.", Describe(path));
    }

    /// <summary>The kind of a file from the upper bits of its mode.</summary>
    internal static ExtFileType TypeOf(uint fileType) => fileType switch
    {
        Statx.RegularFile => ExtFileType.RegularFile,
        Statx.Directory => ExtFileType.Directory,
        Statx.SymbolicLink => ExtFileType.SymbolicLink,
        Statx.CharacterDevice => ExtFileType.CharacterDevice,
        Statx.BlockDevice => ExtFileType.BlockDevice,
        Statx.Fifo => ExtFileType.Fifo,
        Statx.Socket => ExtFileType.Socket,
        _ => ExtFileType.Unknown,
    };

    /// <summary>Whether an attribute is the file's own. Whatever else the host's file system shows (system.nfs4_acl,
    /// btrfs.*) is its own business.</summary>
    internal static bool IsStored(string name) =>
        name.StartsWith("user.", StringComparison.Ordinal) || name.StartsWith("trusted.", StringComparison.Ordinal)
        || name.StartsWith("security.", StringComparison.Ordinal)
        || name.StartsWith("system.posix_acl_", StringComparison.Ordinal);

    private (SafeFileHandle File, Statx.Status Status) OpenAny(byte[] path, int flags)
    {
        try
        {
            var file = Openat2.Beneath(ParentOf(path), path.AsSpan(path.AsSpan().LastIndexOf((byte)'/') + 1), flags);
            return (file, Statx.Of(file));
        }
        catch (LinuxException error)
        {
            throw new LinuxException(error.Function, error.ErrorNumber, Describe(path));
        }
    }

    // What is in a directory is opened one after the other.
    private SafeFileHandle ParentOf(byte[] path)
    {
        var length = path.AsSpan().LastIndexOf((byte)'/');
        if (_parent is { } known && _parentPath.AsSpan().SequenceEqual(path.AsSpan(0, length)))
            return known;
        _parent?.Dispose();
        _parent = null;
        _parentPath = path[..length];
        return _parent = Openat2.Beneath(_root, _parentPath, Open.ReadOnly | Open.Directory);
    }

    private static Dictionary<string, byte[]>? Attributes(SafeFileHandle directory, byte[] name) =>
        ExtendedAttributes.Read(directory, name)?
            .Where(pair => IsStored(pair.Key))
            .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);

    private string Describe(byte[] path) => Path.Join(_path, Encoding.UTF8.GetString(path.AsSpan(path.Length > 1 ? 2 : 1)));

    private Statx.Status Owned(Statx.Status status) =>
        _owner is { } owner ? status with { UserId = owner.UserId, GroupId = owner.GroupId } : status;

    private static ExtTime TimeOf(Statx.Status status) => new(status.ModifiedSeconds, status.ModifiedNanoseconds);
}
