using System.Buffers.Binary;
using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Containers;

/// <summary>
/// Makes the only directory at the root of a squashfs its root. sqfstar passes over the root in an archive, and gives its
/// own the owner that runs it, the time of day, and no attributes; so the tree is packed one directory deeper, and the
/// superblock then leads to that directory.
/// </summary>
/// <remarks>Directories are written after what is in them, so that the inode in front of the root's is that of its only
/// entry; how long it is follows from what it holds (squashfs_fs.h: struct squashfs_dir_inode, squashfs_ldir_inode). No
/// block has to be unpacked for that: 2 bytes in front of each say how long it is.</remarks>
internal static class SquashfsRoot
{
    private const uint Magic = 0x73717368;
    private const int SuperblockSize = 96;
    private const int RootInodeAt = 32;
    private const int InodeTableAt = 64;
    private const int DirectoryTableAt = 72;

    private const int BlockSize = 8192;
    private const int StoredAsIs = 0x8000;

    // A basic directory's inode, and one with attributes; with more than a block of entries it has an index besides.
    private const int InodeSize = 32;
    private const int LongInodeSize = 40;
    private const int HeaderSize = 12;
    private const int EntrySize = 8;

    /// <summary>Whether the length of the directory's inode is certain: its entries, each with a header of its own at
    /// worst, need no index.</summary>
    public static bool CanLift(ExtNode root) =>
        root.Children.Sum(child => HeaderSize + EntrySize + child.Name.Bytes.Length) < BlockSize - 256;

    /// <summary>Lets the superblock lead to the directory.</summary>
    /// <param name="file">The squashfs.</param>
    /// <param name="hasAttributes">Whether the directory has attributes.</param>
    /// <returns>What the superblock said before; null when the file is not as expected, and was not changed.</returns>
    public static ulong? Lift(Window file, bool hasAttributes)
    {
        var superblock = new byte[SuperblockSize];
        file.Read(0, superblock);
        if (BinaryPrimitives.ReadUInt32LittleEndian(superblock) != Magic)
            return null;
        var reference = BinaryPrimitives.ReadUInt64LittleEndian(superblock.AsSpan(RootInodeAt));
        var table = BinaryPrimitives.ReadInt64LittleEndian(superblock.AsSpan(InodeTableAt));
        var end = BinaryPrimitives.ReadInt64LittleEndian(superblock.AsSpan(DirectoryTableAt));
        var (block, offset) = ((long)(reference >> 16), (int)(reference & 0xFFFF) - (hasAttributes ? LongInodeSize : InodeSize));
        if (offset < 0)
        {
            if (BlockBefore(file, table, end, block) is not { } before)
                return null;
            (block, offset) = (before, offset + BlockSize);
        }

        Point(file, (ulong)block << 16 | (uint)offset);
        return reference;
    }

    /// <summary>Lets the superblock lead to an inode.</summary>
    public static void Point(Window file, ulong reference)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, reference);
        file.Write(RootInodeAt, bytes);
    }

    private static long? BlockBefore(Window file, long table, long end, long block)
    {
        var header = new byte[2];
        long? before = null;
        for (var at = 0L; at < block; at += 2 + (BinaryPrimitives.ReadUInt16LittleEndian(header) & ~StoredAsIs))
        {
            if (table + at + 2 > end)
                return null;
            file.Read(table + at, header);
            before = at;
        }

        return before;
    }
}
