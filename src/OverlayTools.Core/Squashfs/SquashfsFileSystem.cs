using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Squashfs;

/// <summary>An entry of a directory.</summary>
/// <param name="Name">The name.</param>
/// <param name="Inode">What its inode is called by.</param>
internal readonly record struct SquashfsDirectoryEntry(ExtName Name, long Inode);

/// <summary>
/// Reads a squashfs 4.0 file system (kernel, <c>Documentation/filesystems/squashfs.rst</c>). Nothing on disk is believed:
/// whatever does not fit raises <see cref="ErrorIds.SquashfsCorrupt"/>. What is held in memory does not grow with the file
/// system. One object serves one thread at a time.
/// </summary>
internal sealed class SquashfsFileSystem
{
    private const int FragmentEntrySize = 16;
    private const int FragmentsKept = 8;
    private const int PlainBit = 1 << 24;

    private readonly Window _window;
    private readonly BlockDecompressor _decompressor;
    private readonly MetadataBlocks _metadata;
    private readonly SquashfsTable _ids;
    private readonly SquashfsTable _fragments;
    private readonly SquashfsAttributes? _attributes;
    private readonly Dictionary<int, uint> _knownIds = [];
    private readonly (uint Number, byte[]? Data, int Length)[] _keptFragments = new (uint, byte[]?, int)[FragmentsKept];
    private byte[] _compressed = [];

    private SquashfsFileSystem(Window window, SquashfsSuperblock superblock)
    {
        _window = window;
        Superblock = superblock;
        _decompressor = new BlockDecompressor(superblock.Compression);
        _metadata = new MetadataBlocks(window, superblock.BytesUsed, _decompressor);
        _ids = new SquashfsTable(
            window, _metadata, "table of ids", superblock.IdTable, superblock.BytesUsed, superblock.Ids, sizeof(uint));
        _fragments = new SquashfsTable(window, _metadata, "table of fragments",
            superblock.FragmentTable, superblock.BytesUsed, superblock.Fragments, FragmentEntrySize);
        _attributes = superblock.AttributeTable == SquashfsSuperblock.NoTable ? null : new(window, _metadata, superblock);
    }

    /// <summary>Sizes, compression, and where the tables lie.</summary>
    public SquashfsSuperblock Superblock { get; }

    /// <summary>What the root directory's inode is called by.</summary>
    public long Root => Superblock.RootInode;

    /// <summary>Opens a file system: reads and checks the superblock.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.ImageNotRecognized"/>,
    /// <see cref="ErrorIds.SquashfsUnsupported"/>, <see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public static SquashfsFileSystem Open(Window window) => new(window, SquashfsSuperblock.Read(window));

    /// <summary>Reads an inode.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public SquashfsInode ReadInode(long reference)
    {
        var block = reference >> 16;
        if (block < 0 || block >= Superblock.DirectoryTable - Superblock.InodeTable)
            throw SquashfsCorrupt.Because($"an inode shall be in the block at {block} of their table, which ends before.");
        return SquashfsInode.Read(_metadata.At(Superblock.InodeTable + block, (int)(reference & 0xFFFF)), reference);
    }

    /// <summary>The entries of a directory in the order of their bytes, which the format asks for.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>, also in the middle.</exception>
    public IEnumerable<SquashfsDirectoryEntry> ReadDirectory(SquashfsInode directory)
    {
        // '.' and '..' are not stored, but counted.
        var left = directory.Size - 3;
        if (left <= 0)
            yield break;
        var cursor = _metadata.At(Superblock.DirectoryTable + directory.Start, (int)directory.Offset);
        var before = default(ExtName);
        while (left > 0)
        {
            var count = (long)cursor.U32() + 1;
            long block = cursor.U32();
            _ = cursor.U32();
            left -= 12;
            if (count > 256 || left < 0)
                throw Broken($"a header for {count} entries");
            for (; count > 0; count--)
            {
                var offset = cursor.U16();
                _ = cursor.U16();
                _ = cursor.U16();
                var name = ReadName(cursor);
                left -= 8 + name.Bytes.Length;
                if (left < 0 || before.Bytes.SequenceCompareTo(name.Bytes) >= 0)
                    throw Broken($"'{name}' does not follow '{before}'");
                yield return new SquashfsDirectoryEntry(name, block << 16 | offset);
                before = name;
            }
        }

        EngineException Broken(string what) =>
            SquashfsCorrupt.Because($"the directory, inode {directory.Number}, cannot be read: {what}.");
    }

    /// <summary>The entry of that name in a directory.</summary>
    public long? Find(SquashfsInode directory, ExtName name)
    {
        foreach (var entry in ReadDirectory(directory))
        {
            var order = entry.Name.Bytes.SequenceCompareTo(name.Bytes);
            if (order == 0)
                return entry.Inode;
            if (order > 0)
                return null;
        }

        return null;
    }

    /// <summary>Opens the content of a regular file; holes read as zeros.</summary>
    public SquashfsFileStream OpenFile(SquashfsInode file) => new(this, file);

    /// <summary>The extended attributes by full name.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public IReadOnlyDictionary<string, byte[]> ReadAttributes(SquashfsInode inode)
    {
        if (inode.Attributes == SquashfsInode.NoAttributes)
            return System.Collections.ObjectModel.ReadOnlyDictionary<string, byte[]>.Empty;
        return _attributes is { } attributes
            ? attributes.Read(inode.Attributes)
            : throw SquashfsCorrupt.Because($"inode {inode.Number} has attributes, and there is no table of them.");
    }

    /// <summary>The id that an inode names by its place in the table.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public uint ReadId(int index) =>
        _knownIds.TryGetValue(index, out var known) ? known : _knownIds[index] = _ids.At(index).U32();

    /// <summary>Reads a block of data.</summary>
    /// <param name="position">Where it lies.</param>
    /// <param name="word">Its size on disk, with the bit that says whether it is compressed.</param>
    /// <param name="into">Where it goes.</param>
    /// <returns>Bytes that came out.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public int ReadBlock(long position, uint word, Span<byte> into)
    {
        var size = (int)(word & (PlainBit - 1));
        if (size == 0 || size > Superblock.BlockSize || position < SquashfsSuperblock.Size || position > Superblock.BytesUsed - size)
            throw SquashfsCorrupt.At("data block", position, $"it has {size} bytes on disk");
        if ((word & PlainBit) != 0)
        {
            if (size > into.Length)
                throw SquashfsCorrupt.At("data block", position, $"it has {size} bytes, which are too many");
            _window.Read(position, into[..size]);
            return size;
        }

        if (_compressed.Length < size)
            _compressed = new byte[Superblock.BlockSize];
        _window.Read(position, _compressed.AsSpan(0, size));
        return _decompressor.Decompress(_compressed, size, into, position);
    }

    /// <summary>A block of tails; valid until the next is read.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public ReadOnlySpan<byte> ReadFragment(uint number)
    {
        ref var slot = ref _keptFragments[number % FragmentsKept];
        if (slot.Data is { } kept && slot.Number == number)
            return kept.AsSpan(0, slot.Length);
        var cursor = _fragments.At(number);
        var position = cursor.I64();
        var word = cursor.U32();
        var data = slot.Data ?? new byte[Superblock.BlockSize];
        slot.Data = null; // what a failure leaves in it is not kept
        var length = ReadBlock(position, word, data);
        slot = (number, data, length);
        return data.AsSpan(0, length);
    }

    private static ExtName ReadName(MetadataCursor cursor)
    {
        var length = cursor.U16() + 1;
        if (length > ExtName.MaxLength)
            throw SquashfsCorrupt.At("directory in the block", cursor.Position, $"a name of {length} bytes");
        Span<byte> bytes = stackalloc byte[ExtName.MaxLength];
        bytes = bytes[..length];
        cursor.Read(bytes);
        try
        {
            return new ExtName(bytes);
        }
        catch (EngineException error)
        {
            throw SquashfsCorrupt.At("directory in the block", cursor.Position, error.Message.TrimEnd('.'), error);
        }
    }
}
