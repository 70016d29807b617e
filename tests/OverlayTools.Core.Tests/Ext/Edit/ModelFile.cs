using OverlayTools.Ext;

namespace OverlayTools.Core.Tests.Ext.Edit;

/// <summary>What a file should be.</summary>
internal sealed class ModelFile(uint inode, ExtFileType type)
{
    public uint Inode { get; } = inode;

    public ExtFileType Type { get; } = type;

    public uint Permissions { get; set; }

    public uint UserId { get; set; }

    public uint GroupId { get; set; }

    public uint Names { get; set; } = 1;

    public byte[] Content { get; set; } = [];

    public string Target { get; set; } = "";

    public (uint Major, uint Minor) Device { get; set; }

    public ExtTime Modified { get; set; }

    public ExtTime Changed { get; set; }

    public SortedDictionary<string, byte[]> Attributes { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, ModelFile> Children { get; } = new(StringComparer.Ordinal);

    public bool IsDirectory => Type == ExtFileType.Directory;

    /// <summary>Whether there is a subdirectory that the model knows nothing of: <c>lost+found</c>.</summary>
    public bool HasHiddenDirectory { get; set; }

    public uint Links => IsDirectory ? 2 + (HasHiddenDirectory ? 1u : 0) + (uint)Children.Values.Count(child => child.IsDirectory) : Names;

    public uint Mode => Permissions | Type switch
    {
        ExtFileType.Fifo => 0x1000u,
        ExtFileType.CharacterDevice => 0x2000u,
        ExtFileType.Directory => 0x4000u,
        ExtFileType.BlockDevice => 0x6000u,
        ExtFileType.RegularFile => 0x8000u,
        ExtFileType.SymbolicLink => 0xA000u,
        _ => 0xC000u,
    };

    public bool Holds(ModelFile other) => other == this || Children.Values.Any(child => child.IsDirectory && child.Holds(other));

    /// <summary>The tree below, as <see cref="MountedTree.Describe"/> says it.</summary>
    public string Describe()
    {
        var all = new List<(string Path, ModelFile File)>();
        Collect(".", all);
        var first = new Dictionary<uint, string>();
        return string.Join('\n', all.OrderBy(item => item.Path, Utf8Order.Instance).Select(item =>
        {
            var (path, file) = item;
            first.TryAdd(file.Inode, path);
            var size = file.Type switch
            {
                ExtFileType.RegularFile => file.Content.Length,
                ExtFileType.SymbolicLink => System.Text.Encoding.UTF8.GetByteCount(file.Target),
                _ => 0,
            };
            return MountedTree.Line(path, file.Mode, file.UserId, file.GroupId, file.Links, size,
                Text(file.Modified), Text(file.Changed),
                file.Type is ExtFileType.CharacterDevice or ExtFileType.BlockDevice ? $"{file.Device.Major}:{file.Device.Minor}" : "",
                file.Target, file.Type == ExtFileType.RegularFile ? MountedTree.Digest(file.Content) : "",
                string.Join(',', file.Attributes.Select(pair => $"{pair.Key}=0x{Convert.ToHexString(pair.Value).ToLowerInvariant()}").Order(StringComparer.Ordinal)),
                first[file.Inode]);
        }));
    }

    private static string Text(ExtTime time) => $"{time.Seconds}.{time.Nanoseconds:d9}";

    private void Collect(string path, List<(string, ModelFile)> all)
    {
        all.Add((path, this));
        foreach (var (name, child) in Children)
            child.Collect(path + "/" + name, all);
    }

    private sealed class Utf8Order : IComparer<string>
    {
        public static readonly Utf8Order Instance = new();

        public int Compare(string? left, string? right) =>
            System.Text.Encoding.UTF8.GetBytes(left!).AsSpan().SequenceCompareTo(System.Text.Encoding.UTF8.GetBytes(right!));
    }
}
