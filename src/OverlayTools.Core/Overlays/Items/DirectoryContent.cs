using System.Globalization;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>The files of an overlay in a directory of this machine. Every path is opened from <c>upper</c> on, through
/// no link.</summary>
internal sealed class DirectoryContent : OverlayContent
{
    private readonly SafeFileHandle _upper;

    private DirectoryContent(SafeFileHandle upper, string path)
        : base(path, null)
    {
        _upper = upper;
        Root = Entry(null, default, Statx.Of(upper, path));
    }

    public override OverlayEntry Root { get; }

    /// <summary>Opens a directory that has <c>upper</c>.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OptionConflict"/> for an id.</exception>
    public static DirectoryContent Open(string path, uint? id)
    {
        if (id is not null)
            throw new EngineException(ErrorIds.OptionConflict, $"'{path}' is a directory, so that it has no objects with ids.",
                "Leave -Id out.", path);
        return new DirectoryContent(OpenUpper(path), path);
    }

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

    public override IEnumerable<OverlayEntry> List(OverlayEntry directory)
    {
        using var handle = Openat2.Beneath(
            _upper, Relative(directory), Native.Open.ReadOnly | Native.Open.Directory, Describe(directory));
        var entries = new List<OverlayEntry>();
        foreach (var name in Getdents.Names(handle, Describe(directory)))
            entries.Add(Entry(directory, new ExtName(name), Statx.Of(handle, name, Describe(directory))));
        return entries;
    }

    public override OverlayEntry? Find(OverlayEntry directory, ExtName name)
    {
        using var handle = Openat2.Beneath(
            _upper, Relative(directory), Native.Open.ReadOnly | Native.Open.Directory, Describe(directory));
        try
        {
            return Entry(directory, name, Statx.Of(handle, name.Bytes, Describe(directory)));
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
        ExtNodeImporter.ReadFile(_upper, Relative(entry), System.IO.Path.Join(Path, "upper"), token);

    private protected override void Dispose(bool disposing)
    {
        if (disposing)
            _upper.Dispose();
    }

    private static byte[] Relative(OverlayEntry entry) => entry.Parent is null ? "."u8.ToArray() : entry.RawPath;

    private string Describe(OverlayEntry entry) =>
        string.Create(CultureInfo.InvariantCulture, $"{Path}/upper{entry.ItemPath}");

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
