using System.Text;

namespace OverlayTools.Ext;

/// <summary>
/// A file to put into a file system, with all that hangs below it. The same object under several names is one file with
/// several hard links.
/// </summary>
public sealed class ExtNode
{
    private static readonly List<(ExtName Name, ExtNode Node)> s_noChildren = [];
    private static readonly HashSet<ExtName> s_noNames = [];

    private readonly List<(ExtName Name, ExtNode Node)> _children;
    private readonly HashSet<ExtName> _names;

    internal ExtNode(ExtFileType type, uint permissions, uint userId, uint groupId)
    {
        Type = type;
        (_children, _names) = type == ExtFileType.Directory ? ([], []) : (s_noChildren, s_noNames);
        Permissions = permissions & 0xFFF;
        UserId = userId;
        GroupId = groupId;
    }

    /// <summary>The kind of file.</summary>
    public ExtFileType Type { get; }

    /// <summary>Permission bits with set-id and sticky bits, for example 0755 in octal.</summary>
    public uint Permissions { get; }

    /// <summary>The owner.</summary>
    public uint UserId { get; }

    /// <summary>The group.</summary>
    public uint GroupId { get; }

    /// <summary>Last change of the content; null means the time of formatting.</summary>
    public ExtTime? Modified { get; init; }

    /// <summary>Last access; null means as <see cref="Modified"/>.</summary>
    public ExtTime? Accessed { get; init; }

    /// <summary>Last change of the inode; null means the time of formatting. Only a file system that is made anew from
    /// another gives it.</summary>
    public ExtTime? Changed { get; init; }

    /// <summary>When the file was made; null means the time of formatting.</summary>
    public ExtTime? Created { get; init; }

    /// <summary>Flags of <c>chattr</c> (<c>i_flags</c>), for regular files and directories; those that say how a file is
    /// stored are not among them.</summary>
    internal uint Flags { get; init; }

    /// <summary>What a regular file holds.</summary>
    public ExtContent Content { get; internal init; } = ExtContent.Empty;

    /// <summary>Where a symbolic link leads, byte for byte.</summary>
    public ReadOnlyMemory<byte> Target { get; internal init; }

    /// <summary>Major number of a device.</summary>
    public uint DeviceMajor { get; internal init; }

    /// <summary>Minor number of a device.</summary>
    public uint DeviceMinor { get; internal init; }

    /// <summary>What a directory holds, in the order of adding.</summary>
    public IReadOnlyList<(ExtName Name, ExtNode Node)> Children => _children;

    /// <summary>Extended attributes by full name, for example <c>security.capability</c>.</summary>
    public IReadOnlyDictionary<string, byte[]> Attributes { get; init; } = new Dictionary<string, byte[]>();

    /// <summary>An empty directory.</summary>
    public static ExtNode Directory(uint permissions, uint userId, uint groupId) =>
        new(ExtFileType.Directory, permissions, userId, groupId);

    /// <summary>A directory with times or attributes of its own.</summary>
    public static ExtNode Directory(
        uint permissions, uint userId, uint groupId, ExtTime? modified, IReadOnlyDictionary<string, byte[]>? attributes = null) =>
        new(ExtFileType.Directory, permissions, userId, groupId) { Modified = modified, Attributes = attributes ?? None };

    /// <summary>A regular file.</summary>
    public static ExtNode File(
        ExtContent content, uint permissions, uint userId, uint groupId,
        ExtTime? modified = null, IReadOnlyDictionary<string, byte[]>? attributes = null) =>
        new(ExtFileType.RegularFile, permissions, userId, groupId)
        {
            Content = content,
            Modified = modified,
            Attributes = attributes ?? None,
        };

    /// <summary>A symbolic link, whose permissions are always 0777.</summary>
    public static ExtNode SymbolicLink(
        ReadOnlyMemory<byte> target, uint userId, uint groupId,
        ExtTime? modified = null, IReadOnlyDictionary<string, byte[]>? attributes = null) =>
        new(ExtFileType.SymbolicLink, 0x1FF, userId, groupId)
        {
            Target = target,
            Modified = modified,
            Attributes = attributes ?? None,
        };

    /// <summary>A symbolic link to a path in text.</summary>
    public static ExtNode SymbolicLink(string target, uint userId, uint groupId) =>
        SymbolicLink(Encoding.UTF8.GetBytes(target), userId, groupId);

    /// <summary>A character device, a block device, a named pipe or a socket.</summary>
    public static ExtNode Special(
        ExtFileType type, uint permissions, uint userId, uint groupId, uint major = 0, uint minor = 0,
        ExtTime? modified = null, IReadOnlyDictionary<string, byte[]>? attributes = null)
    {
        if (type is not (ExtFileType.CharacterDevice or ExtFileType.BlockDevice or ExtFileType.Fifo or ExtFileType.Socket))
            throw new ArgumentOutOfRangeException(nameof(type), type, null);
        return new ExtNode(type, permissions, userId, groupId)
        {
            DeviceMajor = major,
            DeviceMinor = minor,
            Modified = modified,
            Attributes = attributes ?? None,
        };
    }

    /// <summary>Puts a file into this directory and returns the file.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/> for a name that is
    /// taken.</exception>
    public ExtNode Add(ExtName name, ExtNode node)
    {
        if (Type != ExtFileType.Directory)
            throw new InvalidOperationException("Only a directory holds files.");
        if (!_names.Add(name))
            throw new EngineException(ErrorIds.InvalidDirectoryName, $"The name '{name}' is there already.", null, name);
        _children.Add((name, node));
        return node;
    }

    /// <summary>Puts a file into this directory and returns the file.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/>.</exception>
    public ExtNode Add(string name, ExtNode node) => Add(new ExtName(name), node);

    /// <summary>Puts a file into this directory in place of whatever has the name, and returns the file.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/>.</exception>
    public ExtNode Replace(string name, ExtNode node)
    {
        var taken = new ExtName(name);
        if (_names.Remove(taken))
            _children.RemoveAll(child => child.Name == taken);
        return Add(taken, node);
    }

    /// <summary>The file of that name in this directory, or null.</summary>
    public ExtNode? Find(ExtName name) =>
        _names.Contains(name) ? _children.Find(child => child.Name == name).Node : null;

    /// <summary>Reads a directory of this machine: every file with mode, owner, times, attributes and hard
    /// links.</summary>
    /// <inheritdoc cref="ExtNodeImporter.Read"/>
    public static ExtNode FromDirectory(
        string path, CancellationToken cancellation = default, (uint UserId, uint GroupId)? owner = null) =>
        ExtNodeImporter.Read(path, cancellation, owner);

    /// <summary>Reads a directory of a file system with all that hangs below it: contents are opened later, so the
    /// window has to stay open; owners, modes, all times, attributes, hard links, devices and holes are kept.</summary>
    /// <inheritdoc cref="ExtTreeReader.Read"/>
    public static ExtNode FromFileSystem(
        ExtFileSystem fileSystem, string path = "/", CancellationToken cancellation = default) =>
        ExtTreeReader.Read(fileSystem, path, cancellation);

    /// <summary>The same file with other attributes; of a directory, without what is in it.</summary>
    internal ExtNode With(IReadOnlyDictionary<string, byte[]> attributes) => new(Type, Permissions, UserId, GroupId)
    {
        Modified = Modified,
        Accessed = Accessed,
        Changed = Changed,
        Created = Created,
        Flags = Flags,
        Content = Content,
        Target = Target,
        DeviceMajor = DeviceMajor,
        DeviceMinor = DeviceMinor,
        Attributes = attributes,
    };

    private static readonly Dictionary<string, byte[]> None = [];
}
