using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>
/// Gives a file its blocks in ascending order and writes the indirect blocks, each before the data that it leads to,
/// so that a file lies on disk in the order in which it is read.
/// </summary>
internal sealed class BlockMapWriter
{
    private readonly ExtAllocator _allocator;
    private readonly Window _window;
    private readonly int _blockSize;
    private readonly BlockMapMath _math;
    private readonly uint[] _roots = new uint[ExtInode.PointerCount];
    private readonly IndirectBlock _leaf;
    private readonly IndirectBlock _middle;
    private readonly IndirectBlock _top;

    public BlockMapWriter(ExtAllocator allocator, Window window, int blockSize)
    {
        _allocator = allocator;
        _window = window;
        _blockSize = blockSize;
        _math = new BlockMapMath(blockSize);
        _leaf = new IndirectBlock(blockSize);
        _middle = new IndirectBlock(blockSize);
        _top = new IndirectBlock(blockSize);
    }

    /// <summary>Blocks taken so far, indirect ones included.</summary>
    public uint BlocksTaken { get; private set; }

    /// <summary>Takes blocks that lie side by side on disk for the file's blocks from <paramref name="logical"/>
    /// on.</summary>
    /// <param name="logical">Block number in the file, above all that went before.</param>
    /// <param name="most">How many are wanted.</param>
    /// <returns>The first block on disk and how many there are; at least 1.</returns>
    public (uint Start, uint Count) Take(long logical, long most)
    {
        var (depth, leaf, middle, slot) = _math.PathTo(logical);
        if (depth > 0)
            MakePath(depth, leaf, middle);
        var run = _allocator.TakeBlocks((uint)Math.Min(most, _math.RestOfLeaf(logical)));
        BlocksTaken += run.Count;
        for (var i = 0u; i < run.Count; i++)
        {
            if (depth == 0)
                _roots[slot + i] = run.Start + i;
            else
                _leaf.Set(slot + (int)i, run.Start + i);
        }

        return run;
    }

    /// <summary>Writes what is pending, and the pointers into the inode.</summary>
    public void Finish(ExtInode inode)
    {
        _leaf.Flush(_window);
        _middle.Flush(_window);
        _top.Flush(_window);
        for (var i = 0; i < _roots.Length; i++)
            inode.Pointer(i, _roots[i]);
        inode.Sectors = checked(inode.Sectors + BlocksTaken * (uint)(_blockSize / 512));
    }

    private void MakePath(int depth, long leaf, long middle)
    {
        var fan = _blockSize / 4;
        if (depth == 3 && _top.Number < 0)
            _roots[14] = Start(_top, 0);
        if (depth >= 2 && middle != _middle.Number)
        {
            var block = Start(_middle, middle);
            if (depth == 2)
                _roots[13] = block;
            else
                _top.Set((int)(middle - 1), block);
        }

        if (leaf == _leaf.Number)
            return;
        var leafBlock = Start(_leaf, leaf);
        if (depth == 1)
            _roots[12] = leafBlock;
        else
            _middle.Set((int)((leaf - 1) % fan), leafBlock);
    }

    private uint Start(IndirectBlock indirect, long number)
    {
        indirect.Flush(_window);
        var block = _allocator.TakeBlocks(1).Start;
        BlocksTaken++;
        indirect.Begin(number, block);
        return block;
    }

    private sealed class IndirectBlock(int blockSize)
    {
        // Most files have none.
        private byte[] _bytes = [];
        private uint _block;

        public long Number { get; private set; } = -1;

        public void Begin(long number, uint block)
        {
            Number = number;
            _block = block;
            if (_bytes.Length == 0)
                _bytes = new byte[blockSize];
            else
                Array.Clear(_bytes);
        }

        public void Set(int slot, uint block) => BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(slot * 4), block);

        public void Flush(Window window)
        {
            if (_block != 0)
                window.Write((long)_block * blockSize, _bytes);
            _block = 0;
        }
    }
}
