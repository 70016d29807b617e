namespace OverlayTools.Ext;

/// <summary>What a tree needs: pure calculation.</summary>
/// <param name="Blocks">Blocks of content, directories and indirect blocks, with <c>lost+found</c>.</param>
/// <param name="Inodes">Inodes, the reserved ones included.</param>
public readonly record struct ExtSizing(long Blocks, long Inodes)
{
    private const long MiB = 1 << 20;

    private const int LargestBlock = 4096;
    private const long LargestWithSmallBlocks = 511 * MiB;

    /// <summary>2^32 blocks of 4 KiB.</summary>
    private const long LargestSize = 16L << 40;

    /// <summary>What the tree needs with blocks of this size.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlaySizeTooLarge"/> for a file that ext3 cannot
    /// hold.</exception>
    public static ExtSizing Measure(ExtNode root, int blockSize) => Measure(ExtTree.Number(root), blockSize);

    /// <summary>The least file length, in MiB steps, whose file system holds the tree.</summary>
    /// <param name="root">The tree.</param>
    /// <param name="spareBytes">Bytes that shall stay free.</param>
    /// <param name="bytesPerInode">As in <see cref="ExtGeometry.Plan"/>.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlaySizeTooLarge"/>.</exception>
    public static long SizeFor(ExtNode root, long spareBytes = 0, int? bytesPerInode = null) =>
        SizeFor(root, new ExtFormatOptions { BytesPerInode = bytesPerInode }, spareBytes);

    /// <summary>The least file length, in MiB steps, whose file system, made with these options, holds the
    /// tree.</summary>
    /// <param name="root">The tree.</param>
    /// <param name="options">Those of the file system.</param>
    /// <param name="spareBytes">Bytes that shall stay free.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlaySizeTooLarge"/>,
    /// <see cref="ErrorIds.OptionConflict"/> for options that no size goes with,
    /// <see cref="ErrorIds.OverlayFull"/> when the options have fewer inodes than the tree needs.</exception>
    public static long SizeFor(ExtNode root, ExtFormatOptions options, long spareBytes = 0)
    {
        var tree = ExtTree.Number(root);
        // A larger image has a few more, since each group has some; but not one of such a size was meant.
        if (options.InodeCount is { } inodes && inodes < tree.LastInode)
            throw new EngineException(ErrorIds.OverlayFull,
                $"The content needs {tree.LastInode} inodes; {inodes} were asked for.", "Ask for more inodes.");
        var needs = new Dictionary<int, ExtSizing?>();
        var (low, high) = (2 * MiB, LargestWithSmallBlocks);
        if (Fits(low))
            return low;
        // Double, then halve the step: "it fits" is monotonous but for a few blocks at a group's edge. Where blocks get
        // larger, small files take more: what fits into less may not fit into that.
        while (!Fits(high))
        {
            low = high;
            high = checked(high * 2);
        }

        while (high - low > MiB)
        {
            var middle = low + (high - low) / 2 / MiB * MiB;
            if (Fits(middle))
                high = middle;
            else
                low = middle;
        }

        return high;

        // A long link, a large file or large attributes may need larger blocks, which larger images have.
        ExtSizing? TryMeasure(int blockSize)
        {
            try
            {
                return Measure(tree, blockSize);
            }
            catch (EngineException) when (options.BlockSize is null && blockSize < LargestBlock)
            {
                return null;
            }
        }

        bool Fits(long size)
        {
            ExtGeometry geometry;
            try
            {
                geometry = options.PlanGeometry(size);
            }
            catch (EngineException error) when (error.ErrorId == ErrorIds.OptionConflict && size < LargestSize / 4)
            {
                return false; // so many inodes leave no room there
            }

            if (!needs.TryGetValue(geometry.BlockSize, out var need))
                needs[geometry.BlockSize] = need = TryMeasure(geometry.BlockSize);
            return need?.FitsInto(geometry, spareBytes / geometry.BlockSize) ?? false;
        }
    }

    /// <param name="tree">The tree.</param>
    /// <param name="blockSize">Bytes of a block.</param>
    /// <param name="indexedBlocks">Blocks of a directory that has an index; null for the most that any hash seed
    /// makes, so that what was measured fits whatever the seed will be.</param>
    internal static ExtSizing Measure(ExtTree tree, int blockSize, Func<ExtNode, long>? indexedBlocks = null)
    {
        indexedBlocks ??= node => IndexLayout.MostBlocks(tree.NamesIn(node).Select(name => name.Bytes.Length), blockSize);
        var math = new BlockMapMath(blockSize);
        var sharing = new AttributeSharing();
        var blocks = 0L;
        foreach (var (inode, node, _) in tree.Files)
        {
            try
            {
                blocks += BlocksOf(node, math, blockSize, tree, indexedBlocks) + AttributeBlocksOf(node, blockSize, sharing);
            }
            catch (EngineException error)
            {
                throw error.About(tree.PathOf(inode));
            }
        }

        return new ExtSizing(blocks, tree.LastInode);
    }

    /// <summary>Blocks that a file system of this geometry uses for itself beyond each group's bookkeeping.</summary>
    internal static long OwnBlocks(ExtGeometry geometry)
    {
        var math = new BlockMapMath(geometry.BlockSize);
        return 1 + geometry.JournalBlocks + math.CountIndirect([(0, geometry.JournalBlocks)]);
    }

    internal bool FitsInto(ExtGeometry geometry, long spareBlocks = 0) =>
        Blocks + spareBlocks <= Available(geometry) && Inodes <= geometry.InodesCount;

    internal static long Available(ExtGeometry geometry)
    {
        var free = -OwnBlocks(geometry);
        for (var group = 0u; group < geometry.GroupCount; group++)
            free += geometry.BlocksIn(group) - geometry.OverheadIn(group);
        return free;
    }

    private static long BlocksOf(
        ExtNode node, BlockMapMath math, int blockSize, ExtTree tree, Func<ExtNode, long> indexedBlocks)
    {
        switch (node.Type)
        {
            case ExtFileType.RegularFile:
                if (node.Content.Length > math.MaxBytes)
                    throw new EngineException(ErrorIds.OverlaySizeTooLarge,
                        $"A file of {node.Content.Length} bytes is larger than ext3 can hold with blocks of {blockSize} bytes.",
                        "Leave the file out, or use a larger image.");
                var runs = node.Content.BlockRuns(blockSize);
                return runs.Sum(run => run.End - run.Start) + math.CountIndirect(runs);
            case ExtFileType.Directory:
                var count = TreeDirectories.HasIndex(tree, node, blockSize, out var linear) ? indexedBlocks(node) : linear;
                return count + math.CountIndirect([(0, count)]);
            case ExtFileType.SymbolicLink:
                if (node.Target.IsEmpty || node.Target.Length >= blockSize)
                    throw new EngineException(ErrorIds.OverlayFull,
                        $"A symbolic link of {node.Target.Length} bytes does not fit: 1 to {blockSize - 1} bytes are possible.",
                        "Use a larger image, whose blocks are larger too, or leave the link out.");
                return node.Target.Length >= ExtInode.PointerBytes ? 1 : 0;
            default:
                return 0;
        }
    }

    private static int AttributeBlocksOf(ExtNode node, int blockSize, AttributeSharing sharing)
    {
        if (node.Attributes.Count == 0)
            return 0;
        var layout = AttributeLayout.Divide(node.Attributes, new ExtInode(ExtGeometry.NewInodeSize).Body.Length);
        return layout.Block.Count > 0 && sharing.Use(AttributeBlock.Build(layout.Block, blockSize)).Users == 1 ? 1 : 0;
    }
}
