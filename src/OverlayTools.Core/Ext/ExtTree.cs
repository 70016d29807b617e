namespace OverlayTools.Ext;

/// <summary>A tree whose files have their inode numbers and link counts; <c>lost+found</c> is in it.</summary>
internal sealed class ExtTree
{
    private const int MaxLinks = 65000;
    private static readonly ExtName LostAndFoundName = new("lost+found");

    private readonly Dictionary<ExtNode, (uint Inode, uint Links)> _known = new(ReferenceEqualityComparer.Instance);
    private readonly List<(uint Inode, ExtNode Node, uint Parent)> _files = [];
    private readonly ExtNode _root;
    private ExtNode _lostAndFound = ExtNode.Directory(0x1C0, 0, 0);
    private bool _lostAndFoundIsOurs = true;

    private ExtTree(ExtNode root) => _root = root;

    /// <summary>Each file once, ascending by inode: number, file, inode of the directory it was found in.</summary>
    public IReadOnlyList<(uint Inode, ExtNode Node, uint Parent)> Files => _files;

    /// <summary>The highest inode in use.</summary>
    public uint LastInode { get; private set; } = ExtInode.LostAndFound;

    /// <summary>Numbers a tree, directories before what they hold.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/> for a <c>lost+found</c> at the
    /// root
    /// that is no directory; <see cref="ErrorIds.OverlayFull"/> for too many links.</exception>
    public static ExtTree Number(ExtNode root)
    {
        if (root.Type != ExtFileType.Directory)
            throw new ArgumentException("The root is a directory.", nameof(root));
        var tree = new ExtTree(root);
        if (root.Find(LostAndFoundName) is { } given)
        {
            if (given.Type != ExtFileType.Directory)
                throw new EngineException(ErrorIds.InvalidDirectoryName,
                    "'lost+found' at the root of the tree is not a directory; the file system needs one.",
                    "Rename or remove it.");
            tree._lostAndFound = given;
            tree._lostAndFoundIsOurs = false;
        }

        tree.Walk();
        return tree;
    }

    public uint InodeOf(ExtNode node) => _known[node].Inode;

    public uint LinksOf(ExtNode node) => _known[node].Links;

    /// <summary>The path of a file from the root of the tree, safe to show; of several, the first.</summary>
    public string PathOf(uint inode)
    {
        var names = new Stack<string>();
        while (inode != ExtInode.Root)
        {
            var (_, node, above) = _files.Find(file => file.Inode == inode);
            var parent = _files.Find(file => file.Inode == above).Node;
            var name = EntriesIn(parent).First(entry => ReferenceEquals(entry.Node, node)).Name;
            names.Push(PrintableText.Show(name.Bytes));
            inode = above;
        }

        return "/" + string.Join('/', names);
    }

    /// <summary>The names in a directory, in their order on disk.</summary>
    public IEnumerable<ExtName> NamesIn(ExtNode directory) => EntriesIn(directory).Select(entry => entry.Name);

    /// <summary>The entries of a directory, <c>lost+found</c> first in the root.</summary>
    public IEnumerable<(ExtName Name, ExtNode Node)> EntriesIn(ExtNode directory) =>
        ReferenceEquals(directory, _root) && _lostAndFoundIsOurs
            ? directory.Children.Prepend((LostAndFoundName, _lostAndFound))
            : directory.Children;

    /// <summary>mke2fs gives <c>lost+found</c> 16 KiB, at least two blocks and at most twelve: e2fsck cannot allocate
    /// when
    /// it has to put something there.</summary>
    public int LeastDirectoryBlocks(ExtNode directory, int blockSize) =>
        ReferenceEquals(directory, _lostAndFound) ? Math.Clamp(16384 / blockSize, 2, ExtInode.DirectCount) : 1;

    // Breadth first, so that what is in one directory has neighbouring inodes.
    private void Walk()
    {
        var queue = new Queue<ExtNode>();
        Meet(_root, ExtInode.Root, ExtInode.Root);
        queue.Enqueue(_root);
        while (queue.TryDequeue(out var directory))
        {
            var parent = InodeOf(directory);
            foreach (var (_, child) in EntriesIn(directory))
            {
                if (_known.ContainsKey(child))
                {
                    if (child.Type == ExtFileType.Directory)
                        throw new ArgumentException("A directory cannot have two names.");
                    CountLink(child);
                    continue;
                }

                var isLostAndFound = ReferenceEquals(child, _lostAndFound);
                Meet(child, isLostAndFound ? ExtInode.LostAndFound : checked(LastInode + 1), parent);
                if (child.Type != ExtFileType.Directory)
                    continue;
                CountLink(directory);
                queue.Enqueue(child);
            }
        }
    }

    private void Meet(ExtNode node, uint inode, uint parent)
    {
        // A directory counts its name and its own ".".
        _known[node] = (inode, node.Type == ExtFileType.Directory ? 2u : 1u);
        if (inode == ExtInode.LostAndFound)
            _files.Insert(1, (inode, node, parent));
        else
            _files.Add((inode, node, parent));
        LastInode = Math.Max(LastInode, inode);
    }

    private void CountLink(ExtNode node)
    {
        var (inode, links) = _known[node];
        if (links == MaxLinks)
            throw new EngineException(ErrorIds.OverlayFull,
                $"A file of the tree has more than {MaxLinks} hard links or subdirectories.",
                "ext3 cannot hold it: spread the content over more directories.");
        _known[node] = (inode, links + 1);
    }
}
