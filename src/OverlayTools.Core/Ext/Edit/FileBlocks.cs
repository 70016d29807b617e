using System.Buffers.Binary;

namespace OverlayTools.Ext.Edit;

/// <summary>The blocks of one file, for changing: the pointers in its inode and the indirect blocks. Who uses it writes
/// the inode afterwards.</summary>
internal sealed class FileBlocks
{
    private readonly EditState _state;
    private readonly ExtInode _inode;
    private readonly uint _number;
    private readonly uint _fan;

    public FileBlocks(EditState state, uint number, ExtInode inode)
    {
        _state = state;
        _number = number;
        _inode = inode;
        _fan = state.Geometry.PointersPerBlock;
    }

    private StagedBlocks Stage => _state.Stage;

    /// <summary>The block on disk of the file's block, or 0 for a hole.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public uint Find(long logical)
    {
        Span<int> slots = stackalloc int[3];
        var depth = Path(logical, slots, out var slot);
        var block = Checked(_inode.Pointer(depth == 0 ? slot : 11 + depth));
        for (var level = 0; level < depth && block != 0; level++)
            block = Checked(Pointer(Stage.Read(block), slots[level]));
        return block;
    }

    /// <summary>The block of a directory or of something else that has no holes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public uint Need(long logical)
    {
        var block = logical < _state.MapMath.MaxBlocks ? Find(logical) : 0;
        return block != 0 ? block : throw ExtCorrupt.Because($"inode {_number} has no block {logical}.");
    }

    /// <summary>Gives the file a block, and the indirect blocks that lead to it.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/> or
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public void Set(long logical, uint block)
    {
        Span<int> slots = stackalloc int[3];
        var depth = Path(logical, slots, out var slot);
        if (depth == 0)
        {
            _inode.Pointer(slot, block);
            return;
        }

        var at = Checked(_inode.Pointer(11 + depth));
        if (at == 0)
            _inode.Pointer(11 + depth, at = Grow(block));
        for (var level = 0; level < depth - 1; level++)
        {
            var next = Checked(Pointer(Stage.Read(at), slots[level]));
            if (next == 0)
            {
                next = Grow(block);
                Pointer(Stage.Change(at), slots[level], next);
            }

            at = next;
        }

        Pointer(Stage.Change(at), slots[depth - 1], block);
    }

    /// <summary>Counts blocks into <c>i_blocks</c>, or out of it.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/> when it counted fewer than it
    /// has.</exception>
    public void Count(long blocks)
    {
        var sectors = _inode.Sectors + blocks * _state.SectorsPerBlock;
        if (sectors is < 0 or > uint.MaxValue)
            throw ExtCorrupt.Because($"inode {_number} counts {_inode.Sectors} sectors, which cannot be.");
        _inode.Sectors = (uint)sectors;
    }

    /// <summary>Frees the file's blocks from one on, and the indirect blocks that then lead nowhere.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public void FreeFrom(long logical, CancellationToken cancellation = default)
    {
        for (var i = (int)Math.Min(logical, ExtInode.DirectCount); i < ExtInode.DirectCount; i++)
        {
            var block = Checked(_inode.Pointer(i));
            if (block == 0)
                continue;
            Free(block);
            _inode.Pointer(i, 0);
        }

        long start = ExtInode.DirectCount, span = _fan;
        for (var depth = 1; depth <= 3; depth++, start += span, span *= _fan)
        {
            var block = Checked(_inode.Pointer(11 + depth));
            if (block != 0 && start + span > logical && Prune(block, depth, start, logical, cancellation))
                _inode.Pointer(11 + depth, 0);
        }
    }

    /// <returns>Whether nothing is left of the tree, so that its block was freed too.</returns>
    private bool Prune(uint block, int depth, long start, long from, CancellationToken cancellation)
    {
        if (depth > 1)
            cancellation.ThrowIfCancellationRequested();
        var span = 1L;
        for (var i = 1; i < depth; i++)
            span *= _fan;
        // What hangs below is changed meanwhile.
        var pointers = Stage.Read(block).ToArray();
        var isEmpty = true;
        for (var slot = 0; slot < (int)_fan; slot++, start += span)
        {
            var below = Checked(Pointer(pointers, slot));
            if (below == 0)
                continue;
            var isGone = start + span > from;
            if (isGone && depth == 1)
                Free(below);
            else if (isGone)
                isGone = Prune(below, depth - 1, start, from, cancellation);
            if (isGone)
                Pointer(pointers, slot, 0);
            else
                isEmpty = false;
        }

        // A block that is led to twice is free the second time, which is an error: so a damaged tree has an end.
        if (isEmpty)
            Free(block);
        else if (!Stage.Read(block).SequenceEqual(pointers))
            pointers.CopyTo(Stage.Change(block));
        return isEmpty;
    }

    private void Free(uint block)
    {
        _state.Groups.Free(block);
        Count(-1);
    }

    private uint Grow(uint goal)
    {
        var block = _state.Groups.Take(goal);
        Stage.Begin(block);
        Count(1);
        return block;
    }

    private int Path(long logical, Span<int> slots, out int slot)
    {
        if (logical < 0 || logical >= _state.MapMath.MaxBlocks)
            throw ExtCorrupt.Because($"inode {_number} has no block {logical}.");
        (var depth, var leaf, var middle, slot) = _state.MapMath.PathTo(logical);
        if (depth == 0)
            return 0;
        slots[depth - 1] = slot;
        if (depth >= 2)
            slots[depth - 2] = (int)((leaf - 1) % _fan);
        if (depth == 3)
            slots[0] = (int)(middle - 1);
        return depth;
    }

    private uint Checked(uint block)
    {
        if (block != 0)
            _state.Groups.RequireOrdinary(block);
        return block;
    }

    private static uint Pointer(ReadOnlySpan<byte> block, int slot) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block[(slot * 4)..]);

    private static void Pointer(Span<byte> block, int slot, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(block[(slot * 4)..], value);
}
