using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Ext.Shrink;

/// <summary>
/// What the steps of a shrinking share: changes that wait for the next transaction, and the counts that go with them.
/// A transaction begins and ends with a sound file system, so that any number of them may happen before a crash.
/// </summary>
internal sealed class ShrinkState
{
    private const int MostStagedBytes = 16 << 20;
    private const int CopyBytes = 1 << 20;

    private readonly SortedDictionary<uint, byte[]> _changed = [];
    private readonly Dictionary<uint, byte[]> _fresh = [];
    private readonly HashSet<uint> _changedDescriptors = [];
    private readonly byte[] _buffer = new byte[CopyBytes];
    private readonly int _capacity;
    private readonly int _limit;
    private JournalTransaction? _journal;
    private (uint From, uint To, uint Count) _copy;
    private uint _next;

    /// <param name="fileSystem">A sound file system with an empty journal.</param>
    /// <param name="target">The geometry that it shall have.</param>
    public ShrinkState(ExtFileSystem fileSystem, ExtGeometry target)
    {
        Window = new GatheringWindow(fileSystem.Window);
        Old = fileSystem.Geometry;
        Target = target;
        Superblock = new ExtSuperblock(fileSystem.Superblock.Raw);
        Table = ReadTable(fileSystem);
        // A kernel lets these lag behind.
        (Superblock.FreeBlocksCount, Superblock.FreeInodesCount) = CountFree(Old.GroupCount);
        _capacity = JournalTransaction.Open(fileSystem).Capacity;
        _limit = Math.Min(_capacity, MostStagedBytes / Old.BlockSize);
        _next = Old.FirstDataBlock;
    }

    public Window Window { get; }

    /// <summary>The geometry until the end is cut off.</summary>
    public ExtGeometry Old { get; }

    /// <summary>The geometry afterwards.</summary>
    public ExtGeometry Target { get; }

    /// <summary>The superblock as the next transaction leaves it.</summary>
    public ExtSuperblock Superblock { get; }

    /// <summary>The group descriptors of the old geometry, as the next transaction leaves them.</summary>
    public byte[] Table { get; }

    public int BlockSize => Old.BlockSize;

    /// <summary>Blocks that the next transaction changes so far.</summary>
    private int Staged => _changed.Count + _changedDescriptors.Count + 1;

    /// <summary>The descriptors of all groups.</summary>
    public static byte[] ReadTable(ExtFileSystem fileSystem)
    {
        var geometry = fileSystem.Geometry;
        var table = new byte[geometry.DescriptorBlocks * geometry.BlockSize];
        fileSystem.Window.Read(geometry.OffsetOf(geometry.FirstDataBlock + 1), table);
        return table;
    }

    /// <summary>The free blocks and inodes of the first groups.</summary>
    public (uint Blocks, uint Inodes) CountFree(uint groups)
    {
        uint blocks = 0, inodes = 0;
        for (var group = 0u; group < groups; group++)
        {
            blocks += Descriptor(group).FreeBlocksCount;
            inodes += Descriptor(group).FreeInodesCount;
        }

        return (blocks, inodes);
    }

    public GroupDescriptor Descriptor(uint group) => new(Table.AsSpan((int)group * GroupDescriptor.Size));

    /// <summary>The file system as it is on disk.</summary>
    public ExtFileSystem Reopen() => ExtFileSystem.Open(Window);

    /// <summary>A block with what was changed in it; not to be written to.</summary>
    public byte[] Peek(uint block)
    {
        if (_changed.TryGetValue(block, out var staged) || _fresh.TryGetValue(block, out staged))
            return staged;
        var content = new byte[BlockSize];
        Window.Read(Old.OffsetOf(block), content);
        return content;
    }

    /// <summary>A block to change; valid until the next <see cref="EnsureRoom"/> or <see cref="Commit"/>.</summary>
    public byte[] Edit(uint block)
    {
        if (_fresh.TryGetValue(block, out var staged) || _changed.TryGetValue(block, out staged))
            return staged;
        return _changed[block] = Peek(block);
    }

    /// <summary>Content of a block that nothing led to before: it is written before the transaction, and not through
    /// the log.</summary>
    public void AddFresh(uint block, byte[] content) => _fresh[block] = content;

    /// <summary>The block of the inode table, and the place in it, that an inode has.</summary>
    public (uint Block, int At) PlaceOfInode(uint number)
    {
        var group = (number - 1) / Old.InodesPerGroup;
        var offset = (long)((number - 1) % Old.InodesPerGroup) * Old.InodeSize;
        return (Descriptor(group).InodeTable + (uint)(offset / BlockSize), (int)(offset % BlockSize));
    }

    /// <summary>The bytes of an inode, to change.</summary>
    public Span<byte> EditInode(uint number)
    {
        var (block, at) = PlaceOfInode(number);
        return Edit(block).AsSpan(at, Old.InodeSize);
    }

    public ExtInode PeekInode(uint number)
    {
        var (block, at) = PlaceOfInode(number);
        return new ExtInode(Peek(block).AsSpan(at, Old.InodeSize));
    }

    /// <summary>Takes free blocks side by side, below the new end.</summary>
    public (uint Start, uint Count) Take(uint most)
    {
        var start = _next < Target.BlocksCount ? Target.GroupOf(_next) : 0;
        var from = _next < Target.BlocksCount ? _next - Target.FirstBlock(start) : 0;
        for (var step = 0u; step <= Target.GroupCount; step++, from = 0)
        {
            var group = (start + step) % Target.GroupCount;
            var descriptor = Descriptor(group);
            if (descriptor.FreeBlocksCount == 0)
                continue;
            var size = Target.BlocksIn(group);
            var bitmap = Peek(descriptor.BlockBitmap);
            var first = ExtBitmap.FirstClear(bitmap, from, size);
            if (first == size)
                continue;
            var end = ExtBitmap.FirstSet(bitmap, first, Math.Min(size, first + Math.Min(most, size)));
            var block = Target.FirstBlock(group) + first;
            Mark(block, end - first, used: true);
            _next = block + (end - first);
            return (block, end - first);
        }

        throw ExtCorrupt.Because("no block is free where the counts say that there are some.");
    }

    /// <summary>Gives blocks side by side back.</summary>
    public void Free(uint block, uint count) => Mark(block, count, used: false);

    /// <summary>Marks blocks in the bitmaps, those that are marked so already too, and counts what changed.</summary>
    public void Mark(uint block, uint count, bool used)
    {
        while (count > 0)
        {
            var group = Old.GroupOf(block);
            var first = block - Old.FirstBlock(group);
            var part = Math.Min(count, Old.BlocksIn(group) - first);
            var descriptor = Descriptor(group);
            var bitmap = Edit(descriptor.BlockBitmap);
            var changed = Count(bitmap, first, first + part, !used);
            ExtBitmap.Fill(bitmap, first, first + part, used);
            descriptor.FreeBlocksCount = (ushort)(descriptor.FreeBlocksCount + (used ? -changed : changed));
            Superblock.FreeBlocksCount = (uint)(Superblock.FreeBlocksCount + (used ? -changed : changed));
            ChangeDescriptor(group);
            if (!used)
                Forget(block, part);
            (block, count) = (block + part, count - part);
        }
    }

    /// <summary>Takes a free inode of a group that stays.</summary>
    public uint TakeInode(bool isDirectory)
    {
        for (var group = 0u; group < Target.GroupCount; group++)
        {
            if (Descriptor(group).FreeInodesCount == 0)
                continue;
            var bit = ExtBitmap.FirstClear(Peek(Descriptor(group).InodeBitmap), 0, Old.InodesPerGroup);
            if (bit == Old.InodesPerGroup)
                continue;
            var number = group * Old.InodesPerGroup + bit + 1;
            MarkInode(number, isDirectory, used: true);
            return number;
        }

        throw ExtCorrupt.Because("no inode is free where the counts say that there are some.");
    }

    /// <summary>Gives an inode back.</summary>
    public void FreeInode(uint number, bool isDirectory) => MarkInode(number, isDirectory, used: false);

    /// <summary>Copies blocks, at the latest with the transaction. Where zeros come onto zeros nothing is written, so
    /// that a sparse file stays sparse.</summary>
    public void Copy(uint from, uint to, uint count)
    {
        // Small files often lie one behind the other, here and there.
        if (from != _copy.From + _copy.Count || to != _copy.To + _copy.Count)
        {
            FinishCopy();
            _copy = (from, to, 0);
        }

        _copy.Count += count;
    }

    /// <summary>Copies what is left to be copied.</summary>
    public void FinishCopy()
    {
        var (from, to, count) = _copy;
        _copy = default;
        for (var done = 0u; done < count;)
        {
            var blocks = Math.Min(count - done, (uint)(CopyBytes / BlockSize));
            var chunk = _buffer.AsSpan(0, (int)blocks * BlockSize);
            Window.Read(Old.OffsetOf(from + done), chunk);
            if (chunk.ContainsAnyExcept((byte)0) || !ReadsAsZeros(to + done, blocks))
                Window.Write(Old.OffsetOf(to + done), chunk);
            done += blocks;
        }
    }

    /// <summary>Begins a new transaction when so many more changed blocks would make this one too large.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> when they are too many for
    /// any.</exception>
    public void EnsureRoom(int blocks)
    {
        if (Staged + _fresh.Count + blocks > _limit)
            Commit();
        if (1 + blocks > _capacity)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                $"One file needs {blocks} blocks changed at once, more than the journal of the file system holds.",
                "Make a new image of the size that you want, with Resize-OverlayImage -InodeCount, or use resize2fs.");
    }

    /// <summary>Whether so many more changed blocks fit into this transaction.</summary>
    public bool HasRoom(int blocks) => Staged + blocks <= _capacity;

    /// <summary>Makes all that was staged durable, at once.</summary>
    public void Commit()
    {
        FinishCopy();
        if (_changed.Count + _fresh.Count + _changedDescriptors.Count == 0)
            return;
        foreach (var (block, content) in _fresh)
            Window.Write(Old.OffsetOf(block), content);
        var transaction = new SortedDictionary<uint, byte[]>(_changed);
        foreach (var index in _changedDescriptors)
            transaction[Old.FirstDataBlock + 1 + index] = Table.AsSpan((int)index * BlockSize, BlockSize).ToArray();
        Superblock.WriteTime = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var first = Peek(Old.FirstDataBlock).ToArray();
        Superblock.Raw.CopyTo(first.AsSpan((int)(ExtSuperblock.Size - Old.OffsetOf(Old.FirstDataBlock))));
        transaction[Old.FirstDataBlock] = first;
        // What is fresh, and copied, reaches the disk with the log, before the log counts.
        _journal ??= JournalTransaction.Open(Reopen());
        _journal.Commit(transaction);
        _changed.Clear();
        _fresh.Clear();
        _changedDescriptors.Clear();
    }

    /// <summary>Has journal and superblock looked at anew before the next transaction.</summary>
    public void ForgetJournal() => _journal = null;

    /// <summary>The inodes in use in these groups, in their order. Changes of others than the present one, made
    /// meanwhile, are seen late.</summary>
    public IEnumerable<(uint Number, ExtInode Inode)> UsedInodes(uint firstGroup, uint endGroup)
    {
        var perBlock = BlockSize / Old.InodeSize;
        for (var group = firstGroup; group < endGroup; group++)
        {
            var bitmap = Peek(Descriptor(group).InodeBitmap).ToArray();
            var table = Descriptor(group).InodeTable;
            byte[]? content = null;
            var contentOf = uint.MaxValue;
            for (var bit = ExtBitmap.FirstSet(bitmap, 0, Old.InodesPerGroup); bit < Old.InodesPerGroup;
                bit = ExtBitmap.FirstSet(bitmap, bit + 1, Old.InodesPerGroup))
            {
                var block = bit / (uint)perBlock;
                if (block != contentOf)
                    (content, contentOf) = (Peek(table + block).ToArray(), block);
                yield return (group * Old.InodesPerGroup + bit + 1,
                    new ExtInode(content.AsSpan((int)(bit % perBlock) * Old.InodeSize, Old.InodeSize)));
            }
        }
    }

    /// <summary>The pointer at a place in a block.</summary>
    public static uint Pointer(ReadOnlySpan<byte> block, int at) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block[at..]);

    /// <summary>Changes a pointer at a place in a block.</summary>
    public void SetPointer(uint block, int at, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(Edit(block).AsSpan(at), value);

    /// <summary>Has the descriptor of a group written with the next transaction.</summary>
    public void ChangeDescriptor(uint group) => _changedDescriptors.Add(group / Old.DescriptorsPerBlock);

    private void MarkInode(uint number, bool isDirectory, bool used)
    {
        var group = (number - 1) / Old.InodesPerGroup;
        var bit = (number - 1) % Old.InodesPerGroup;
        var step = used ? -1 : 1;
        var descriptor = Descriptor(group);
        ExtBitmap.Fill(Edit(descriptor.InodeBitmap), bit, bit + 1, used);
        descriptor.FreeInodesCount = (ushort)(descriptor.FreeInodesCount + step);
        if (isDirectory)
            descriptor.UsedDirsCount = (ushort)(descriptor.UsedDirsCount - step);
        Superblock.FreeInodesCount = (uint)(Superblock.FreeInodesCount + step);
        ChangeDescriptor(group);
    }

    private void Forget(uint first, uint count)
    {
        if (_changed.Count + _fresh.Count == 0)
            return;
        for (var block = first; block < first + count; block++)
        {
            _changed.Remove(block);
            _fresh.Remove(block);
        }
    }

    private bool ReadsAsZeros(uint first, uint count)
    {
        var bytes = new byte[count * BlockSize];
        Window.Read(Old.OffsetOf(first), bytes);
        return !bytes.AsSpan().ContainsAnyExcept((byte)0);
    }

    private static int Count(ReadOnlySpan<byte> bitmap, uint first, uint end, bool value)
    {
        var count = 0;
        for (var bit = first; bit < end; bit++)
        {
            if (ExtBitmap.IsSet(bitmap, bit) == value)
                count++;
        }

        return count;
    }
}
