using System.Buffers.Binary;
using static OverlayTools.Ext.IndexBlock;

namespace OverlayTools.Ext.Check;

/// <summary>
/// The index of a directory (kernel, <c>Documentation/filesystems/ext4/directory.rst</c>): each of its blocks has to be
/// listed once, at the right depth, with the range of hashes that its names have.
/// </summary>
internal sealed class HashIndex(CheckState state, uint directory)
{
    private readonly List<Node> _nodes = [];
    private readonly byte[] _seed = state.Superblock.HashSeed.ToByteArray(bigEndian: true);
    private readonly List<(long Block, List<(uint Hash, uint Child)> Entries)> _indexes = [];
    private int _version;
    private int _levels;
    private bool _isBroken;

    private sealed class Node
    {
        public bool IsIndex { get; set; }

        public uint Least { get; set; } = uint.MaxValue;

        public uint Most { get; set; }
    }

    /// <summary>Takes the next block of the directory.</summary>
    public void StartBlock(ReadOnlySpan<byte> block, long logical)
    {
        var node = new Node();
        _nodes.Add(node);
        if (_isBroken)
            return;
        if (logical == 0)
            ReadRoot(block);
        else if (IsIndexBlock(block))
            ReadEntries(block, NodeEntries, logical);
        node.IsIndex = _indexes.Count > 0 && _indexes[^1].Block == logical;
    }

    /// <summary>Takes a name of the block that was started last.</summary>
    public void AddName(ReadOnlySpan<byte> name)
    {
        if (_isBroken || _nodes[^1].IsIndex)
            return;
        var hash = DirectoryHash.Of(_version, name, _seed);
        _nodes[^1].Least = Math.Min(_nodes[^1].Least, hash);
        _nodes[^1].Most = Math.Max(_nodes[^1].Most, hash);
    }

    /// <summary>Holds the index against the blocks.</summary>
    public void Finish()
    {
        if (_isBroken || _nodes.Count == 0)
            return;
        var reached = new bool[_nodes.Count];
        reached[0] = true;
        var entriesOf = _indexes.ToDictionary(index => index.Block, index => index.Entries);
        if (!Descend(0, 0, 0, uint.MaxValue, reached, entriesOf))
            return;
        if (reached.Contains(false))
            Broken("it leaves out a block");
    }

    private static bool IsNotEmpty(Node node) => node.Least <= node.Most;

    private bool Descend(
        uint block, int depth, uint least, uint most, bool[] reached, Dictionary<long, List<(uint Hash, uint Child)>> entriesOf)
    {
        if (!entriesOf.TryGetValue(block, out var entries))
            return Broken("a block that should list others does not");
        for (var i = 0; i < entries.Count; i++)
        {
            var (hash, child) = entries[i];
            var from = i == 0 ? least : hash;
            // The names of one hash may go on in the next block, whose entry then has the lowest bit set.
            var to = i + 1 < entries.Count ? entries[i + 1].Hash : most;
            if (child >= _nodes.Count || reached[child])
                return Broken("it lists a block twice, or one that is not there");
            reached[child] = true;
            var node = _nodes[(int)child];
            var isLeaf = depth == _levels;
            if (isLeaf == node.IsIndex)
                return Broken("its depth is not the same everywhere");
            if (!isLeaf && !Descend(child, depth + 1, from, to, reached, entriesOf))
                return false;
            if (isLeaf && IsNotEmpty(node) && (node.Least < from || node.Most > to))
                return Broken($"block {child} has names that belong elsewhere");
        }

        return true;
    }

    private void ReadRoot(ReadOnlySpan<byte> block)
    {
        _version = HashVersion(block);
        _levels = NodeLevels(block);
        if (!IsKnown(block))
        {
            Broken("its root is not of a form that ext3 has");
            return;
        }

        if ((state.Superblock.Flags & ExtSuperblock.UnsignedHash) != 0)
            _version += DirectoryHash.Unsigned;
        ReadEntries(block, RootEntries, 0);
    }

    private bool IsIndexBlock(ReadOnlySpan<byte> block) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block) == 0
        && BinaryPrimitives.ReadUInt16LittleEndian(block[4..]) == (ushort)Math.Min(block.Length, ushort.MaxValue)
        && block[6] == 0
        && LimitAt(block, NodeEntries) == Limit(block.Length, NodeEntries);

    private void ReadEntries(ReadOnlySpan<byte> block, int start, long logical)
    {
        var count = CountAt(block, start);
        if (LimitAt(block, start) != Limit(block.Length, start) || count > Limit(block.Length, start))
        {
            Broken("a count or a limit is wrong");
            return;
        }

        var entries = new List<(uint, uint)>(count);
        var last = 0u;
        for (var i = 0; i < count; i++)
        {
            var hash = i == 0 ? 0 : HashAt(block, start, i) & ~1u;
            if (hash < last)
            {
                Broken("its hashes do not ascend");
                return;
            }

            last = hash;
            entries.Add((hash, ChildAt(block, start, i)));
        }

        _indexes.Add((logical, entries));
    }

    private bool Broken(string what)
    {
        _isBroken = true;
        state.Error(ExtFindingId.HashIndex, $"The index of the directory is damaged: {what}.", directory);
        return false;
    }
}
