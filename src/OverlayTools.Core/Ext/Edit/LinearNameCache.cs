namespace OverlayTools.Ext.Edit;

/// <summary>Which block of large directories without an index has which name, and how much room each block
/// has.</summary>
internal sealed class LinearNameCache
{
    private const int MostDirectories = 8;
    private const int MostNames = 2_000_000;

    private readonly Dictionary<uint, LinearNames> _directories = [];

    /// <summary>The names of a directory, if they are known.</summary>
    public LinearNames? Find(uint directory) => _directories.GetValueOrDefault(directory);

    public void Add(uint directory, LinearNames names)
    {
        if (_directories.Count >= MostDirectories
            || _directories.Values.Sum(other => (long)other.Blocks.Count) > MostNames)
            _directories.Clear();
        _directories.Add(directory, names);
    }

    public void Remove(uint directory) => _directories.Remove(directory);

    public void Clear() => _directories.Clear();
}

/// <summary>What is known of one large directory without an index.</summary>
internal sealed class LinearNames
{
    /// <summary>The block of the directory that has a name.</summary>
    public Dictionary<ExtName, long> Blocks { get; } = [];

    /// <summary>For each block, the largest entry that can be added.</summary>
    public List<int> Room { get; } = [];
}
