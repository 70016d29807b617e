using System.Buffers.Binary;

namespace OverlayTools.Ext.Shrink;

/// <summary>
/// Gives the inodes of groups that go another number, in all directories that name them. A name keeps its place, as its
/// hash does not depend on the number.
/// </summary>
internal sealed class InodeMover(ShrinkState state, IProgress<EngineProgress>? progress, CancellationToken cancellation)
{
    /// <summary>Blocks that a move changes beside directories: the inode, bitmap and descriptor here and
    /// there.</summary>
    private const int ChangedByMove = 6;

    private readonly Dictionary<uint, List<(uint Block, int At)>> _names = [];

    /// <summary>Moves them all; the blocks of directories must be where they stay.</summary>
    public void Run()
    {
        foreach (var (number, _) in state.UsedInodes(state.Target.GroupCount, state.Old.GroupCount))
            _names.Add(number, []);
        if (_names.Count == 0)
            return;
        FindNames();
        var done = 0L;
        foreach (var (number, names) in _names.OrderBy(pair => pair.Key))
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new EngineProgress("Moving inodes", done++, _names.Count, "inodes"));
            Move(number, names);
        }

        state.Commit();
        progress?.Report(new EngineProgress("Moving inodes", done, done, "inodes"));
    }

    private void Move(uint number, List<(uint Block, int At)> names)
    {
        state.EnsureRoom(names.Select(name => name.Block).Distinct().Count() + ChangedByMove);
        var inode = state.PeekInode(number);
        var isDirectory = inode.FileType == ExtFileType.Directory;
        var moved = state.TakeInode(isDirectory);
        inode.Raw.CopyTo(state.EditInode(moved));
        state.EditInode(number).Clear();
        state.FreeInode(number, isDirectory);
        foreach (var (block, at) in names)
            state.SetPointer(block, at, moved);
    }

    // Dots included: a directory's own, and those of the directories in it.
    private void FindNames()
    {
        var fileSystem = state.Reopen();
        var buffer = new byte[state.BlockSize];
        foreach (var (number, inode) in state.UsedInodes(0, state.Old.GroupCount))
        {
            if (inode.FileType != ExtFileType.Directory || (number < ExtInode.LostAndFound && number != ExtInode.Root))
                continue;
            cancellation.ThrowIfCancellationRequested();
            var map = new BlockMap(fileSystem, inode, number);
            for (var logical = 0L; logical < inode.Size / state.BlockSize; logical++)
            {
                var block = map.Find(logical);
                if (block == 0)
                    continue;
                state.Window.Read(state.Old.OffsetOf(block), buffer);
                FindIn(buffer, block, number);
            }
        }
    }

    private void FindIn(ReadOnlySpan<byte> buffer, uint block, uint directory)
    {
        for (var at = 0; at < buffer.Length;)
        {
            if (_names.TryGetValue(BinaryPrimitives.ReadUInt32LittleEndian(buffer[at..]), out var names))
                names.Add((block, at));
            var length = DirectoryBlocks.RecordLength(buffer[at..], buffer.Length);
            if (length < DirectoryBlocks.SizeOf(1) || length > buffer.Length - at)
                throw ExtCorrupt.At($"directory, inode {directory}", state.Old.OffsetOf(block) + at,
                    "the length of an entry is wrong");
            at += length;
        }
    }
}
