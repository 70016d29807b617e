using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Squashfs;

/// <summary>A table of entries of one size, in metadata blocks that a list of positions leads to: of ids, fragments, or
/// attributes.</summary>
internal sealed class SquashfsTable(Window window, MetadataBlocks blocks, string name, long list, long listEnd, long count, int entrySize)
{
    private readonly int _perBlock = MetadataBlocks.BlockSize / entrySize;

    /// <summary>A cursor at an entry.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public MetadataCursor At(long index)
    {
        if (index < 0 || index >= count)
            throw SquashfsCorrupt.Because($"entry {index} of the {name} is asked for, and it has {count}.");
        var at = list + index / _perBlock * sizeof(long);
        if (at > listEnd - sizeof(long))
            throw SquashfsCorrupt.At(name, at, "its list of blocks goes past the end");
        Span<byte> position = stackalloc byte[sizeof(long)];
        window.Read(at, position);
        return blocks.At(BinaryPrimitives.ReadInt64LittleEndian(position), (int)(index % _perBlock) * entrySize);
    }
}
