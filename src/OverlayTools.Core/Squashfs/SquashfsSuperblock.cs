using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Squashfs;

/// <summary>The superblock of squashfs 4.0 (<c>struct squashfs_super_block</c>).</summary>
public sealed class SquashfsSuperblock
{
    /// <summary>Bytes on disk.</summary>
    public const int Size = 96;

    /// <summary>A table that is not there has this start.</summary>
    internal const long NoTable = -1;

    private const int LeastBlock = 4096;
    private const int MostBlock = 1 << 20;

    private readonly byte[] _raw;

    private SquashfsSuperblock(byte[] raw) => _raw = raw;

    /// <summary>The first four bytes of every squashfs file system (<c>SQUASHFS_MAGIC</c>).</summary>
    public static ReadOnlySpan<byte> Magic => "hsqs"u8;

    /// <summary>Inodes in all (<c>inodes</c>).</summary>
    public uint Inodes => U32(4);

    /// <summary>When it was made, in seconds since 1970 (<c>mkfs_time</c>).</summary>
    public uint MakeTime => U32(8);

    /// <summary>Bytes in a block of data, a power of two (<c>block_size</c>).</summary>
    public int BlockSize => (int)U32(12);

    /// <summary>Blocks of tails of files (<c>fragments</c>).</summary>
    public uint Fragments => U32(16);

    /// <summary>How blocks are compressed (<c>compression</c>).</summary>
    public SquashfsCompression Compression => (SquashfsCompression)U16(20);

    /// <summary>Bytes of the file system, less the padding at its end (<c>bytes_used</c>).</summary>
    public long BytesUsed => I64(40);

    internal ReadOnlySpan<byte> Raw => _raw;

    internal int BlockLog => U16(22);

    internal int Ids => U16(26);

    internal long RootInode => I64(32);

    internal long IdTable => I64(48);

    internal long AttributeTable => I64(56);

    internal long InodeTable => I64(64);

    internal long DirectoryTable => I64(72);

    internal long FragmentTable => I64(80);

    /// <summary>Reads and checks the superblock.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.ImageNotRecognized"/>,
    /// <see cref="ErrorIds.SquashfsUnsupported"/>, <see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public static SquashfsSuperblock Read(Window window)
    {
        var raw = new byte[Size];
        window.Read(0, raw.AsSpan(0, (int)Math.Min(Size, window.Length)));
        if (!raw.AsSpan().StartsWith(Magic))
            throw new EngineException(ErrorIds.ImageNotRecognized, "This is not a squashfs file system.", "Check which file it is.");
        var superblock = new SquashfsSuperblock(raw);
        if ((superblock.U16(28), superblock.U16(30)) is var (major, minor) and not (4, 0))
            throw new EngineException(ErrorIds.SquashfsUnsupported, $"The squashfs file system is of version {major}.{minor}.",
                "Version 4.0 is read, which every mksquashfs since 2009 makes.");
        superblock.Check(window.Length);
        return superblock;
    }

    private void Check(long length)
    {
        if (length < Size)
            throw SquashfsCorrupt.Because($"it ends after {length} bytes, inside its superblock.");
        if (BlockSize is < LeastBlock or > MostBlock || BlockLog > 20 || 1 << BlockLog != BlockSize)
            throw Field("block_size", 12, BlockSize);
        if (BytesUsed < Size || BytesUsed > length)
            throw Field("bytes_used", 40, BytesUsed);
        if (InodeTable < Size || InodeTable >= BytesUsed)
            throw Field("inode_table_start", 64, InodeTable);
        if (DirectoryTable <= InodeTable || DirectoryTable >= BytesUsed)
            throw Field("directory_table_start", 72, DirectoryTable);
        if (Ids == 0)
            throw Field("no_ids", 26, Ids);
        if (IdTable < Size || IdTable >= BytesUsed)
            throw Field("id_table_start", 48, IdTable);
        if (AttributeTable != NoTable && (AttributeTable < Size || AttributeTable >= BytesUsed))
            throw Field("xattr_id_table_start", 56, AttributeTable);
        if (Fragments != 0 && (FragmentTable < Size || FragmentTable >= BytesUsed))
            throw Field("fragment_table_start", 80, FragmentTable);
    }

    private static EngineException Field(string name, long offset, long value) =>
        SquashfsCorrupt.At($"superblock, {name}", offset, $"it is {value}");

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_raw.AsSpan(at));

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_raw.AsSpan(at));

    private long I64(int at) => BinaryPrimitives.ReadInt64LittleEndian(_raw.AsSpan(at));
}
