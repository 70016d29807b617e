using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>
/// Reads the extended attributes of an inode, from the space behind its fields and from its block of attributes.
/// Nothing on disk is believed.
/// </summary>
internal sealed class InodeAttributes
{
    /// <summary>The most bytes of a value (<c>XATTR_SIZE_MAX</c>).</summary>
    private const int MostValueBytes = 1 << 16;

    private readonly ExtFileSystem _fileSystem;
    private readonly uint _number;
    private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);

    private InodeAttributes(ExtFileSystem fileSystem, uint number)
    {
        _fileSystem = fileSystem;
        _number = number;
    }

    /// <summary>Values by full name, in the form of the system calls.</summary>
    public IReadOnlyDictionary<string, byte[]> Values => _values;

    /// <summary>What the attribute <c>system.data</c> holds: a file's content after its first 60 bytes, where that lies
    /// in the inode.</summary>
    public byte[] InlineData { get; private set; } = [];

    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>.</exception>
    public static InodeAttributes Read(ExtFileSystem fileSystem, uint number, ExtInode inode)
    {
        var attributes = new InodeAttributes(fileSystem, number);
        // The kernel looks into the inode first: what is there hides what is in the block.
        attributes.ReadBody(inode);
        attributes.ReadBlock(inode);
        return attributes;
    }

    private void ReadBody(ExtInode inode)
    {
        if (inode.Raw.Length <= ExtInode.OldSize)
            return;
        if (inode.ExtraBytes > inode.Raw.Length - ExtInode.OldSize)
            throw Corrupt($"claims to use {inode.ExtraBytes} bytes after the first 128");
        var body = inode.Body;
        if (body.Length > sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(body) == AttributeBlock.MagicNumber)
            Parse(body[sizeof(uint)..], 0);
    }

    private void ReadBlock(ExtInode inode)
    {
        var block = inode.AttributeBlock;
        var geometry = _fileSystem.Geometry;
        if (_fileSystem.Superblock.Has64Bit && inode.AttributeBlockHigh != 0)
            throw Corrupt("has its extended attributes outside the file system");
        if (block == 0)
            return;
        if (block <= geometry.FirstDataBlock || block >= geometry.BlocksCount)
            throw Corrupt($"has its extended attributes in block {block}, outside the file system");
        var bytes = new byte[geometry.BlockSize];
        _fileSystem.Window.Read(geometry.OffsetOf(block), bytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != AttributeBlock.MagicNumber
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8)) != 1)
            throw Corrupt($"has its extended attributes in block {block}, which holds something else");
        Parse(bytes, AttributeBlock.HeaderSize);
    }

    /// <param name="area">What offsets of values count from.</param>
    /// <param name="at">Where the first entry is.</param>
    private void Parse(ReadOnlySpan<byte> area, int at)
    {
        while (at <= area.Length - sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(area[at..]) != 0)
        {
            if (at > area.Length - AttributeBlock.EntrySize || at + AttributeBlock.EntrySize + area[at] > area.Length)
                throw Corrupt("has an extended attribute whose name does not fit");
            var entry = area[at..];
            var name = entry.Slice(AttributeBlock.EntrySize, entry[0]);
            var index = entry[1];
            var value = Value(area, entry);
            at += AttributeBlock.EntrySize + AttributeBlock.Padded(name.Length);
            if (index == AttributeEntry.SystemIndex && name.SequenceEqual("data"u8))
                InlineData = value.ToArray();
            else if (AttributeEntry.FullName(index, name) is { } fullName && !_values.ContainsKey(fullName))
                _values.Add(fullName, AttributeEntry.ForUser(index, value));
        }
    }

    private ReadOnlySpan<byte> Value(ReadOnlySpan<byte> area, ReadOnlySpan<byte> entry)
    {
        int offset = BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]);
        var inode = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
        var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
        if (length > MostValueBytes)
            throw Corrupt($"has an extended attribute of {length} bytes");
        if (inode != 0)
            return OtherInode(inode, (int)length);
        if (length > 0 && offset > area.Length - (int)length)
            throw Corrupt("has an extended attribute whose value does not fit");
        return length == 0 ? default : area.Slice(offset, (int)length);
    }

    // The feature ea_inode: a large value is a file of its own.
    private byte[] OtherInode(uint number, int length)
    {
        if ((_fileSystem.Superblock.FeatureIncompat & ExtFeatures.IncompatEaInode) == 0)
            throw Corrupt("has an extended attribute outside of the file system's means");
        var inode = _fileSystem.ReadInode(number);
        // One that lay in an inode itself, through an attribute, could go round in a circle.
        if ((inode.Flags & (ExtInode.AttributeInodeFlag | ExtInode.InlineDataFlag)) != ExtInode.AttributeInodeFlag
            || inode.Size != length)
            throw Corrupt($"has an extended attribute in inode {number}, which holds something else");
        var value = new byte[length];
        using var stream = _fileSystem.OpenFile(number);
        stream.ReadExactly(value);
        return value;
    }

    private EngineException Corrupt(string what) => ExtCorrupt.At($"inode {_number}", _fileSystem.OffsetOfInode(_number), "it " + what);
}
