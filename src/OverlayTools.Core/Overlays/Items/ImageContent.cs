using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>The files of an overlay in an ext3 file system. A journal that has to be replayed is seen as replayed;
/// nothing is written.</summary>
internal sealed class ImageContent : OverlayContent
{
    private readonly SafeFileHandle? _file;
    private readonly ExtFileSystem _fileSystem;

    private ImageContent(SafeFileHandle? file, ExtFileSystem fileSystem, string path, uint? id, string root = "/upper")
        : base(path, id)
    {
        (_file, _fileSystem) = (file, fileSystem);
        Root = fileSystem.Find(root) is { } upper && Entry(null, default, upper) is { Type: ExtFileType.Directory } found
            ? found
            : throw MissingUpper(path);
    }

    public override OverlayEntry Root { get; }

    /// <summary>The partitions, or the image itself.</summary>
    public static IEnumerable<OverlayContent> OpenAll(string path, uint? id, Action<string> warn, CancellationToken token)
    {
        // The lock goes when the last handle on the open file does, so that the file is open for all of them.
        using var file = OverlayFile.OpenExisting(path, Native.Open.ReadOnly);
        foreach (var location in OverlayLocation.Find(file, path, id))
            yield return Open(file, null, location, path, warn, token);
    }

    public static new ImageContent OpenOne(string path, uint? id, Action<string> warn, CancellationToken token)
    {
        var file = OverlayFile.OpenExisting(path, Native.Open.ReadOnly);
        try
        {
            return Open(file, file, Single(OverlayLocation.Find(file, path, id), path), path, warn, token);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A file system that is open already, and stays open.</summary>
    public static ImageContent Of(ExtFileSystem fileSystem, string path, uint? id) => new(null, fileSystem, path, id);

    /// <summary>A root file system, or another one without <c>upper</c>.</summary>
    /// <param name="file">The open file, which is closed with the content.</param>
    /// <param name="location">Where the file system lies.</param>
    /// <param name="path">The file's path.</param>
    /// <param name="warn">Told when somebody writes it meanwhile.</param>
    /// <param name="token">Stops the work.</param>
    public static ImageContent OpenRoot(
        SafeFileHandle file, OverlayLocation location, string path, Action<string> warn, CancellationToken token) =>
        Open(file, file, location, path, warn, token, "/");

    /// <summary>A file system in a window that stays open, and that nobody else writes.</summary>
    public static ImageContent InWindow(Window window, string path, uint? id, CancellationToken token) =>
        new(null, AfterReplay(ExtFileSystem.OpenForReading(window), window, isWritten: false, token), path, id);

    /// <summary>The one place that is meant.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OptionConflict"/> when there are several.</exception>
    public static OverlayLocation Single(IReadOnlyList<OverlayLocation> locations, string path) =>
        locations.Count == 1 ? locations[0] : throw new EngineException(ErrorIds.OptionConflict,
            $"'{path}' has {locations.Count} ext3 partitions: {string.Join(", ", locations.Select(location => location.Id))}.",
            "Say with -Id which one is meant.", path);

    public static EngineException MissingUpper(string path) => new(ErrorIds.OverlayMissingUpper,
        $"The overlay '{path}' has no directory 'upper'.",
        "An overlay has 'upper' and 'work' at its root; New-OverlayImage makes one.", path);

    public override IEnumerable<OverlayName> Names(OverlayEntry directory)
    {
        var names = new List<OverlayName>();
        foreach (var found in _fileSystem.ReadDirectory((uint)directory.Number))
        {
            if (found.Inode < _fileSystem.Superblock.FirstInode)
                throw ExtCorrupt.Because($"'{found.Name}' leads to inode {found.Inode}, which is reserved.");
            names.Add(new OverlayName(found.Name, found.Inode));
        }

        names.Sort(static (left, right) => left.Name.Bytes.SequenceCompareTo(right.Name.Bytes));
        return names;
    }

    public override OverlayEntry Entry(OverlayEntry directory, OverlayName name) => Entry(directory, name.Name, (uint)name.Number);

    public override OverlayEntry? Find(OverlayEntry directory, ExtName name)
    {
        foreach (var found in _fileSystem.ReadDirectory((uint)directory.Number))
        {
            if (found.Name == name)
                return Entry(directory, name, found.Inode);
        }

        return null;
    }

    public override IReadOnlyDictionary<string, byte[]> Attributes(OverlayEntry entry) =>
        _fileSystem.ReadAttributes((uint)entry.Number);

    public override byte[] Target(OverlayEntry link) => _fileSystem.ReadLink((uint)link.Number);

    public override Stream OpenFile(OverlayEntry file) => _fileSystem.OpenFile((uint)file.Number);

    public override ExtNode Read(OverlayEntry entry, CancellationToken token) =>
        ExtTreeReader.ReadFile(_fileSystem, (uint)entry.Number, token);

    private protected override void Dispose(bool disposing)
    {
        if (disposing)
            _file?.Dispose();
    }

    private static ImageContent Open(
        SafeFileHandle file, SafeFileHandle? owned, OverlayLocation location, string path, Action<string> warn,
        CancellationToken token, string root = "/upper")
    {
        var isWritten = false;
        try
        {
            location.Lock(file, path, exclusive: false);
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayInUse)
        {
            isWritten = true;
            warn($"{error.Message} What is shown may be out of date.");
        }

        var window = location.Open(file);
        var fileSystem = ExtFileSystem.OpenForReading(window);
        return new ImageContent(owned, AfterReplay(fileSystem, window, isWritten, token), path, location.Id, root);
    }

    /// <summary>A file system as it is after its journal was replayed, which happens in memory.</summary>
    /// <param name="onDisk">The file system as it is.</param>
    /// <param name="window">Where it lies.</param>
    /// <param name="isWritten">Whether its log may change under our eyes: then what is there has to do.</param>
    /// <param name="token">Stops the work.</param>
    public static ExtFileSystem AfterReplay(ExtFileSystem onDisk, Window window, bool isWritten, CancellationToken token)
    {
        if (!onDisk.Superblock.NeedsRecovery)
            return onDisk;
        try
        {
            return JournalReplay.Find(window, token) is { } replay ? ExtFileSystem.Open(replay.View) : onDisk;
        }
        catch (EngineException) when (isWritten)
        {
            return onDisk;
        }
    }

    private OverlayEntry Entry(OverlayEntry? parent, ExtName name, uint number)
    {
        var inode = _fileSystem.ReadInode(number);
        if (inode.LinksCount == 0 || inode.FileType == ExtFileType.Unknown)
            throw ExtCorrupt.Because($"'{name}' leads to inode {number}, which is not in use.");
        return new OverlayEntry
        {
            Parent = parent,
            Name = name,
            Number = number,
            Type = inode.FileType,
            Permissions = inode.Permissions,
            UserId = inode.UserId,
            GroupId = inode.GroupId,
            Size = inode.Size,
            Links = inode.LinksCount,
            Modified = inode.Modified,
            Accessed = inode.Accessed,
            Changed = inode.Changed,
            Device = inode.Device,
        };
    }
}
