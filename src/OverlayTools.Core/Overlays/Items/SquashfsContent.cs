using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Squashfs;

namespace OverlayTools.Overlays;

/// <summary>The files of a squashfs file system: of a base, or of an overlay that is read-only.</summary>
internal sealed class SquashfsContent : OverlayContent
{
    private readonly SafeFileHandle? _file;
    private readonly SquashfsFileSystem _fileSystem;

    private SquashfsInode? _lastInode;

    /// <param name="file">The open file, which is closed with the content.</param>
    /// <param name="window">Where in it the file system lies.</param>
    /// <param name="path">The file's path.</param>
    /// <param name="id">The partition of a SIF image.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.ImageNotRecognized"/>,
    /// <see cref="ErrorIds.SquashfsUnsupported"/>, <see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public SquashfsContent(SafeFileHandle? file, Window window, string path, uint? id)
        : base(path, id)
    {
        _file = file;
        _fileSystem = SquashfsFileSystem.Open(window);
        Root = Entry(null, default, _fileSystem.Root);
        if (Root.Type != ExtFileType.Directory)
            throw SquashfsCorrupt.Because("its root is not a directory.");
    }

    public override OverlayEntry Root { get; }

    public override IEnumerable<OverlayName> Names(OverlayEntry directory) =>
        _fileSystem.ReadDirectory(Inode(directory)).Select(found => new OverlayName(found.Name, (ulong)found.Inode));

    public override OverlayEntry Entry(OverlayEntry directory, OverlayName name) => Entry(directory, name.Name, (long)name.Number);

    public override OverlayEntry? Find(OverlayEntry directory, ExtName name) =>
        _fileSystem.Find(Inode(directory), name) is { } found ? Entry(directory, name, found) : null;

    public override IReadOnlyDictionary<string, byte[]> Attributes(OverlayEntry entry) =>
        _fileSystem.ReadAttributes(Inode(entry));

    public override byte[] Target(OverlayEntry link) => Inode(link).Target;

    public override Stream OpenFile(OverlayEntry file) => _fileSystem.OpenFile(Inode(file));

    public override ExtNode Read(OverlayEntry entry, CancellationToken token) => new ContentReader(this, DataRuns, token).Read(entry);

    private protected override void Dispose(bool disposing)
    {
        if (disposing)
            _file?.Dispose();
    }

    private List<(long Start, long End)> DataRuns(OverlayEntry file, CancellationToken token) =>
        SquashfsFileStream.DataRuns(_fileSystem, Inode(file), token);

    // One question after the other is about the same file.
    private SquashfsInode Inode(OverlayEntry entry) => Inode((long)entry.Number);

    private SquashfsInode Inode(long reference) =>
        _lastInode is { } last && last.Reference == reference ? last : _lastInode = _fileSystem.ReadInode(reference);

    private OverlayEntry Entry(OverlayEntry? parent, ExtName name, long reference)
    {
        var inode = Inode(reference);
        var time = new ExtTime(inode.Modified, 0);
        return new OverlayEntry
        {
            Parent = parent,
            Name = name,
            Number = (ulong)reference,
            Type = inode.Type,
            Permissions = inode.Permissions,
            UserId = _fileSystem.ReadId(inode.UserIndex),
            GroupId = _fileSystem.ReadId(inode.GroupIndex),
            Size = inode.Size,
            Links = inode.Links,
            Modified = time,
            Accessed = time,
            Changed = time,
            Device = inode.Device,
        };
    }
}
