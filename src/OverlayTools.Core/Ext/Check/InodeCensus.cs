namespace OverlayTools.Ext.Check;

/// <summary>
/// What is known of each inode in use: a byte for its kind and for how many names it counts and has. Groups without any
/// cost nothing, and files with three names or more are counted apart.
/// </summary>
internal sealed class InodeCensus(ExtGeometry geometry)
{
    private const int TypeMask = 7;
    private const int UsedMark = 8;
    private const int LinksShift = 4;
    private const int NamesShift = 6;
    private const int Elsewhere = 3;

    private readonly byte[]?[] _groups = new byte[geometry.GroupCount][];
    private readonly Dictionary<uint, ushort> _manyLinks = [];
    private readonly Dictionary<uint, ushort> _manyNames = [];

    public DirectoryCensus Directories { get; } = new();

    public void MarkUsed(uint number) => Of(number) |= UsedMark;

    public bool IsUsed(uint number) => (Get(number) & UsedMark) != 0;

    /// <summary>Sets the kind; directories have to come in ascending order.</summary>
    public void SetType(uint number, ExtFileType type)
    {
        ref var fact = ref Of(number);
        fact = (byte)(fact & ~TypeMask | (int)type & TypeMask);
        if (type == ExtFileType.Directory)
            Directories.Add(number);
    }

    public ExtFileType TypeOf(uint number) => (ExtFileType)(Get(number) & TypeMask);

    public void SetLinks(uint number, ushort links) => Set(ref Of(number), LinksShift, _manyLinks, number, links);

    public ushort LinksOf(uint number) => Count(number, LinksShift, _manyLinks);

    /// <summary>Counts a name.</summary>
    public void AddName(uint number)
    {
        var names = NamesOf(number);
        if (names < ushort.MaxValue)
            Set(ref Of(number), NamesShift, _manyNames, number, (ushort)(names + 1));
    }

    public ushort NamesOf(uint number) => Count(number, NamesShift, _manyNames);

    public bool HasAny(uint group) => _groups[group] is not null;

    private static void Set(ref byte fact, int shift, Dictionary<uint, ushort> many, uint number, ushort count)
    {
        fact = (byte)(fact & ~(Elsewhere << shift) | Math.Min(count, (ushort)Elsewhere) << shift);
        if (count >= Elsewhere)
            many[number] = count;
    }

    private ushort Count(uint number, int shift, Dictionary<uint, ushort> many)
    {
        var count = Get(number) >> shift & Elsewhere;
        return count == Elsewhere ? many[number] : (ushort)count;
    }

    private byte Get(uint number) => _groups[GroupOf(number)] is { } facts ? facts[Index(number)] : (byte)0;

    private ref byte Of(uint number)
    {
        var facts = _groups[GroupOf(number)] ??= new byte[geometry.InodesPerGroup];
        return ref facts[Index(number)];
    }

    private uint GroupOf(uint number) => (number - 1) / geometry.InodesPerGroup;

    private uint Index(uint number) => (number - 1) % geometry.InodesPerGroup;
}
