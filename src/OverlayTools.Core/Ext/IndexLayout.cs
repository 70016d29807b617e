namespace OverlayTools.Ext;

/// <summary>
/// Where the names of a new directory with an index lie, as <c>e2fsck -D</c> lays them out (rehash.c): sorted by hash, a
/// fifth of each leaf left free, the leaves behind the root, then the nodes where one level does not do. Calculation alone.
/// </summary>
internal sealed class IndexLayout
{
    /// <summary>e2fsck's <c>indexed_dir_slack_percentage</c>.</summary>
    private const int SlackPercent = 20;

    private readonly int _blockSize;

    private IndexLayout(int[] order, List<Leaf> leaves, int blockSize)
    {
        (Order, Leaves, _blockSize) = (order, leaves, blockSize);
        Blocks = WithIndex(leaves.Count, blockSize);
    }

    /// <summary>A leaf: the hash that the index has for it, and how many names of <see cref="Order"/> it has.</summary>
    public readonly record struct Leaf(uint Hash, int Names);

    /// <summary>The names, each as its place in the list that was given, in their order on disk.</summary>
    public int[] Order { get; }

    /// <summary>The leaves, ascending by hash.</summary>
    public IReadOnlyList<Leaf> Leaves { get; }

    /// <summary>Blocks of the directory.</summary>
    public long Blocks { get; }

    private bool HasNodes => Leaves.Count > IndexBlock.Limit(_blockSize, IndexBlock.RootEntries);

    /// <summary>Lays out a directory.</summary>
    /// <param name="names">Its names, without <c>.</c> and <c>..</c>.</param>
    /// <param name="blockSize">Bytes of a block.</param>
    /// <param name="hash">The hash of a name in an index.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/> for more than two levels.</exception>
    public static IndexLayout Of(IReadOnlyList<ExtName> names, int blockSize, Func<ExtName, uint> hash)
    {
        // Names of the same hash stay in the order that they have, so that the same tree gives the same bytes.
        var keys = new ulong[names.Count];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = (ulong)hash(names[i]) << 32 | (uint)i;
        Array.Sort(keys);

        var order = Array.ConvertAll(keys, key => (int)(uint)key);
        var leaves = new List<Leaf>();
        var left = 0;
        for (var i = 0; i < order.Length; i++)
        {
            var size = DirectoryBlocks.SizeOf(names[order[i]].Bytes.Length);
            if (size > left)
            {
                var least = (uint)(keys[i] >> 32);
                var goesOn = i > 0 && least == (uint)(keys[i - 1] >> 32) ? 1u : 0;
                leaves.Add(new Leaf(least | goesOn, 0));
                left = blockSize;
            }

            leaves[^1] = leaves[^1] with { Names = leaves[^1].Names + 1 };
            left -= size;
            if (left < Slack(blockSize))
                left = 0;
        }

        return new IndexLayout(order, leaves, blockSize);
    }

    /// <summary>The most blocks that a directory with names of these lengths has, whatever their hashes are.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/> for more than two levels.</exception>
    public static long MostBlocks(IEnumerable<int> nameLengths, int blockSize)
    {
        var (bytes, largest) = (0L, 0);
        foreach (var length in nameLengths)
        {
            var size = DirectoryBlocks.SizeOf(length);
            bytes += size;
            largest = Math.Max(largest, size);
        }

        // What a leaf holds before the next begins: less is left than the slack, or than the next name takes.
        var least = blockSize - Math.Max(Slack(blockSize), largest) + 1;
        return WithIndex((bytes + least - 1) / least, blockSize);
    }

    /// <summary>The index for blocks that follow each other: the root, and the nodes, which come last.</summary>
    /// <param name="root">The first block, with <c>.</c> and <c>..</c>, else zeros.</param>
    /// <param name="hashVersion">The hash, of <see cref="DirectoryHash"/>.</param>
    /// <returns>The nodes, one block each.</returns>
    public List<byte[]> WriteIndex(Span<byte> root, int hashVersion)
    {
        IndexBlock.StartRoot(root, hashVersion, HasNodes ? 1 : 0);
        if (!HasNodes)
        {
            List(root, IndexBlock.RootEntries, 0, Leaves.Count);
            return [];
        }

        var nodes = new List<byte[]>();
        var limit = IndexBlock.Limit(_blockSize, IndexBlock.NodeEntries);
        for (var first = 0; first < Leaves.Count; first += limit)
        {
            var node = new byte[_blockSize];
            IndexBlock.StartNode(node);
            List(node, IndexBlock.NodeEntries, first, Math.Min(limit, Leaves.Count - first));
            IndexBlock.Set(root, IndexBlock.RootEntries, nodes.Count, Leaves[first].Hash, (uint)(1 + Leaves.Count + nodes.Count));
            nodes.Add(node);
        }

        IndexBlock.SetCount(root, IndexBlock.RootEntries, nodes.Count);
        return nodes;
    }

    private void List(Span<byte> block, int start, int first, int count)
    {
        for (var i = 0; i < count; i++)
            IndexBlock.Set(block, start, i, Leaves[first + i].Hash, (uint)(1 + first + i));
        IndexBlock.SetCount(block, start, count);
    }

    private static int Slack(int blockSize) => blockSize * SlackPercent / 100;

    private static long WithIndex(long leaves, int blockSize)
    {
        var most = IndexBlock.Limit(blockSize, IndexBlock.RootEntries);
        if (leaves <= most)
            return 1 + leaves;
        var limit = IndexBlock.Limit(blockSize, IndexBlock.NodeEntries);
        var nodes = (leaves + limit - 1) / limit;
        return nodes <= most
            ? 1 + leaves + nodes
            : throw new EngineException(ErrorIds.OverlayFull,
                $"A directory has more names than its index can have with blocks of {blockSize} bytes.",
                "Use a larger image, whose blocks are larger too, or spread the names over more directories.");
    }
}
