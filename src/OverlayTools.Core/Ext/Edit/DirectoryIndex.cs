using static OverlayTools.Ext.IndexBlock;

namespace OverlayTools.Ext.Edit;

/// <summary>
/// The index of a directory (kernel, <c>Documentation/filesystems/ext4/directory.rst</c>): a root, at most one level of
/// nodes below it, and leaves with the names of a range of hashes.
/// </summary>
internal sealed class DirectoryIndex(EditState state, DirectoryEditor directory, uint number)
{
    /// <summary>An addition makes room at most in the root, in a node, and in some leaves with like hashes.</summary>
    private const int MostSplits = 64;

    /// <summary>A block of the index on the way to a leaf, and which of its entries leads on.</summary>
    private readonly record struct Frame(uint Block, int Start, int Entry);

    private int BlockSize => state.BlockSize;

    /// <summary>Finds a name.</summary>
    public (uint Block, int Entry, long Logical)? Locate(ReadOnlySpan<byte> name)
    {
        var (hash, frames) = Probe(name);
        do
        {
            var logical = Child(frames[^1]);
            var block = directory.BlockAt(logical);
            var entry = DirectoryBlock.Find(state.Stage.Read(block), name);
            if (entry >= 0)
                return (block, entry, logical);
        }
        while (TryAdvance(frames, hash));
        return null;
    }

    /// <summary>Adds a name; leaves and nodes that are full are split.</summary>
    public void Add(ReadOnlySpan<byte> name, uint inode, ExtFileType type)
    {
        var need = DirectoryBlocks.SizeOf(name.Length);
        for (var step = 0; step < MostSplits; step++)
        {
            var (_, frames) = Probe(name);
            var leaf = directory.BlockAt(Child(frames[^1]));
            if (DirectoryBlock.Room(state.Stage.Read(leaf)) >= need)
            {
                DirectoryBlock.TryAdd(state.Stage.Change(leaf), name, inode, type);
                return;
            }

            if (!TryCompact(leaf, need) && !TryMakeRoom(frames))
                Split(frames, leaf);
        }

        throw IsFull();
    }

    /// <summary>Makes an index of a directory that has one block: its names go to the first leaf.</summary>
    public void Convert()
    {
        var root = directory.BlockAt(0);
        var content = state.Stage.Read(root).ToArray();
        var dotDot = DirectoryBlock.DotDot(content, number);
        var parent = DirectoryBlock.InodeAt(content, dotDot);
        var entries = EntriesOf(content, DirectoryBlock.Next(content, dotDot));
        var (logical, leaf) = directory.Append();
        DirectoryBlock.Pack(state.Stage.Change(leaf), content, entries);

        var block = state.Stage.Change(root);
        block.Clear();
        DirectoryBlock.PutDots(block, number, parent, state.HasTypes);
        StartRoot(block, state.HashVersion <= DirectoryHash.Tea ? state.HashVersion : DirectoryHash.HalfMd4, 0);
        SetCount(block, RootEntries, 1);
        Set(block, RootEntries, 0, 0, (uint)logical);
        state.NoteSignedness();
    }

    private static List<int> EntriesOf(ReadOnlySpan<byte> block, int from)
    {
        var entries = new List<int>();
        for (var at = from; at < block.Length;)
        {
            var next = DirectoryBlock.Next(block, at);
            if (DirectoryBlock.InodeAt(block, at) != 0)
                entries.Add(at);
            at = next;
        }

        return entries;
    }

    private (uint Hash, Frame[] Frames) Probe(ReadOnlySpan<byte> name)
    {
        var at = directory.BlockAt(0);
        var block = state.Stage.Read(at);
        DirectoryBlock.DotDot(block, number);
        if (!IsKnown(block) || block[RootInfo + 5] != InfoLength)
            throw Damaged("its root is not of a form that ext3 has");
        var hash = HashOf(HashVersion(block), name);
        var frames = new Frame[NodeLevels(block) + 1];
        frames[0] = Enter(at, RootEntries, hash);
        if (frames.Length == MostLevels)
            frames[1] = Enter(directory.BlockAt(Child(frames[0])), NodeEntries, hash);
        return (hash, frames);
    }

    private uint HashOf(int version, ReadOnlySpan<byte> name) =>
        DirectoryHash.InIndex(version, state.HashUnsigned, name, state.HashSeed);

    // The last entry whose hash is not above: one with the lowest bit set goes on with names of the one before.
    private Frame Enter(uint at, int start, uint hash)
    {
        var block = state.Stage.Read(at);
        var count = CheckedCount(block, start);
        int low = 1, high = count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (HashAt(block, start, middle) > hash)
                high = middle;
            else
                low = middle + 1;
        }

        return new Frame(at, start, low - 1);
    }

    private bool TryAdvance(Frame[] frames, uint hash)
    {
        var level = frames.Length - 1;
        while (frames[level].Entry + 1 >= CheckedCount(state.Stage.Read(frames[level].Block), frames[level].Start))
        {
            if (level-- == 0)
                return false;
        }

        var next = frames[level] with { Entry = frames[level].Entry + 1 };
        if ((HashAt(state.Stage.Read(next.Block), next.Start, next.Entry) & ~1u) != hash)
            return false;
        frames[level] = next;
        for (level++; level < frames.Length; level++)
        {
            var block = directory.BlockAt(Child(frames[level - 1]));
            CheckedCount(state.Stage.Read(block), NodeEntries);
            frames[level] = new Frame(block, NodeEntries, 0);
        }

        return true;
    }

    private uint Child(Frame frame)
    {
        var logical = ChildAt(state.Stage.Read(frame.Block), frame.Start, frame.Entry);
        return logical != 0 ? logical : throw Damaged("it leads to its own root");
    }

    // Names that were removed may have left room in pieces.
    private bool TryCompact(uint leaf, int need)
    {
        var content = state.Stage.Read(leaf).ToArray();
        var entries = EntriesOf(content, 0);
        if (entries.Sum(entry => DirectoryBlock.Used(content, entry)) + need > BlockSize)
            return false;
        DirectoryBlock.Pack(state.Stage.Change(leaf), content, entries);
        return true;
    }

    // Before a leaf is split there must be room for the entry that leads to the new one.
    private bool TryMakeRoom(Frame[] frames)
    {
        var last = frames[^1];
        var count = CheckedCount(state.Stage.Read(last.Block), last.Start);
        if (count < Limit(BlockSize, last.Start))
            return false;
        if (frames.Length == MostLevels)
        {
            if (CheckedCount(state.Stage.Read(frames[0].Block), RootEntries) >= Limit(BlockSize, RootEntries))
                throw IsFull();
            SplitNode(frames, count);
        }
        else
        {
            Deepen(last, count);
        }

        return true;
    }

    private void SplitNode(Frame[] frames, int count)
    {
        var (logical, added) = directory.Append();
        var upper = NewNode(added);
        var node = state.Stage.Change(frames[1].Block);
        var kept = count / 2;
        var hash = HashAt(node, NodeEntries, kept);
        node.Slice(NodeEntries + kept * EntrySize, (count - kept) * EntrySize).CopyTo(upper[NodeEntries..]);
        SetCount(upper, NodeEntries, count - kept);
        SetCount(node, NodeEntries, kept);
        node[(NodeEntries + kept * EntrySize)..].Clear();
        Insert(frames[0], hash, (uint)logical);
    }

    private void Deepen(Frame root, int count)
    {
        var (logical, added) = directory.Append();
        var node = NewNode(added);
        var block = state.Stage.Change(root.Block);
        block.Slice(RootEntries, count * EntrySize).CopyTo(node[NodeEntries..]);
        SetCount(node, NodeEntries, count);
        block[RootEntries..].Clear();
        SetCount(block, RootEntries, 1);
        Set(block, RootEntries, 0, 0, (uint)logical);
        StartRoot(block, HashVersion(block), nodeLevels: 1);
    }

    private Span<byte> NewNode(uint added)
    {
        var node = state.Stage.Change(added);
        StartNode(node);
        return node;
    }

    // Half of the bytes go to a new leaf, those with the larger hashes (kernel, do_split).
    private void Split(Frame[] frames, uint leaf)
    {
        var content = state.Stage.Read(leaf).ToArray();
        var version = HashVersion(state.Stage.Read(frames[0].Block));
        var entries = EntriesOf(content, 0)
            .Select(at => (Hash: HashOf(version, DirectoryBlock.NameAt(content, at)), At: at))
            .OrderBy(entry => entry.Hash).ToList();
        if (entries.Count < 2)
            throw Damaged("a leaf is full of nothing");
        var split = entries.Count;
        for (var size = 0; split > 1; split--)
        {
            var used = DirectoryBlock.Used(content, entries[split - 1].At);
            if (size + used / 2 > BlockSize / 2)
                break;
            size += used;
        }

        split = Math.Clamp(split, 1, entries.Count - 1);
        var hash = entries[split].Hash;
        var goesOn = hash == entries[split - 1].Hash ? 1u : 0;
        var (logical, added) = directory.Append();
        DirectoryBlock.Pack(state.Stage.Change(added), content, entries.Skip(split).Select(entry => entry.At));
        DirectoryBlock.Pack(state.Stage.Change(leaf), content, entries.Take(split).Select(entry => entry.At));
        Insert(frames[^1], hash + goesOn, (uint)logical);
    }

    private void Insert(Frame after, uint hash, uint logical)
    {
        var block = state.Stage.Change(after.Block);
        var count = CheckedCount(block, after.Start);
        var at = after.Start + (after.Entry + 1) * EntrySize;
        var rest = (count - after.Entry - 1) * EntrySize;
        block.Slice(at, rest).CopyTo(block[(at + EntrySize)..]);
        Set(block, after.Start, after.Entry + 1, hash, logical);
        SetCount(block, after.Start, count + 1);
    }

    private int CheckedCount(ReadOnlySpan<byte> block, int start)
    {
        var count = CountAt(block, start);
        var isSound = LimitAt(block, start) == Limit(BlockSize, start) && count >= 1 && count <= Limit(BlockSize, start);
        return isSound ? count : throw Damaged("a count or a limit is wrong");
    }

    private EngineException Damaged(string what) =>
        ExtCorrupt.Because($"the index of directory, inode {number}: {what}.");

    private static EngineException IsFull() =>
        new(ErrorIds.OverlayFull, "The index of the directory is full.", "Use subdirectories.");
}
