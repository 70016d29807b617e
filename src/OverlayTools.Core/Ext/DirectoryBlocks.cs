using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>Packs entries (<c>struct ext2_dir_entry_2</c>) into the blocks of a directory, one after the other.</summary>
internal sealed class DirectoryBlocks
{
    /// <summary>Bytes before the name: inode, length of the record, length of the name, kind.</summary>
    public const int HeaderSize = 8;

    private readonly int _blockSize;
    private readonly List<byte[]> _blocks = [];
    private int _last;
    private int _used;

    public DirectoryBlocks(int blockSize)
    {
        _blockSize = blockSize;
        StartBlock();
    }

    /// <summary>The finished blocks.</summary>
    public IReadOnlyList<byte[]> Blocks => _blocks;

    /// <summary>Bytes of an entry: names are padded to four.</summary>
    public static int SizeOf(int nameLength) => (HeaderSize + nameLength + 3) & ~3;

    /// <summary>Blocks that a directory without an index, with names of these lengths, has.</summary>
    public static long Count(IEnumerable<int> nameLengths, int blockSize)
    {
        var count = 1L;
        var used = SizeOf(1) + SizeOf(2);
        foreach (var length in nameLengths)
        {
            var size = SizeOf(length);
            if (used + size > blockSize)
            {
                count++;
                used = 0;
            }

            used += size;
        }

        return count;
    }

    public void Add(ReadOnlySpan<byte> name, uint inode, ExtFileType type)
    {
        var size = SizeOf(name.Length);
        if (_used + size > _blockSize)
            StartBlock();
        var block = _blocks[^1];
        // The last entry of a block reaches to its end; it gives up what it does not need.
        if (_used > 0)
            SetRecordLength(block, _last, _used - _last);
        var entry = block.AsSpan(_used);
        BinaryPrimitives.WriteUInt32LittleEndian(entry, inode);
        entry[6] = (byte)name.Length;
        entry[7] = (byte)type;
        name.CopyTo(entry[HeaderSize..]);
        SetRecordLength(block, _used, _blockSize - _used);
        _last = _used;
        _used += size;
    }

    /// <summary>Adds empty blocks until there are so many.</summary>
    public void PadTo(int count)
    {
        while (_blocks.Count < count)
            StartBlock();
    }

    /// <summary>Adds a block that is written elsewhere.</summary>
    public void Add(byte[] block)
    {
        _blocks.Add(block);
        _used = _blockSize;
    }

    /// <summary>Adds an empty block, to which the next names go.</summary>
    public void StartBlock()
    {
        var block = new byte[_blockSize];
        SetRecordLength(block, 0, _blockSize);
        _blocks.Add(block);
        (_last, _used) = (0, 0);
    }

    /// <summary>Bytes of the record that an entry begins.</summary>
    public static int RecordLength(ReadOnlySpan<byte> entry, int blockSize)
    {
        var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[4..]);
        return length is 0 or ushort.MaxValue && blockSize > ushort.MaxValue ? blockSize : length;
    }

    // A record of 65536 bytes is written as 65535 (kernel, ext4_rec_len_to_disk).
    private static void SetRecordLength(byte[] block, int offset, int length) =>
        BinaryPrimitives.WriteUInt16LittleEndian(block.AsSpan(offset + 4), (ushort)Math.Min(length, ushort.MaxValue));
}
