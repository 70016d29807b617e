using OverlayTools.Ext;

namespace OverlayTools.Squashfs;

/// <summary>An inode (<c>union squashfs_inode</c>), of any kind, basic or extended.</summary>
internal sealed class SquashfsInode
{
    /// <summary>Where no fragment is (<c>SQUASHFS_INVALID_FRAG</c>).</summary>
    public const uint NoFragment = uint.MaxValue;

    /// <summary>Where no attributes are (<c>SQUASHFS_INVALID_XATTR</c>).</summary>
    public const uint NoAttributes = uint.MaxValue;

    // The kernel makes no longer ones, but the format would allow any.
    private const int LongestLink = 65535;

    /// <summary>What directory entries call it by: position of its block in the table, and offset in there.</summary>
    public required long Reference { get; init; }

    public required ExtFileType Type { get; init; }

    public required uint Permissions { get; init; }

    public required int UserIndex { get; init; }

    public required int GroupIndex { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public required uint Modified { get; init; }

    public required uint Number { get; init; }

    public uint Links { get; private set; } = 1;

    /// <summary>Bytes of a file; of a directory, bytes of its entries and three more.</summary>
    public long Size { get; private set; }

    /// <summary>First block of a file's data; of a directory's entries, counted from their table.</summary>
    public long Start { get; private set; }

    public uint Fragment { get; private set; } = NoFragment;

    /// <summary>Where a file's tail starts in its fragment, or a directory's entries in their block.</summary>
    public uint Offset { get; private set; }

    public uint Attributes { get; private set; } = NoAttributes;

    public (uint Major, uint Minor)? Device { get; private set; }

    public byte[] Target { get; private set; } = [];

    /// <summary>Where the sizes of a file's blocks follow.</summary>
    public MetadataCursor? BlockSizes { get; private set; }

    /// <summary>Reads the inode at the cursor.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public static SquashfsInode Read(MetadataCursor cursor, long reference)
    {
        var at = cursor.Position;
        var kind = cursor.U16();
        var isExtended = kind > 7;
        var inode = new SquashfsInode
        {
            Reference = reference,
            Type = TypeOf(isExtended ? kind - 7 : kind) ?? throw SquashfsCorrupt.At("inode in the block", at, $"its type is {kind}"),
            Permissions = cursor.U16() & 0xFFFu,
            UserIndex = cursor.U16(),
            GroupIndex = cursor.U16(),
            Modified = cursor.U32(),
            Number = cursor.U32(),
        };
        inode.ReadRest(cursor, isExtended);
        return inode;
    }

    /// <summary>The kind of file, by the numbers of inodes and directory entries (<c>SQUASHFS_DIR_TYPE</c> and on).</summary>
    private static ExtFileType? TypeOf(int number) => number switch
    {
        1 => ExtFileType.Directory,
        2 => ExtFileType.RegularFile,
        3 => ExtFileType.SymbolicLink,
        4 => ExtFileType.BlockDevice,
        5 => ExtFileType.CharacterDevice,
        6 => ExtFileType.Fifo,
        7 => ExtFileType.Socket,
        _ => null,
    };

    private void ReadRest(MetadataCursor cursor, bool isExtended)
    {
        switch (Type)
        {
            case ExtFileType.Directory when isExtended:
                Links = cursor.U32();
                Size = cursor.U32();
                Start = cursor.U32();
                _ = cursor.U32(); // the directory above
                _ = cursor.U16(); // entries of the index, which follow
                Offset = cursor.U16();
                Attributes = cursor.U32();
                break;
            case ExtFileType.Directory:
                Start = cursor.U32();
                Links = cursor.U32();
                Size = cursor.U16();
                Offset = cursor.U16();
                break;
            case ExtFileType.RegularFile when isExtended:
                Start = cursor.I64();
                Size = cursor.I64();
                _ = cursor.I64(); // bytes in holes
                Links = cursor.U32();
                Fragment = cursor.U32();
                Offset = cursor.U32();
                Attributes = cursor.U32();
                BlockSizes = cursor;
                break;
            case ExtFileType.RegularFile:
                Start = cursor.U32();
                Fragment = cursor.U32();
                Offset = cursor.U32();
                Size = cursor.U32();
                BlockSizes = cursor;
                break;
            case ExtFileType.SymbolicLink:
                Links = cursor.U32();
                ReadTarget(cursor);
                Attributes = isExtended ? cursor.U32() : NoAttributes;
                break;
            case ExtFileType.BlockDevice or ExtFileType.CharacterDevice:
                Links = cursor.U32();
                var device = cursor.U32();
                // new_decode_dev
                Device = (device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00);
                Attributes = isExtended ? cursor.U32() : NoAttributes;
                break;
            default:
                Links = cursor.U32();
                Attributes = isExtended ? cursor.U32() : NoAttributes;
                break;
        }

        if (Size < 0)
            throw SquashfsCorrupt.Because($"inode {Number} has a size of {Size}.");
    }

    private void ReadTarget(MetadataCursor cursor)
    {
        var length = cursor.U32();
        if (length is 0 or > LongestLink)
            throw SquashfsCorrupt.Because($"the symbolic link, inode {Number}, has a target of {length} bytes.");
        Size = length;
        Target = new byte[length];
        cursor.Read(Target);
    }
}
