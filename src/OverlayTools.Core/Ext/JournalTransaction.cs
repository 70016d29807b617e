using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>
/// Changes any number of blocks of a clean file system at once, through its own journal: after a crash at any point the
/// kernel, e2fsck or fuse2fs finds all of the changes or none.
/// </summary>
internal sealed class JournalTransaction
{
    private readonly ExtFileSystem _fileSystem;
    private readonly Window _window;
    private readonly JournalLog _log;
    private readonly JournalSuperblock _superblock;
    private ExtSuperblock _current;

    private JournalTransaction(ExtFileSystem fileSystem, JournalLog log)
    {
        _fileSystem = fileSystem;
        _window = fileSystem.Window;
        _log = log;
        _superblock = log.Superblock;
        _current = fileSystem.Superblock;
    }

    /// <summary>Where the journal is.</summary>
    public JournalLog Log => _log;

    private int BlockSize => _fileSystem.Geometry.BlockSize;

    private long SuperblockOffset => _log.SuperblockOffset;

    /// <summary>Finds the journal and checks that it is empty and of a form that we can write.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/>,
    /// <see cref="ErrorIds.OverlayDirtyJournal"/> or <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static JournalTransaction Open(ExtFileSystem fileSystem)
    {
        var log = JournalLog.Open(fileSystem);
        if (log.Superblock.Errno != 0)
            throw ExtCorrupt.At("journal superblock", log.SuperblockOffset + 0x20, "the journal was aborted");
        if (log.Superblock.Start != 0)
            throw DirtyJournal();
        return new JournalTransaction(fileSystem, log);
    }

    /// <summary>Whether so many changed blocks fit.</summary>
    public bool Fits(int blocks) => LogBlocks(blocks) <= _superblock.MaxLength - _superblock.First;

    /// <summary>The most blocks that fit.</summary>
    public int Capacity
    {
        get
        {
            var perDescriptor = JournalBlock.TagsPerBlock(BlockSize);
            return (int)((_log.Length - 1L) * perDescriptor / (perDescriptor + 1));
        }
    }

    /// <summary>Makes the changes, and what was written to the window before that. They are durable when the call
    /// returns; another call may follow.</summary>
    /// <param name="blocks">New content by block number; the block of the primary superblock may be among them.</param>
    public void Commit(SortedDictionary<uint, byte[]> blocks)
    {
        var superblockBlock = _fileSystem.Geometry.FirstDataBlock;
        var superblockAt = (int)(ExtSuperblock.Size - _fileSystem.Geometry.OffsetOf(superblockBlock));
        var after = blocks.TryGetValue(superblockBlock, out var changed)
            ? new ExtSuperblock(changed.AsSpan(superblockAt))
            : new ExtSuperblock(_current.Raw);
        // Replaying must not undo the mark while the log is still in use.
        after.NeedsRecovery = true;
        if (changed is not null)
            after.Raw.CopyTo(changed.AsSpan(superblockAt));

        WriteLog(blocks);
        _window.Flush();
        // Marked before the log gets its start: e2fsck -p stops at a log with a start in a file system without the
        // mark.
        var before = new ExtSuperblock(_current.Raw) { NeedsRecovery = true };
        WriteSuperblock(before);
        _window.Flush();
        _superblock.Start = _superblock.First;
        _window.Write(SuperblockOffset, _superblock.Raw);
        _window.Flush();

        // The superblock last: a kernel that mounts a larger file system than there are descriptors for refuses it
        // before it replays the journal.
        foreach (var (block, content) in blocks)
        {
            if (block != superblockBlock)
                _window.Write(_fileSystem.Geometry.OffsetOf(block), content);
        }

        _window.Flush();
        WriteSuperblock(after);
        _window.Flush();
        _superblock.Start = 0;
        _superblock.Sequence = JournalSuperblock.Next(_superblock.Sequence);
        _window.Write(SuperblockOffset, _superblock.Raw);
        _window.Flush();
        after.NeedsRecovery = false;
        WriteSuperblock(after);
        _window.Flush();
        _current = after;
    }

    private void WriteSuperblock(ExtSuperblock superblock) => _window.Write(ExtSuperblock.Size, superblock.Raw);

    private void WriteLog(SortedDictionary<uint, byte[]> blocks)
    {
        if (_superblock.Sequence == 0)
            _superblock.Sequence = 1;
        var at = _superblock.First;
        var block = new byte[BlockSize];
        foreach (var chunk in blocks.Chunk(JournalBlock.TagsPerBlock(BlockSize)))
        {
            var tags = chunk.Select(pair => (pair.Key, JournalBlock.NeedsEscape(pair.Value))).ToList();
            JournalBlock.WriteDescriptor(block, _superblock.Sequence, _superblock.Uuid, tags);
            WriteLogBlock(at++, block);
            foreach (var (_, content) in chunk)
            {
                content.CopyTo(block, 0);
                if (JournalBlock.NeedsEscape(block))
                    block.AsSpan(0, 4).Clear();
                WriteLogBlock(at++, block);
            }
        }

        JournalBlock.WriteCommit(block, _superblock.Sequence, DateTimeOffset.UtcNow);
        WriteLogBlock(at, block);
    }

    private void WriteLogBlock(uint logical, byte[] content) => _window.Write(_log.OffsetOf(logical), content);

    private long LogBlocks(int blocks)
    {
        var perDescriptor = JournalBlock.TagsPerBlock(BlockSize);
        return blocks + (blocks + perDescriptor - 1) / perDescriptor + 1L;
    }

    internal static EngineException DirtyJournal() =>
        new(ErrorIds.OverlayDirtyJournal,
            "The file system was not unmounted cleanly: its journal has to be replayed first.",
            "Run: Repair-OverlayImage IMAGE (or mount and unmount the image), then try again.");
}
