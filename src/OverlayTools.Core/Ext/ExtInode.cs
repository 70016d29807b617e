using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>An inode (<c>struct ext2_inode_large</c>), 128 bytes or more.</summary>
public sealed class ExtInode
{
    internal const uint BadBlocks = 1;
    internal const uint Root = 2;
    internal const uint BootLoader = 5;
    internal const uint Resize = 7;
    internal const uint Journal = 8;
    internal const uint LostAndFound = 11;

    internal const uint ExtentsFlag = 0x80000;
    internal const uint InlineDataFlag = 0x10000000;
    internal const uint AttributeInodeFlag = 0x200000;
    internal const uint HashIndexFlag = 0x1000;
    internal const uint ImmutableFlag = 0x10;
    internal const uint AppendFlag = 0x20;
    internal const uint MagicDirectoryFlag = 0x2000;

    /// <summary>The flags that a user sets with chattr and that mean the same on every ext2 and ext3
    /// (<c>EXT2_FL_USER_MODIFIABLE</c>, less what compressed and ext4 files have).</summary>
    internal const uint UserFlags = 0x0001C0FB | TopDirectoryFlag;
    internal const uint TopDirectoryFlag = 0x20000;
    internal const int OldSize = 128;
    internal const int PointerCount = 15;
    internal const int DirectCount = 12;
    internal const int PointerBytes = PointerCount * 4;

    private const int TypeShift = 12;
    private const ushort ExtraSize = 32;

    private readonly byte[] _raw;

    /// <summary>An empty inode of this many bytes, with the extra fields in use when they fit.</summary>
    internal ExtInode(int size)
    {
        _raw = new byte[size];
        if (size > OldSize)
            U16(0x80, ExtraSize);
    }

    internal ExtInode(ReadOnlySpan<byte> raw) => _raw = raw.ToArray();

    internal ReadOnlySpan<byte> Raw => _raw;

    /// <summary>Kind and permissions (<c>i_mode</c>).</summary>
    public ushort Mode { get => U16(0x00); internal set => U16(0x00, value); }

    /// <summary>The kind that the mode gives.</summary>
    public ExtFileType FileType => (Mode >> TypeShift) switch
    {
        1 => ExtFileType.Fifo,
        2 => ExtFileType.CharacterDevice,
        4 => ExtFileType.Directory,
        6 => ExtFileType.BlockDevice,
        8 => ExtFileType.RegularFile,
        10 => ExtFileType.SymbolicLink,
        12 => ExtFileType.Socket,
        _ => ExtFileType.Unknown,
    };

    /// <summary>Permission bits, set-id and sticky bits included.</summary>
    public uint Permissions => Mode & 0xFFFu;

    /// <summary>The owner, all 32 bits (<c>i_uid</c>, <c>l_i_uid_high</c>).</summary>
    public uint UserId
    {
        get => U16(0x02) | (uint)U16(0x78) << 16;
        internal set
        {
            U16(0x02, (ushort)value);
            U16(0x78, (ushort)(value >> 16));
        }
    }

    /// <summary>The group, all 32 bits (<c>i_gid</c>, <c>l_i_gid_high</c>).</summary>
    public uint GroupId
    {
        get => U16(0x18) | (uint)U16(0x7A) << 16;
        internal set
        {
            U16(0x18, (ushort)value);
            U16(0x7A, (ushort)(value >> 16));
        }
    }

    /// <summary>Bytes (<c>i_size</c>, <c>i_size_high</c>); unsigned on disk, so a damaged one may be
    /// negative.</summary>
    public long Size
    {
        get => FileType is ExtFileType.RegularFile or ExtFileType.Directory
            ? U32(0x04) | (long)U32(0x6C) << 32
            : U32(0x04);
        internal set
        {
            U32(0x04, (uint)value);
            U32(0x6C, (uint)(value >> 32));
        }
    }

    /// <summary>Last access (<c>i_atime</c>).</summary>
    public ExtTime Accessed { get => Time(0x08, 0x8C); internal set => Time(0x08, 0x8C, value); }

    /// <summary>Last change of the inode (<c>i_ctime</c>).</summary>
    public ExtTime Changed { get => Time(0x0C, 0x84); internal set => Time(0x0C, 0x84, value); }

    /// <summary>Last change of the content (<c>i_mtime</c>).</summary>
    public ExtTime Modified { get => Time(0x10, 0x88); internal set => Time(0x10, 0x88, value); }

    /// <summary>When the inode was made (<c>i_crtime</c>); <see cref="Changed"/> where the inode is too small for
    /// it.</summary>
    public ExtTime Created { get => HasExtra(0x90) ? Time(0x90, 0x94) : Changed; internal set => Time(0x90, 0x94, value); }

    /// <summary>When it was deleted, or the next orphan (<c>i_dtime</c>).</summary>
    internal uint DeletionTime { get => U32(0x14); set => U32(0x14, value); }

    /// <summary>Names that it has (<c>i_links_count</c>).</summary>
    public ushort LinksCount { get => U16(0x1A); internal set => U16(0x1A, value); }

    /// <summary>Sectors of 512 bytes that it occupies, indirect blocks included (<c>i_blocks</c>).</summary>
    public uint Sectors { get => U32(0x1C); internal set => U32(0x1C, value); }

    /// <summary><c>i_flags</c>.</summary>
    internal uint Flags { get => U32(0x20); set => U32(0x20, value); }

    /// <summary>The 60 bytes of <c>i_block</c>: pointers, a short link's target or a device number.</summary>
    internal Span<byte> Pointers => _raw.AsSpan(0x28, PointerBytes);

    /// <summary>Distinguishes the files that have this number one after the other (<c>i_generation</c>).</summary>
    internal uint Generation { get => U32(0x64); set => U32(0x64, value); }

    /// <summary>The block of extended attributes (<c>i_file_acl</c>).</summary>
    internal uint AttributeBlock { get => U32(0x68); set => U32(0x68, value); }

    /// <summary>The major and minor number of a device; null for other kinds.</summary>
    public (uint Major, uint Minor)? Device
    {
        get
        {
            if (FileType is not (ExtFileType.CharacterDevice or ExtFileType.BlockDevice))
                return null;
            // Numbers below 256 use the first word, others the second (kernel, old_decode_dev and new_decode_dev).
            var old = Pointer(0);
            if (old != 0)
                return (old >> 8 & 0xFF, old & 0xFF);
            var wide = Pointer(1);
            return (wide >> 8 & 0xFFF, wide & 0xFF | wide >> 12 & 0xFFF00);
        }
    }

    /// <summary>Whether the target of a symbolic link lies in the inode itself.</summary>
    internal bool IsFastLink => FileType == ExtFileType.SymbolicLink && Size < PointerBytes && (Flags & ExtentsFlag) == 0
        && (Sectors == 0 || AttributeBlock != 0);

    /// <summary>All 64 bits of the size, whatever the kind (<c>EXT2_I_SIZE</c>).</summary>
    internal ulong RawSize => U32(0x04) | (ulong)U32(0x6C) << 32;

    /// <summary><c>i_size_high</c>.</summary>
    internal uint SizeHigh => U32(0x6C);

    /// <summary><c>i_faddr</c>, which nothing uses.</summary>
    internal uint FragmentAddress => U32(0x70);

    /// <summary><c>l_i_blocks_hi</c>, which ext3 does not use.</summary>
    internal ushort SectorsHigh => U16(0x74);

    /// <summary><c>l_i_file_acl_high</c>, which ext3 does not use.</summary>
    internal ushort AttributeBlockHigh => U16(0x76);

    /// <summary>Bytes in use after the first 128 (<c>i_extra_isize</c>); 0 in an inode of 128 bytes.</summary>
    internal ushort ExtraBytes => _raw.Length > OldSize ? U16(0x80) : (ushort)0;

    /// <summary>What lies behind the fields in use, up to the end of the inode: room for extended attributes. Nothing
    /// where the inode has none, or says so wrongly; an inode that uses no such fields does not say where they
    /// would end.</summary>
    internal Span<byte> Body =>
        ExtraBytes is > 0 && ExtraBytes % 4 == 0 ? _raw.AsSpan(Math.Min(_raw.Length, OldSize + ExtraBytes)) : [];

    internal uint Pointer(int index) => U32(0x28 + 4 * index);

    internal void Pointer(int index, uint block) => U32(0x28 + 4 * index, block);

    internal void SetType(ExtFileType type, uint permissions)
    {
        var kind = type switch
        {
            ExtFileType.Fifo => 1,
            ExtFileType.CharacterDevice => 2,
            ExtFileType.Directory => 4,
            ExtFileType.BlockDevice => 6,
            ExtFileType.RegularFile => 8,
            ExtFileType.SymbolicLink => 10,
            ExtFileType.Socket => 12,
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
        };
        Mode = (ushort)(kind << TypeShift | (int)(permissions & 0xFFF));
    }

    internal void SetDevice(uint major, uint minor)
    {
        if (major < 256 && minor < 256)
            Pointer(0, major << 8 | minor);
        else
            Pointer(1, minor & 0xFF | major << 8 | (minor & ~0xFFu) << 12);
    }

    private bool HasExtra(int offset) => _raw.Length > OldSize && OldSize + U16(0x80) >= offset + 4;

    private ExtTime Time(int offset, int extra) =>
        ExtTime.Decode(U32(offset), HasExtra(extra) ? U32(extra) : 0);

    private void Time(int offset, int extra, ExtTime value)
    {
        var (low, high) = value.Encode();
        if (offset < OldSize || HasExtra(offset))
            U32(offset, low);
        if (HasExtra(extra))
            U32(extra, high);
    }

    private uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_raw.AsSpan(offset));

    private void U32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_raw.AsSpan(offset), value);

    private ushort U16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_raw.AsSpan(offset));

    private void U16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_raw.AsSpan(offset), value);
}
