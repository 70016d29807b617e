using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>
/// Changes any number of blocks of a clean file system at once, through its own journal: after a crash at any point the
/// kernel, e2fsck or fuse2fs finds all of the changes or none.
/// </summary>
internal sealed class JournalTransaction
{
    private const uint CompatChecksum = 1;

    private readonly ExtFileSystem _fileSystem;
    private readonly Window _window;
    private readonly BlockMap _map;
    private readonly JournalSuperblock _superblock;

    private JournalTransaction(ExtFileSystem fileSystem, BlockMap map, JournalSuperblock superblock)
    {
        _fileSystem = fileSystem;
        _window = fileSystem.Window;
        _map = map;
        _superblock = superblock;
    }

    private int BlockSize => _fileSystem.Geometry.BlockSize;

    private long SuperblockOffset => _fileSystem.Geometry.OffsetOf(_map.Find(0));

    /// <summary>Finds the journal and checks that it is empty and of a form that we can write.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/>,
    /// <see cref="ErrorIds.OverlayDirtyJournal"/> or <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static JournalTransaction Open(ExtFileSystem fileSystem)
    {
        var number = fileSystem.Superblock.JournalInode;
        if ((fileSystem.Superblock.FeatureCompat & ExtFeatures.CompatHasJournal) == 0 || number == 0)
            throw Unsupported("it has no journal of its own");
        var inode = fileSystem.ReadInode(number);
        var map = new BlockMap(fileSystem, inode, number);
        var first = map.Find(0);
        if (first == 0)
            throw ExtCorrupt.Because("the journal has no blocks.");
        var raw = new byte[JournalSuperblock.Size];
        fileSystem.Window.Read(fileSystem.Geometry.OffsetOf(first), raw);
        var superblock = new JournalSuperblock(raw);
        Check(superblock, inode, fileSystem.Geometry, fileSystem.Geometry.OffsetOf(first));
        return new JournalTransaction(fileSystem, map, superblock);
    }

    /// <summary>Whether so many changed blocks fit.</summary>
    public bool Fits(int blocks) => LogBlocks(blocks) <= _superblock.MaxLength - _superblock.First;

    /// <summary>Makes the changes. They are durable when the call returns.</summary>
    /// <param name="blocks">New content by block number; the block of the primary superblock may be among them.</param>
    public void Commit(SortedDictionary<uint, byte[]> blocks)
    {
        var superblockBlock = _fileSystem.Geometry.FirstDataBlock;
        var superblockAt = (int)(ExtSuperblock.Size - _fileSystem.Geometry.OffsetOf(superblockBlock));
        var after = blocks.TryGetValue(superblockBlock, out var changed)
            ? new ExtSuperblock(changed.AsSpan(superblockAt))
            : new ExtSuperblock(_fileSystem.Superblock.Raw);
        // Replaying must not undo the mark while the log is still in use.
        after.NeedsRecovery = true;
        if (changed is not null)
            after.Raw.CopyTo(changed.AsSpan(superblockAt));

        WriteLog(blocks);
        _window.Flush();
        // Marked before the log gets its start: e2fsck -p stops at a log with a start in a file system without the
        // mark.
        var before = new ExtSuperblock(_fileSystem.Superblock.Raw) { NeedsRecovery = true };
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
        _superblock.Sequence = Next(_superblock.Sequence);
        _window.Write(SuperblockOffset, _superblock.Raw);
        _window.Flush();
        after.NeedsRecovery = false;
        WriteSuperblock(after);
        _window.Flush();
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

    private void WriteLogBlock(uint logical, byte[] content)
    {
        var block = _map.Find(logical);
        if (block == 0)
            throw ExtCorrupt.Because($"block {logical} of the journal is missing.");
        _window.Write(_fileSystem.Geometry.OffsetOf(block), content);
    }

    private long LogBlocks(int blocks)
    {
        var perDescriptor = JournalBlock.TagsPerBlock(BlockSize);
        return blocks + (blocks + perDescriptor - 1) / perDescriptor + 1L;
    }

    private static uint Next(uint sequence) => sequence == uint.MaxValue ? 1 : sequence + 1;

    private static void Check(JournalSuperblock journal, ExtInode inode, ExtGeometry geometry, long offset)
    {
        if (journal.Magic != JournalBlock.MagicNumber
            || journal.BlockType is not (JournalSuperblock.Version1 or JournalSuperblock.Version2))
            throw ExtCorrupt.At("journal superblock", offset, "its magic number is wrong");
        if (journal.BlockSize != geometry.BlockSize)
            throw ExtCorrupt.At("journal superblock", offset + 0x0C, $"its block size is {journal.BlockSize}");
        if (journal.First == 0 || journal.First >= journal.MaxLength || journal.MaxLength > geometry.BlocksCount
            || inode.Size < 0 || journal.MaxLength > inode.Size / geometry.BlockSize)
            throw ExtCorrupt.At("journal superblock", offset + 0x10,
                $"its log goes from {journal.First} to {journal.MaxLength}, its inode has {inode.Size} bytes");
        if ((journal.FeatureIncompat & ~JournalSuperblock.IncompatRevoke) != 0 || (journal.FeatureCompat & CompatChecksum) != 0)
            throw Unsupported("its journal has features of ext4");
        if (journal.Errno != 0)
            throw ExtCorrupt.At("journal superblock", offset + 0x20, "the journal was aborted");
        if (journal.Start != 0)
            throw DirtyJournal();
    }

    internal static EngineException DirtyJournal() =>
        new(ErrorIds.OverlayDirtyJournal,
            "The file system was not unmounted cleanly: its journal has to be replayed first.",
            "Run: e2fsck -p IMAGE (or mount and unmount the image), then try again.");

    private static EngineException Unsupported(string why) =>
        new(ErrorIds.OverlayFeatureUnsupported, $"This file system cannot be changed in place: {why}.",
            "Make a new image with New-OverlayImage, and copy the content over.");
}
