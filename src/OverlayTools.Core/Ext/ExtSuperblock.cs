using System.Buffers.Binary;
using System.Text;
using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>
/// The superblock (<c>struct ext2_super_block</c>): 1024 bytes at offset 1024. Fields that are not named here keep
/// their bytes.
/// </summary>
public sealed class ExtSuperblock
{
    /// <summary>Bytes of a superblock, and the offset of the primary one.</summary>
    internal const int Size = 1024;
    internal const ushort MagicNumber = 0xEF53;
    internal const ushort StateValid = 1;
    internal const ushort StateErrors = 2;
    internal const uint SignedHash = 1;
    internal const uint UnsignedHash = 2;

    private readonly byte[] _raw;

    internal ExtSuperblock()
        : this(new byte[Size])
    {
    }

    internal ExtSuperblock(ReadOnlySpan<byte> raw) => _raw = raw[..Size].ToArray();

    internal ReadOnlySpan<byte> Raw => _raw;

    /// <summary>Inodes in all (<c>s_inodes_count</c>).</summary>
    public uint InodesCount { get => U32(0x00); internal set => U32(0x00, value); }

    /// <summary>Blocks in all (<c>s_blocks_count</c>).</summary>
    public uint BlocksCount { get => U32(0x04); internal set => U32(0x04, value); }

    /// <summary>Blocks that only the superuser may fill (<c>s_r_blocks_count</c>).</summary>
    public uint ReservedBlocksCount { get => U32(0x08); internal set => U32(0x08, value); }

    /// <summary>Free blocks (<c>s_free_blocks_count</c>).</summary>
    public uint FreeBlocksCount { get => U32(0x0C); internal set => U32(0x0C, value); }

    /// <summary>Free inodes (<c>s_free_inodes_count</c>).</summary>
    public uint FreeInodesCount { get => U32(0x10); internal set => U32(0x10, value); }

    /// <summary>The first block of group 0 (<c>s_first_data_block</c>): 1 with blocks of 1024 bytes, else 0.</summary>
    public uint FirstDataBlock { get => U32(0x14); internal set => U32(0x14, value); }

    /// <summary><c>s_log_block_size</c>: the block size is 1024 shifted left by it.</summary>
    internal uint LogBlockSize { get => U32(0x18); set => U32(0x18, value); }

    /// <summary><c>s_log_cluster_size</c>.</summary>
    internal uint LogClusterSize { get => U32(0x1C); set => U32(0x1C, value); }

    /// <summary>Blocks of a whole group (<c>s_blocks_per_group</c>).</summary>
    public uint BlocksPerGroup { get => U32(0x20); internal set => U32(0x20, value); }

    /// <summary><c>s_clusters_per_group</c>.</summary>
    internal uint ClustersPerGroup { get => U32(0x24); set => U32(0x24, value); }

    /// <summary>Inodes of a group (<c>s_inodes_per_group</c>).</summary>
    public uint InodesPerGroup { get => U32(0x28); internal set => U32(0x28, value); }

    /// <summary>When it was last written, in seconds since 1970 (<c>s_wtime</c>).</summary>
    internal uint WriteTime { get => U32(0x30); set => U32(0x30, value); }

    /// <summary>When it was last mounted (<c>s_mtime</c>).</summary>
    internal uint MountTime => U32(0x2C);

    /// <summary><c>s_max_mnt_count</c>: mounts between checks, -1 for never.</summary>
    internal ushort MaxMountCount { set => U16(0x36, value); }

    /// <summary>0xEF53 (<c>s_magic</c>).</summary>
    internal ushort Magic { get => U16(0x38); set => U16(0x38, value); }

    /// <summary>Bit 0: unmounted cleanly; bit 1: errors were found (<c>s_state</c>).</summary>
    public ushort State { get => U16(0x3A); internal set => U16(0x3A, value); }

    /// <summary>What the kernel does about errors (<c>s_errors</c>): 1 continue, 2 read-only, 3 panic.</summary>
    internal ushort Errors { set => U16(0x3C, value); }

    /// <summary>When it was last checked (<c>s_lastcheck</c>).</summary>
    internal uint LastCheck { get => U32(0x40); set => U32(0x40, value); }

    /// <summary><c>s_rev_level</c>: 0 original, 1 dynamic (inode size and features are given).</summary>
    internal uint RevisionLevel { get => U32(0x4C); set => U32(0x4C, value); }

    /// <summary>The first inode that is not reserved (<c>s_first_ino</c>).</summary>
    internal uint FirstInode { get => RevisionLevel == 0 ? 11 : U32(0x54); set => U32(0x54, value); }

    /// <summary>Bytes of an inode (<c>s_inode_size</c>).</summary>
    public ushort InodeSize { get => RevisionLevel == 0 ? (ushort)128 : U16(0x58); internal set => U16(0x58, value); }

    /// <summary>The group that this copy lies in (<c>s_block_group_nr</c>).</summary>
    internal ushort BlockGroupNumber { get => U16(0x5A); set => U16(0x5A, value); }

    /// <summary><c>s_feature_compat</c>.</summary>
    public uint FeatureCompat { get => U32(0x5C); internal set => U32(0x5C, value); }

    /// <summary><c>s_feature_incompat</c>.</summary>
    public uint FeatureIncompat { get => U32(0x60); internal set => U32(0x60, value); }

    /// <summary><c>s_feature_ro_compat</c>.</summary>
    public uint FeatureRoCompat { get => U32(0x64); internal set => U32(0x64, value); }

    /// <summary>The file system's identity (<c>s_uuid</c>).</summary>
    public Guid Uuid
    {
        get => new(_raw.AsSpan(0x68, 16), bigEndian: true);
        internal set => value.TryWriteBytes(_raw.AsSpan(0x68, 16), bigEndian: true, out _);
    }

    /// <summary>The label, at most 16 bytes (<c>s_volume_name</c>).</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayLabelInvalid"/>.</exception>
    public string Label
    {
        get => Text(0x78, 16);
        internal set => Text(0x78, 16, value);
    }

    /// <summary>Blocks that a directory may have beyond its size (<c>s_prealloc_dir_blocks</c>).</summary>
    internal byte PreallocatedDirectoryBlocks => _raw[0xCD];

    /// <summary>Blocks kept in each backup group for a longer descriptor table
    /// (<c>s_reserved_gdt_blocks</c>).</summary>
    public ushort ReservedGdtBlocks { get => U16(0xCE); internal set => U16(0xCE, value); }

    /// <summary>The identity of a journal on another device (<c>s_journal_uuid</c>).</summary>
    internal Guid JournalUuid => new(_raw.AsSpan(0xD0, 16), bigEndian: true);

    /// <summary><c>s_journal_inum</c>.</summary>
    internal uint JournalInode { get => U32(0xE0); set => U32(0xE0, value); }

    /// <summary>Head of the list of inodes to delete (<c>s_last_orphan</c>).</summary>
    internal uint LastOrphan { get => U32(0xE8); set => U32(0xE8, value); }

    /// <summary>The secret of hashed directories (<c>s_hash_seed</c>).</summary>
    public Guid HashSeed
    {
        get => new(_raw.AsSpan(0xEC, 16), bigEndian: true);
        internal set => value.TryWriteBytes(_raw.AsSpan(0xEC, 16), bigEndian: true, out _);
    }

    /// <summary><c>s_def_hash_version</c>: 1 is half MD4.</summary>
    internal byte DefaultHashVersion { get => _raw[0xFC]; set => _raw[0xFC] = value; }

    /// <summary><c>s_jnl_backup_type</c>: 1 says that <see cref="JournalBackup"/> is filled.</summary>
    internal byte JournalBackupType { get => _raw[0xFD]; set => _raw[0xFD] = value; }

    /// <summary>Bytes of a group descriptor (<c>s_desc_size</c>); 0 means 32.</summary>
    internal ushort DescriptorSize => U16(0xFE);

    /// <summary><c>s_default_mount_opts</c>.</summary>
    internal uint DefaultMountOptions { set => U32(0x100, value); }

    /// <summary><c>s_first_meta_bg</c>.</summary>
    internal uint FirstMetaBg => U32(0x104);

    /// <summary>When it was made (<c>s_mkfs_time</c>).</summary>
    internal uint MakeTime { get => U32(0x108); set => U32(0x108, value); }

    /// <summary>A copy of the journal inode's block pointers, its size's high and low half
    /// (<c>s_jnl_blocks</c>).</summary>
    internal Span<byte> JournalBackup => _raw.AsSpan(0x10C, 68);

    /// <summary><c>s_blocks_count_hi</c>, which only <c>64bit</c> has.</summary>
    internal uint BlocksCountHigh => U32(0x150);

    /// <summary>Whether block numbers have 64 bits (<c>64bit</c>).</summary>
    internal bool Has64Bit => (FeatureIncompat & ExtFeatures.Incompat64Bit) != 0;

    /// <summary><c>s_min_extra_isize</c>.</summary>
    internal ushort MinExtraIsize { get => U16(0x15C); set => U16(0x15C, value); }

    /// <summary><c>s_want_extra_isize</c>.</summary>
    internal ushort WantExtraIsize { get => U16(0x15E); set => U16(0x15E, value); }

    /// <summary><c>s_flags</c>: 1 signed, 2 unsigned directory hash.</summary>
    internal uint Flags { get => U32(0x160); set => U32(0x160, value); }

    /// <summary>Errors that were recorded (<c>s_error_count</c>).</summary>
    public uint ErrorCount { get => U32(0x194); internal set => U32(0x194, value); }

    /// <summary>Blocks of metadata that never hold data (<c>s_overhead_clusters</c>); 0 when unknown.</summary>
    internal uint OverheadClusters { get => U32(0x248); set => U32(0x248, value); }

    /// <summary>Bytes of a block.</summary>
    public int BlockSize => 1024 << (int)LogBlockSize;

    /// <summary>Whether the journal has to be replayed before the file system is used.</summary>
    public bool NeedsRecovery
    {
        get => (FeatureIncompat & ExtFeatures.IncompatRecover) != 0;
        internal set => FeatureIncompat = value
            ? FeatureIncompat | ExtFeatures.IncompatRecover
            : FeatureIncompat & ~ExtFeatures.IncompatRecover;
    }

    /// <summary>When what happened to the file system.</summary>
    public ExtHistory History => new(_raw);

    /// <summary>Whether it was unmounted cleanly, as far as the state says.</summary>
    public bool IsValid => (State & StateValid) != 0;

    /// <summary>Whether an error was recorded.</summary>
    public bool HasErrors => (State & StateErrors) != 0 || ErrorCount != 0;

    /// <summary>The features as <c>dumpe2fs</c> names them.</summary>
    public IReadOnlyList<string> Features => ExtFeatures.NamesOf(FeatureCompat, FeatureIncompat, FeatureRoCompat);

    /// <summary>The features because of which Apptainer refuses the image; <c>-has_journal</c> when it has no
    /// journal.</summary>
    public IReadOnlyList<string> UnsupportedByApptainer =>
        ExtFeatures.RefusedByApptainer(FeatureCompat, FeatureIncompat, FeatureRoCompat);

    /// <summary>Whether the bytes at the start of something look like an ext2, ext3 or ext4 file system.</summary>
    public static bool Recognises(Window window)
    {
        if (window.Length < 2 * Size)
            return false;
        Span<byte> magic = stackalloc byte[2];
        window.Read(Size + 0x38, magic);
        return BinaryPrimitives.ReadUInt16LittleEndian(magic) == MagicNumber;
    }

    /// <summary>Reads the primary superblock of any ext2, ext3 or ext4 file system; nothing but the magic number and
    /// the
    /// block size is checked.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/> or
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static ExtSuperblock Read(Window window)
    {
        if (!Recognises(window))
            throw new EngineException(ErrorIds.OverlayNotExt3,
                "This is not an ext3 file system: the number 0xEF53 is not at offset 1080.",
                "Name an overlay image, for example one made by New-OverlayImage.");
        var raw = new byte[Size];
        window.Read(Size, raw);
        var superblock = new ExtSuperblock(raw);
        if (superblock.LogBlockSize > 6)
            throw ExtCorrupt.At("superblock", Size + 0x18, $"the block size exponent is {superblock.LogBlockSize}");
        return superblock;
    }

    private uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_raw.AsSpan(offset));

    private void U32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_raw.AsSpan(offset), value);

    private ushort U16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_raw.AsSpan(offset));

    private void U16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_raw.AsSpan(offset), value);

    private string Text(int offset, int length)
    {
        var bytes = _raw.AsSpan(offset, length);
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private void Text(int offset, int length, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        if (bytes.Length > length || bytes.AsSpan().Contains((byte)0))
            throw new EngineException(ErrorIds.OverlayLabelInvalid,
                $"The label '{value.Replace('\0', '\uFFFD')}' is longer than {length} bytes of UTF-8, or holds a NUL.",
                "Give a shorter label.");
        _raw.AsSpan(offset, length).Clear();
        bytes.CopyTo(_raw, offset);
    }
}
