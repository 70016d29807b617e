using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>What somewhere to read from is, for a layer or a base.</summary>
internal enum LayerRole
{
    /// <summary>An overlay: of a directory or an ext3 file system, <c>upper</c>.</summary>
    Overlay,

    /// <summary>A root file system: all of it.</summary>
    Base,
}

/// <summary>
/// A layer that is read, with all that is in it: in an ext3 file system, in a squashfs, in a partition of a SIF image, or
/// in a directory. It is locked against writers as Apptainer locks it, and stays open as long as contents are read. A
/// journal that has to be replayed is seen as replayed; nothing is written.
/// </summary>
internal sealed class LayerReading : IDisposable
{
    private readonly SafeFileHandle? _file;
    private readonly IDisposable? _content;

    private LayerReading(ExtNode root, string path, SafeFileHandle? file, IDisposable? content) =>
        (Root, Path, _file, _content) = (root, path, file, content);

    /// <summary>The layer.</summary>
    public ExtNode Root { get; }

    /// <summary>The image or directory.</summary>
    public string Path { get; }

    /// <summary>The partition of a SIF image; null for anything else.</summary>
    public uint? Id { get; private init; }

    /// <summary>The file system; null for a directory.</summary>
    public SifFileSystem? FileSystem { get; private init; }

    /// <summary>The bytes of the file system; null for a directory.</summary>
    public long? SizeBytes { get; private init; }

    /// <summary>What the overlay remembers its base by (<see cref="OverlayBase"/>); null when it does not.</summary>
    public byte[]? BaseRecord { get; private init; }

    /// <summary>The open file; null for a directory.</summary>
    public SafeFileHandle? File => _file;

    /// <summary>The right to change the file, for a source that was opened so.</summary>
    public ExclusiveUse? Exclusive { get; private set; }

    /// <summary>Opens a layer.</summary>
    /// <param name="path">An image, a SIF image, or a directory.</param>
    /// <param name="id">The partition of a SIF image; null for the only one that can be meant.</param>
    /// <param name="role">What it is.</param>
    /// <param name="wanted">Of several partitions, those with this file system are meant; null for ext3 ones, or else
    /// any.</param>
    /// <param name="exclusive">Open it for writing, and lock all of the file: it is changed afterwards.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.ImageNotRecognized"/>, <see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OverlayInUse"/> when somebody writes it, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OptionConflict"/> when several partitions could be meant,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>, <see cref="ErrorIds.SifNoPrimaryPartition"/>,
    /// <see cref="ErrorIds.SifEncrypted"/>.</exception>
    public static LayerReading Open(
        string path, uint? id, LayerRole role, SifFileSystem? wanted = null, bool exclusive = false, CancellationToken token = default)
    {
        if (Directory.Exists(path))
            return OpenDirectory(path, id, role, token);
        var file = OverlayFile.OpenExisting(path, exclusive ? Native.Open.ReadWrite : Native.Open.ReadOnly);
        try
        {
            var use = exclusive ? ExclusiveUse.Lock(file, path) : null;
            var (location, kind) = LayerLocation.Find(file, path, id, role, wanted);
            if (!exclusive)
                location.Lock(file, path, exclusive: false);
            // A mount by hand takes no lock.
            ImageUsers.Refuse(file, path, location.Offset, location.LockLength, user => exclusive || user.Access == ImageAccess.Write);
            if (!OverlayFile.IsNamed(file, path))
                throw new EngineException(ErrorIds.OverlayInUse, $"'{path}' is being replaced by somebody else.",
                    "Wait until that has ended.", path);
            var window = location.Open(file);
            var (root, record) = kind == SifFileSystem.Squashfs
                ? ReadSquashfs(new SquashfsContent(null, window, path, location.Id), token)
                : ReadExt3(window, path, role, token);
            return new LayerReading(root, path, file, null)
            {
                Id = location.Id,
                FileSystem = kind,
                SizeBytes = location.Length,
                BaseRecord = record,
                Exclusive = use,
            };
        }
        catch
        {
            FileLock.Release(file, 0, 0);
            file.Dispose();
            throw;
        }
    }

    /// <summary>Gives the locks back, and closes what is open.</summary>
    public void Dispose()
    {
        _content?.Dispose();
        if (_file is null)
            return;
        FileLock.Release(_file, 0, 0);
        _file.Dispose();
    }

    private static LayerReading OpenDirectory(string path, uint? id, LayerRole role, CancellationToken token)
    {
        if (role == LayerRole.Base)
        {
            return id is null
                ? new LayerReading(ExtNode.FromDirectory(path, token), path, null, null)
                : throw LayerLocation.NoObjects(path);
        }

        var content = DirectoryContent.Open(path, id);
        try
        {
            return new LayerReading(content.Read(content.Root, token), path, null, content)
            {
                BaseRecord = OverlayBase.Read(path)?.ToBytes(),
            };
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    private static (ExtNode Root, byte[]? Record) ReadSquashfs(SquashfsContent content, CancellationToken token)
    {
        var root = content.Read(content.Root, token);
        return (root, root.Attributes.GetValueOrDefault(OverlayBase.AttributeName));
    }

    private static (ExtNode Root, byte[]? Record) ReadExt3(Window window, string path, LayerRole role, CancellationToken token)
    {
        var fileSystem = ImageContent.AfterReplay(ExtFileSystem.OpenForReading(window), window, isWritten: false, token);
        // What it holds may not be what was written into it; a copy would have no trace of that.
        if (fileSystem.Superblock.HasErrors)
            throw new EngineException(ErrorIds.OverlayCorrupt,
                $"'{path}' recorded {Math.Max(1, fileSystem.Superblock.ErrorCount)} error(s).",
                "Look at it with Test-OverlayImage, and mend it with Repair-OverlayImage.", path);
        if (role == LayerRole.Base)
            return (WithoutLostAndFound(ExtNode.FromFileSystem(fileSystem, "/", token)), null);
        var record = fileSystem.ReadAttributes(ExtInode.Root).GetValueOrDefault(OverlayBase.AttributeName);
        return fileSystem.Find("/upper") is { } upper && fileSystem.ReadInode(upper).FileType == ExtFileType.Directory
            ? (ExtNode.FromFileSystem(fileSystem, "/upper", token), record)
            : throw ImageContent.MissingUpper(path);
    }

    // Empty, it is the file system's, and not the tree's.
    private static ExtNode WithoutLostAndFound(ExtNode root)
    {
        var name = new ExtName("lost+found");
        if (root.Find(name) is not { Type: ExtFileType.Directory, Children.Count: 0 })
            return root;
        var without = root.With(root.Attributes);
        foreach (var (other, node) in root.Children)
        {
            if (other != name)
                without.Add(other, node);
        }

        return without;
    }
}
