using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>
/// Makes an ext3 file system with the layout of <c>mke2fs -t ext3</c> and fills it with a tree, in one pass. Only what
/// is not zero is written, so that a sparse file stays sparse.
/// </summary>
public sealed class ExtFormatter
{
    private readonly GatheringWindow _window;
    private readonly ExtFormatOptions _options;
    private readonly ExtGeometry _geometry;
    private readonly ExtAllocator _allocator;
    private readonly ExtTree _tree;
    private readonly TreeDirectories _directories;
    private readonly InodeTableWriter _inodes;
    private readonly AttributeSharing _attributes = new();
    private readonly ExtTime _now;
    private readonly IProgress<EngineProgress>? _progress;
    private readonly CancellationToken _cancellation;
    // Below the size (85,000 bytes) at which .NET puts an array where only a full collection frees it: in a session that
    // makes images, those collections took longer than the formatting.
    private readonly byte[] _buffer = new byte[1 << 16];
    private ExtInode _journal = new(ExtInode.OldSize);
    private long _bytesDone;
    private long _bytesTotal;

    private ExtFormatter(
        Window window, ExtFormatOptions options, ExtGeometry geometry, ExtTree tree, TreeDirectories directories,
        IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        _window = new GatheringWindow(window);
        _options = options;
        _geometry = geometry;
        _tree = tree;
        _directories = directories;
        _allocator = ExtAllocator.ForEmpty(geometry);
        _inodes = new InodeTableWriter(geometry, window);
        _now = new ExtTime(options.Now.ToUnixTimeSeconds(), 0);
        _progress = progress;
        _cancellation = cancellation;
    }

    private int BlockSize => _geometry.BlockSize;

    /// <summary>Formats the whole window. It is the caller who makes the result durable, once, with what else belongs to it.</summary>
    /// <param name="window">Where the file system goes; its length decides the geometry.</param>
    /// <param name="options">What can be chosen.</param>
    /// <param name="root">The root directory with all that hangs below it.</param>
    /// <param name="progress">Told about bytes of content.</param>
    /// <param name="cancellation">Stops the work; the window is then neither old nor new.</param>
    /// <returns>The geometry.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlaySizeTooSmall"/>,
    /// <see cref="ErrorIds.OverlaySizeTooLarge"/>, <see cref="ErrorIds.OverlayFull"/>, <see cref="ErrorIds.OptionConflict"/>,
    /// <see cref="ErrorIds.OverlayLabelInvalid"/>, all before anything is written.</exception>
    /// <exception cref="OperationCanceledException">The token asked for it.</exception>
    public static ExtGeometry Format(
        Window window, ExtFormatOptions options, ExtNode root,
        IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var geometry = options.PlanGeometry(window.Length);
        if (options.ReservedBlocks > geometry.BlocksCount / 2)
            throw new EngineException(ErrorIds.OptionConflict, "More than half of the blocks would be reserved.",
                "Reserve fewer blocks.");
        _ = new ExtSuperblock { Label = options.Label };
        var tree = ExtTree.Number(root);
        var directories = new TreeDirectories(tree, geometry.BlockSize, options.HashSeed);
        CheckRoom(geometry, tree, directories);
        new ExtFormatter(window, options, geometry, tree, directories, progress, cancellation).Run();
        return geometry;
    }

    private static void CheckRoom(ExtGeometry geometry, ExtTree tree, TreeDirectories directories)
    {
        var need = ExtSizing.Measure(tree, geometry.BlockSize, directories.IndexedBlocks);
        if (need.FitsInto(geometry))
            return;
        throw new EngineException(ErrorIds.OverlayFull,
            $"The content needs {need.Blocks} blocks of {geometry.BlockSize} bytes and {need.Inodes} inodes; " +
            $"the file system has {Math.Max(0, ExtSizing.Available(geometry))} and {geometry.InodesCount}.",
            "Ask for a larger image, or for more inodes.");
    }

    private void Run()
    {
        if (_options.MayHoldOldBytes)
            ClearBookkeeping();
        for (var inode = ExtInode.BadBlocks; inode < ExtInode.LostAndFound; inode++)
            _allocator.TakeInode(inode, isDirectory: inode == ExtInode.Root);
        _bytesTotal = _tree.Files.Sum(file => file.Node.Content.DataRuns.Sum(run => run.End - run.Start));
        WriteReservedInodes();
        foreach (var (inode, node, parent) in _tree.Files.Skip(2))
            WriteNode(inode, node, parent);
        _inodes.Flush();
        WriteAttributeReferences();
        WriteGroups();
    }

    // mke2fs's order on disk: root, lost+found, the resize inode's block, the journal.
    private void WriteReservedInodes()
    {
        var root = MakeNode(_tree.Files[0].Inode, _tree.Files[0].Node, _tree.Files[0].Parent);
        // In its inode's group, which is another one where each has only eight inodes.
        var group = (ExtInode.LostAndFound - 1) / _geometry.InodesPerGroup;
        if (group > 0)
            _allocator.GoTo(group);
        var lostAndFound = MakeNode(_tree.Files[1].Inode, _tree.Files[1].Node, _tree.Files[1].Parent);
        _allocator.TakeInode(ExtInode.LostAndFound, isDirectory: true);
        if (group > 0)
            _allocator.GoTo(0);
        var resize = WriteResizeInode();
        _journal = WriteJournal();
        var badBlocks = NewInode();
        (badBlocks.Accessed, badBlocks.Modified, badBlocks.Changed) = (_now, _now, _now);
        _inodes.Write(ExtInode.BadBlocks, badBlocks);
        _inodes.Write(ExtInode.Root, root);
        _inodes.Write(ExtInode.Resize, resize);
        _inodes.Write(ExtInode.Journal, _journal);
        _inodes.Write(ExtInode.LostAndFound, lostAndFound);
    }

    private ExtInode WriteResizeInode()
    {
        var inode = NewInode();
        StampSystemFile(inode);
        var table = new ResizeTable(_geometry);
        var block = _allocator.TakeBlocks(1).Start;
        inode.Pointer(13, block);
        inode.Size = table.FileSize;
        inode.Sectors = (uint)(BlockSize / 512) * (1 + table.BlocksListed);
        _window.Write(_geometry.OffsetOf(block), table.DoubleIndirectBlock());
        return inode;
    }

    private ExtInode WriteJournal()
    {
        var inode = NewInode();
        StampSystemFile(inode);
        inode.Size = (long)_geometry.JournalBlocks * BlockSize;
        var map = new BlockMapWriter(_allocator, _window, BlockSize);
        for (var logical = 0u; logical < _geometry.JournalBlocks;)
        {
            _cancellation.ThrowIfCancellationRequested();
            var (start, count) = map.Take(logical, _geometry.JournalBlocks - logical);
            if (_options.MayHoldOldBytes)
                _window.Clear(_geometry.OffsetOf(start), (long)count * BlockSize);
            if (logical == 0)
                _window.Write(_geometry.OffsetOf(start),
                    JournalSuperblock.Create(BlockSize, _geometry.JournalBlocks, _options.Uuid).Raw);
            logical += count;
        }

        map.Finish(inode);
        return inode;
    }

    private void WriteNode(uint number, ExtNode node, uint parent)
    {
        _cancellation.ThrowIfCancellationRequested();
        _allocator.TakeInode(number, node.Type == ExtFileType.Directory);
        _inodes.Write(number, MakeNode(number, node, parent));
    }

    private ExtInode MakeNode(uint number, ExtNode node, uint parent)
    {
        var inode = NewInode();
        inode.SetType(node.Type, node.Permissions);
        inode.UserId = node.UserId;
        inode.GroupId = node.GroupId;
        inode.LinksCount = (ushort)_tree.LinksOf(node);
        inode.Modified = node.Modified ?? _now;
        inode.Accessed = node.Accessed ?? inode.Modified;
        inode.Changed = node.Changed ?? _now;
        inode.Created = node.Created ?? _now;
        if (node.Type is ExtFileType.RegularFile or ExtFileType.Directory)
            inode.Flags = node.Flags & ExtInode.UserFlags;
        WriteAttributes(node, inode);
        switch (node.Type)
        {
            case ExtFileType.Directory:
                WriteDirectory(number, node, parent, inode);
                break;
            case ExtFileType.RegularFile:
                WriteContent(node.Content, inode);
                break;
            case ExtFileType.SymbolicLink:
                WriteLink(node.Target.Span, inode);
                break;
            case ExtFileType.CharacterDevice or ExtFileType.BlockDevice:
                inode.SetDevice(node.DeviceMajor, node.DeviceMinor);
                break;
        }

        return inode;
    }

    private void WriteAttributes(ExtNode node, ExtInode inode)
    {
        if (node.Attributes.Count == 0)
            return;
        var layout = AttributeLayout.Divide(node.Attributes, inode.Body.Length);
        AttributeBlock.WriteBody(inode.Body, layout.Body);
        if (layout.Block.Count == 0)
            return;
        var content = AttributeBlock.Build(layout.Block, BlockSize);
        var shared = _attributes.Use(content);
        if (shared.Users == 1)
        {
            shared.Block = _allocator.TakeBlocks(1).Start;
            _window.Write(_geometry.OffsetOf(shared.Block), content);
        }

        inode.AttributeBlock = shared.Block;
        inode.Sectors += (uint)(BlockSize / 512);
    }

    private void WriteAttributeReferences()
    {
        Span<byte> count = stackalloc byte[sizeof(uint)];
        foreach (var shared in _attributes.Shared)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(count, (uint)shared.Users);
            _window.Write(_geometry.OffsetOf(shared.Block) + AttributeBlock.ReferencesAt, count);
        }
    }

    private void WriteDirectory(uint number, ExtNode node, uint parent, ExtInode inode)
    {
        var blocks = _directories.Write(node, inode, number, parent);
        inode.Size = (long)blocks.Count * BlockSize;
        var map = new BlockMapWriter(_allocator, _window, BlockSize);
        for (var logical = 0; logical < blocks.Count;)
        {
            var (start, count) = map.Take(logical, Math.Min(blocks.Count - logical, _buffer.Length / BlockSize));
            for (var i = 0; i < count; i++)
                blocks[logical + i].CopyTo(_buffer, i * BlockSize);
            _window.Write(_geometry.OffsetOf(start), _buffer.AsSpan(0, (int)count * BlockSize));
            logical += (int)count;
        }

        map.Finish(inode);
    }

    private void WriteLink(ReadOnlySpan<byte> target, ExtInode inode)
    {
        inode.Size = target.Length;
        if (target.Length < ExtInode.PointerBytes)
        {
            target.CopyTo(inode.Pointers);
            return;
        }

        var map = new BlockMapWriter(_allocator, _window, BlockSize);
        var block = _buffer.AsSpan(0, BlockSize);
        block.Clear();
        target.CopyTo(block);
        _window.Write(_geometry.OffsetOf(map.Take(0, 1).Start), block);
        map.Finish(inode);
    }

    private void WriteContent(ExtContent content, ExtInode inode)
    {
        inode.Size = content.Length;
        if (content.DataRuns.Count == 0)
            return;
        using var stream = content.Open();
        var map = new BlockMapWriter(_allocator, _window, BlockSize);
        foreach (var (first, end) in content.BlockRuns(BlockSize))
        {
            if (first > 0 || stream.CanSeek)
                stream.Position = first * BlockSize;
            for (var logical = first; logical < end;)
            {
                _cancellation.ThrowIfCancellationRequested();
                var (start, count) = map.Take(logical, Math.Min(end - logical, _buffer.Length / BlockSize));
                var wanted = (int)Math.Min((long)count * BlockSize, content.Length - logical * BlockSize);
                Fill(stream, wanted);
                _buffer.AsSpan(wanted, (int)count * BlockSize - wanted).Clear();
                _window.Write(_geometry.OffsetOf(start), _buffer.AsSpan(0, (int)count * BlockSize));
                logical += count;
                Report(wanted);
            }
        }

        map.Finish(inode);
    }

    private void Fill(Stream stream, int wanted)
    {
        if (stream.ReadAtLeast(_buffer.AsSpan(0, wanted), wanted, throwOnEndOfStream: false) < wanted)
            throw new EngineException(ErrorIds.IOFailed, "A file became shorter while it was being copied.",
                "Try again when nothing changes the files.");
    }

    private void Report(int bytes)
    {
        _bytesDone = Math.Min(_bytesTotal, _bytesDone + bytes);
        _progress?.Report(new EngineProgress("Writing files", _bytesDone, _bytesTotal));
    }

    private void WriteGroups()
    {
        var superblock = MakeSuperblock();
        var descriptors = MakeDescriptors();
        var backup = new ExtSuperblock(superblock.Raw) { State = 0 };
        for (var group = _geometry.GroupCount - 1; group > 0; group--)
        {
            _cancellation.ThrowIfCancellationRequested();
            WriteBitmaps(group);
            if (_geometry.HasSuperblock(group))
                WriteBackup(group, backup, descriptors);
        }

        WriteBitmaps(0);
        var table = _geometry.OffsetOf(_geometry.FirstDataBlock + 1);
        _window.Write(table, descriptors);
        WriteReservedDescriptors(table + descriptors.Length);
        // Last, so that a file system that was not finished is not taken for one.
        _window.Write(ExtSuperblock.Size, superblock.Raw);
        _window.Drain();
    }

    private void WriteReservedDescriptors(long position)
    {
        var table = new ResizeTable(_geometry);
        var block = _buffer.AsSpan(0, BlockSize);
        for (var i = 0u; i < _geometry.ReservedGdtBlocks; i++)
        {
            table.FillPrimaryBlock(i, block);
            _window.Write(position + i * BlockSize, block);
        }
    }

    private void WriteBitmaps(uint group)
    {
        var both = _buffer.AsSpan(0, 2 * BlockSize);
        _allocator.CopyBitmaps(group, both[..BlockSize], both[BlockSize..]);
        _window.Write(_geometry.OffsetOf(_geometry.BlockBitmap(group)), both);
    }

    private void WriteBackup(uint group, ExtSuperblock superblock, byte[] descriptors)
    {
        superblock.BlockGroupNumber = (ushort)Math.Min(group, ushort.MaxValue);
        var copy = new byte[BlockSize + descriptors.Length];
        superblock.Raw.CopyTo(copy);
        descriptors.CopyTo(copy, BlockSize);
        _window.Write(_geometry.OffsetOf(_geometry.FirstBlock(group)), copy);
    }

    private byte[] MakeDescriptors()
    {
        var table = new byte[_geometry.DescriptorBlocks * BlockSize];
        for (var group = 0u; group < _geometry.GroupCount; group++)
        {
            var counts = _allocator.Counts[(int)group];
            var descriptor = new GroupDescriptor(table.AsSpan((int)group * GroupDescriptor.Size))
            {
                BlockBitmap = _geometry.BlockBitmap(group),
                InodeBitmap = _geometry.InodeBitmap(group),
                InodeTable = _geometry.InodeTable(group),
                FreeBlocksCount = (ushort)counts.FreeBlocks,
                FreeInodesCount = (ushort)counts.FreeInodes,
                UsedDirsCount = (ushort)counts.Directories,
                Flags = GroupDescriptor.InodeTableZeroed,
            };
        }

        return table;
    }

    private ExtSuperblock MakeSuperblock()
    {
        var now = (uint)_now.Seconds;
        var superblock = ExtSuperblockTemplate.For(_geometry, now);
        superblock.ReservedBlocksCount = _options.ReservedBlocks;
        superblock.FreeBlocksCount = _allocator.FreeBlocks;
        superblock.FreeInodesCount = _allocator.FreeInodes;
        superblock.Uuid = _options.Uuid;
        superblock.Label = _options.Label;
        superblock.HashSeed = _options.HashSeed;
        superblock.JournalInode = ExtInode.Journal;
        superblock.JournalBackupType = 1;
        _journal.Pointers.CopyTo(superblock.JournalBackup);
        BinaryPrimitives.WriteUInt32LittleEndian(superblock.JournalBackup[60..], (uint)(_journal.Size >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(superblock.JournalBackup[64..], (uint)_journal.Size);
        return superblock;
    }

    private void ClearBookkeeping()
    {
        _window.Clear(0, Math.Min(ExtSuperblock.Size, _window.Length));
        for (var group = 0u; group < _geometry.GroupCount; group++)
        {
            _cancellation.ThrowIfCancellationRequested();
            _window.Clear(_geometry.OffsetOf(_geometry.FirstBlock(group)),
                (long)_geometry.OverheadIn(group) * BlockSize);
        }

        // RAID and ZFS keep labels at the end, which would make the image look like theirs.
        var tail = Math.Min(64 * 1024, _window.Length);
        _window.Clear(_window.Length - tail, tail);
    }

    private void StampSystemFile(ExtInode inode)
    {
        inode.SetType(ExtFileType.RegularFile, 0x180);
        inode.LinksCount = 1;
        (inode.Accessed, inode.Modified, inode.Changed) = (_now, _now, _now);
    }

    private ExtInode NewInode() => new(_geometry.InodeSize) { Created = _now };
}
