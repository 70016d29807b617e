namespace OverlayTools.Ext.Check;

/// <summary>What is known of each inode in use; groups without any cost nothing.</summary>
internal sealed class InodeCensus(ExtGeometry geometry)
{
    private readonly Group?[] _groups = new Group[geometry.GroupCount];

    /// <summary>Where a directory hangs, and where its <c>..</c> leads.</summary>
    public sealed class DirectoryInfo
    {
        public uint Parent { get; set; }

        public uint DotDot { get; set; }

        public bool IsConnected { get; set; }

        /// <summary>From where the way to the root went through here last.</summary>
        public uint VisitedFrom { get; set; }
    }

    public SortedDictionary<uint, DirectoryInfo> Directories { get; } = [];

    public void MarkUsed(uint number) => Of(number).Used[Index(number)] = true;

    public bool IsUsed(uint number) => _groups[GroupOf(number)]?.Used[Index(number)] ?? false;

    public void SetType(uint number, ExtFileType type)
    {
        Of(number).Types[Index(number)] = (byte)type;
        if (type == ExtFileType.Directory)
            Directories.TryAdd(number, new DirectoryInfo());
    }

    public ExtFileType TypeOf(uint number) =>
        (ExtFileType)(_groups[GroupOf(number)]?.Types[Index(number)] ?? 0);

    public void SetLinks(uint number, ushort links) => Of(number).Links[Index(number)] = links;

    public ushort LinksOf(uint number) => _groups[GroupOf(number)]?.Links[Index(number)] ?? 0;

    /// <summary>Counts a name.</summary>
    public void AddName(uint number)
    {
        ref var count = ref Of(number).Names[Index(number)];
        if (count < ushort.MaxValue)
            count++;
    }

    public ushort NamesOf(uint number) => _groups[GroupOf(number)]?.Names[Index(number)] ?? 0;

    public bool HasAny(uint group) => _groups[group] is not null;

    private uint GroupOf(uint number) => (number - 1) / geometry.InodesPerGroup;

    private int Index(uint number) => (int)((number - 1) % geometry.InodesPerGroup);

    private Group Of(uint number) => _groups[GroupOf(number)] ??= new Group((int)geometry.InodesPerGroup);

    private sealed class Group(int count)
    {
        public bool[] Used { get; } = new bool[count];

        public byte[] Types { get; } = new byte[count];

        public ushort[] Links { get; } = new ushort[count];

        public ushort[] Names { get; } = new ushort[count];
    }
}
