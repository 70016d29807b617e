using System.Buffers.Binary;

namespace OverlayTools.Squashfs;

/// <summary>A place in a chain of metadata blocks, which moves on with what is read.</summary>
internal sealed class MetadataCursor
{
    private readonly MetadataBlocks _blocks;
    private MetadataBlocks.Block _block;
    private int _offset;

    public MetadataCursor(MetadataBlocks blocks, long position, int offset)
    {
        _blocks = blocks;
        _block = blocks.Read(position);
        _offset = offset <= _block.Data.Length
            ? offset
            : throw SquashfsCorrupt.At("metadata block", position, $"something shall start at its byte {offset} of {_block.Data.Length}");
    }

    /// <summary>Where the block lies that is being read, for errors.</summary>
    public long Position => _block.Position;

    public void Read(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            Skip(ref _block, ref _offset);
            var count = Math.Min(buffer.Length, _block.Data.Length - _offset);
            _block.Data.AsSpan(_offset, count).CopyTo(buffer);
            _offset += count;
            buffer = buffer[count..];
        }
    }

    public void Skip(int count)
    {
        while (count > 0)
        {
            Skip(ref _block, ref _offset);
            var step = Math.Min(count, _block.Data.Length - _offset);
            _offset += step;
            count -= step;
        }
    }

    public ushort U16()
    {
        Span<byte> bytes = stackalloc byte[2];
        Read(bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    public uint U32()
    {
        Span<byte> bytes = stackalloc byte[4];
        Read(bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public long I64()
    {
        Span<byte> bytes = stackalloc byte[8];
        Read(bytes);
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    /// <summary>The same place, to come back to.</summary>
    public MetadataCursor Copy() => new(_blocks, _block.Position, _offset);

    // Only when something is read: what ends a table ends with its block, and there may be none behind it.
    private void Skip(ref MetadataBlocks.Block block, ref int offset)
    {
        if (offset < block.Data.Length)
            return;
        block = _blocks.Read(block.Next);
        offset = 0;
    }
}
