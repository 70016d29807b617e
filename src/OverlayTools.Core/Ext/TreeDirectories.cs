namespace OverlayTools.Ext;

/// <summary>The directories of a tree as a new file system has them: one that outgrows a block gets an index, all but
/// <c>lost+found</c>, whose free blocks are for e2fsck. Layouts are kept from the measure to the writing.</summary>
internal sealed class TreeDirectories(ExtTree tree, int blockSize, Guid hashSeed)
{
    private const int HashVersion = DirectoryHash.HalfMd4;

    private readonly Dictionary<ExtNode, IndexLayout> _layouts = new(ReferenceEqualityComparer.Instance);
    private readonly byte[] _seed = hashSeed.ToByteArray(bigEndian: true);

    /// <summary>Whether a directory gets an index.</summary>
    /// <param name="tree">The tree.</param>
    /// <param name="directory">A directory of it.</param>
    /// <param name="blockSize">Bytes of a block.</param>
    /// <param name="blocks">What it has without one.</param>
    public static bool HasIndex(ExtTree tree, ExtNode directory, int blockSize, out long blocks)
    {
        var needed = DirectoryBlocks.Count(tree.NamesIn(directory).Select(name => name.Bytes.Length), blockSize);
        var least = tree.LeastDirectoryBlocks(directory, blockSize);
        blocks = Math.Max(least, needed);
        return needed > 1 && least == 1;
    }

    /// <summary>Blocks of a directory that has an index.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/> for too many names.</exception>
    public long IndexedBlocks(ExtNode directory) => LayoutOf(directory).Blocks;

    /// <summary>The directory's blocks.</summary>
    /// <param name="directory">A directory of the tree.</param>
    /// <param name="inode">Its inode, which gets the mark of an index.</param>
    /// <param name="number">The inode's number.</param>
    /// <param name="parent">That of the directory it is in.</param>
    public IReadOnlyList<byte[]> Write(ExtNode directory, ExtInode inode, uint number, uint parent)
    {
        var blocks = new DirectoryBlocks(blockSize);
        blocks.Add("."u8, number, ExtFileType.Directory);
        blocks.Add(".."u8, parent, ExtFileType.Directory);
        if (HasIndex(tree, directory, blockSize, out _))
        {
            inode.Flags |= ExtInode.HashIndexFlag;
            AddIndexed(directory, LayoutOf(directory), blocks);
            return blocks.Blocks;
        }

        foreach (var (name, child) in tree.EntriesIn(directory))
            blocks.Add(name.Bytes, tree.InodeOf(child), child.Type);
        blocks.PadTo(tree.LeastDirectoryBlocks(directory, blockSize));
        return blocks.Blocks;
    }

    private void AddIndexed(ExtNode directory, IndexLayout layout, DirectoryBlocks blocks)
    {
        var entries = tree.EntriesIn(directory).ToArray();
        var next = 0;
        foreach (var leaf in layout.Leaves)
        {
            blocks.StartBlock();
            foreach (var entry in layout.Order.AsSpan(next, leaf.Names))
            {
                var (name, child) = entries[entry];
                blocks.Add(name.Bytes, tree.InodeOf(child), child.Type);
            }

            next += leaf.Names;
        }

        foreach (var node in layout.WriteIndex(blocks.Blocks[0], HashVersion))
            blocks.Add(node);
    }

    private IndexLayout LayoutOf(ExtNode directory)
    {
        if (!_layouts.TryGetValue(directory, out var layout))
            _layouts[directory] = layout = IndexLayout.Of([.. tree.NamesIn(directory)], blockSize, HashOf);
        return layout;
    }

    private uint HashOf(ExtName name) =>
        DirectoryHash.InIndex(HashVersion, ExtSuperblockTemplate.HashesUnsigned, name.Bytes, _seed);
}
