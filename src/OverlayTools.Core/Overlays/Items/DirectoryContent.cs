using System.Globalization;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>The files of an overlay in a directory of this machine. Every path is opened from <c>upper</c> on, through
/// no link.</summary>
internal sealed class DirectoryContent : OverlayContent
{
    private readonly SafeFileHandle _upper;
    private readonly string _upperPath;
    private (OverlayEntry Entry, SafeFileHandle Handle, string Path)? _opened;

    private DirectoryContent(SafeFileHandle upper, string path, string upperPath)
        : base(path, null)
    {
        _upper = upper;
        _upperPath = upperPath;
        Root = Entry(null, default, Statx.Of(upper, upperPath));
    }

    public override OverlayEntry Root { get; }

    /// <summary>Opens a directory that has <c>upper</c>.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OptionConflict"/> for an id.</exception>
    public static DirectoryContent Open(string path, uint? id)
    {
        RefuseId(path, id);
        return new DirectoryContent(OpenUpper(path), path, System.IO.Path.Join(path, "upper"));
    }

    /// <summary>A directory has no partitions.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OptionConflict"/> for an id.</exception>
    public static void RefuseId(string path, uint? id)
    {
        if (id is not null)
            throw new EngineException(ErrorIds.OptionConflict, $"'{path}' is a directory, so that it has no objects with ids.",
                "Leave -Id out.", path);
    }

    /// <summary>Opens a directory that is the root of a layer itself.</summary>
    public static DirectoryContent OpenRoot(string path) =>
        new(Native.Open.File(path, Native.Open.ReadOnly | Native.Open.Directory), path, path);

    /// <summary>Opens the directory <c>upper</c>; a link to elsewhere is none.</summary>
    public static SafeFileHandle OpenUpper(string path)
    {
        using var root = Native.Open.File(path, Native.Open.ReadOnly | Native.Open.Directory);
        try
        {
            return Openat2.Beneath(root, "upper"u8, Native.Open.ReadOnly | Native.Open.Directory, path);
        }
        catch (LinuxException error) when (error.ErrorNumber is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            throw ImageContent.MissingUpper(path);
        }
    }

    public override IEnumerable<OverlayName> Names(OverlayEntry directory)
    {
        // Not the one that is kept: its place in the directory may be at the end already.
        using var handle = OpenDirectory(directory);
        return Getdents.Names(handle, Describe(directory)).ConvertAll(static name => new OverlayName(new ExtName(name), 0));
    }

    public override OverlayEntry Entry(OverlayEntry directory, OverlayName name)
    {
        var (handle, path) = Opened(directory);
        return Entry(directory, name.Name, Statx.Of(handle, name.Name.Bytes, path));
    }

    public override OverlayEntry? Find(OverlayEntry directory, ExtName name)
    {
        try
        {
            return Entry(directory, new OverlayName(name, 0));
        }
        catch (LinuxException error) when (error.ErrorNumber == Errno.ENOENT)
        {
            return null;
        }
    }

    public override IReadOnlyDictionary<string, byte[]> Attributes(OverlayEntry entry)
    {
        var all = ExtendedAttributes.Read(_upper, Relative(entry), Describe(entry)) ?? [];
        return all.Where(pair => ExtNodeImporter.IsStored(pair.Key))
            .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
    }

    public override byte[] Target(OverlayEntry link) => Readlinkat.Target(_upper, Relative(link), Describe(link));

    public override ExtNode Read(OverlayEntry entry, CancellationToken token) =>
        ExtNodeImporter.ReadFile(_upper, Relative(entry), _upperPath, token);

    public override Stream OpenFile(OverlayEntry file)
    {
        // A pipe or a device that took the file's place meanwhile is not waited for.
        var handle = Openat2.Beneath(_upper, Relative(file), Native.Open.ReadOnly | Native.Open.NonBlock, Describe(file));
        return new HandleStream(handle);
    }

    private protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        _opened?.Handle.Dispose();
        _upper.Dispose();
    }

    private SafeFileHandle OpenDirectory(OverlayEntry directory) => Openat2.Beneath(
        _upper, Relative(directory), Native.Open.ReadOnly | Native.Open.Directory, Describe(directory));

    // One after the other is asked about the same directory.
    private (SafeFileHandle Handle, string Path) Opened(OverlayEntry directory)
    {
        if (_opened is not { } opened || !ReferenceEquals(opened.Entry, directory))
        {
            _opened?.Handle.Dispose();
            _opened = null;
            _opened = opened = (directory, OpenDirectory(directory), Describe(directory));
        }

        return (opened.Handle, opened.Path);
    }

    private static byte[] Relative(OverlayEntry entry) => entry.Parent is null ? "."u8.ToArray() : entry.RawPath;

    private string Describe(OverlayEntry entry) =>
        string.Create(CultureInfo.InvariantCulture, $"{_upperPath}{entry.ItemPath}");

    private static OverlayEntry Entry(OverlayEntry? parent, ExtName name, Statx.Status status) => new()
    {
        Parent = parent,
        Name = name,
        Number = status.Inode,
        Type = ExtNodeImporter.TypeOf(status.FileType),
        Permissions = status.Permissions,
        UserId = status.UserId,
        GroupId = status.GroupId,
        Size = status.Size,
        Links = status.Links,
        Modified = new ExtTime(status.ModifiedSeconds, status.ModifiedNanoseconds),
        Accessed = new ExtTime(status.AccessedSeconds, status.AccessedNanoseconds),
        Changed = new ExtTime(status.ChangedSeconds, status.ChangedNanoseconds),
        Device = status.FileType is Statx.CharacterDevice or Statx.BlockDevice ? (status.DeviceMajor, status.DeviceMinor) : null,
    };
}
