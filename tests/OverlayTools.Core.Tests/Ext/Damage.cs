using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Damages images in ways that a seed decides.</summary>
internal static class Damage
{
    private static readonly string[] s_inodeFields =
    [
        "mode", "uid", "size", "atime", "ctime", "mtime", "dtime", "links_count", "blocks", "flags", "block[0]",
        "block[1]", "block[IND]", "block[DIND]", "block[TIND]", "file_acl", "faddr", "size_high", "generation", "extra_isize",
    ];

    private static readonly string[] s_superblockFields =
    [
        "inodes_count", "blocks_count", "r_blocks_count", "free_blocks_count", "free_inodes_count", "blocks_per_group",
        "clusters_per_group", "inodes_per_group", "mnt_count", "state", "errors", "first_ino", "inode_size",
        "feature_compat", "feature_ro_compat", "journal_inum", "last_orphan", "def_hash_version", "min_extra_isize",
        "want_extra_isize", "flags", "reserved_gdt_blocks", "hash_seed", "uuid", "error_count", "prealloc_dir_blocks",
    ];

    /// <summary>Does one damage and says which.</summary>
    public static string Do(Ext3Image image, Random random)
    {
        var used = UsedInodes(image);
        var inode = used[random.Next(used.Count)];
        var value = random.Next(6) switch
        {
            0 => 0L,
            1 => 1L,
            2 => random.Next(100_000),
            3 => 0x41ED,
            4 => 0x81A4,
            _ => random.NextInt64(uint.MaxValue),
        };
        return random.Next(14) switch
        {
            0 or 1 => ByDebugfs(image, $"sif <{inode}> {s_inodeFields[random.Next(s_inodeFields.Length)]} {value}"),
            2 => ByDebugfs(image, $"ssv {s_superblockFields[random.Next(s_superblockFields.Length)]} {value}"),
            3 => ByDebugfs(image, $"clri <{inode}>"),
            4 => ByDebugfs(image, $"{(random.Next(2) == 0 ? "freei" : "seti")} <{inode + random.Next(3)}>"),
            5 => ByDebugfs(image, $"{(random.Next(2) == 0 ? "freeb" : "setb")} {random.Next(1, 8000)} {random.Next(1, 4)}"),
            6 => ByDebugfs(image, $"set_bg 0 {new[] { "block_bitmap", "inode_bitmap", "inode_table", "free_blocks_count", "free_inodes_count", "used_dirs_count", "flags", "itable_unused" }[random.Next(8)]} {value}"),
            _ => Flip(image, inode, random),
        };
    }

    /// <summary>Changes bytes of metadata: one bit, or a whole number.</summary>
    public static string Flip(Ext3Image image, uint inode, Random random)
    {
        using var file = image.Open();
        var window = new FileWindow(file);
        var (what, start, length) = Place(ExtFileSystem.Open(window), inode, random);
        var at = start + random.Next(length);
        var bytes = new byte[random.Next(4) == 0 ? 4 : 1];
        window.Read(at, bytes);
        if (bytes.Length == 1)
            bytes[0] ^= (byte)(1 << random.Next(8));
        else
            random.NextBytes(bytes);
        window.Write(at, bytes);
        return $"{what}: {bytes.Length} byte(s) at +{at - start}";
    }

    private static (string What, long Start, int Length) Place(ExtFileSystem fileSystem, uint inode, Random random)
    {
        var geometry = fileSystem.Geometry;
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        var group = (uint)random.Next((int)geometry.GroupCount);
        var descriptor = fileSystem.ReadGroup(group, buffer);
        var found = fileSystem.ReadInode(inode);
        var size = geometry.BlockSize;
        var block = found.Pointer(random.Next(14)) is var pointer && pointer > 0 && pointer < geometry.BlocksCount ? pointer : 0;
        switch (random.Next(9))
        {
            case 0:
                return ("superblock", 1024, 0x110);
            case 1:
                return ($"descriptor {group}", geometry.OffsetOf(geometry.FirstDataBlock + 1) + group * 32, 0x1E);
            case 2:
                return ($"block bitmap {group}", geometry.OffsetOf(descriptor.BlockBitmap), size);
            case 3:
                return ($"inode bitmap {group}", geometry.OffsetOf(descriptor.InodeBitmap), size);
            case 4 when found.AttributeBlock != 0:
                return ($"attributes of {inode}", geometry.OffsetOf(found.AttributeBlock), random.Next(2) == 0 ? 64 : size);
            case 5 when found.FileType == ExtFileType.Directory && block != 0:
                return ($"directory {inode}", geometry.OffsetOf(block), random.Next(2) == 0 ? 64 : size);
            case 6 when found.Pointer(12) != 0 && found.FileType is ExtFileType.RegularFile or ExtFileType.Directory:
                return ($"indirect block of {inode}", geometry.OffsetOf(found.Pointer(12 + random.Next(found.Pointer(13) != 0 ? 2 : 1))), size);
            case 7:
                return ("journal superblock", geometry.OffsetOf(fileSystem.ReadInode(8).Pointer(0)), 0x44);
            default:
                return ($"inode {inode}", fileSystem.OffsetOfInode(inode), geometry.InodeSize);
        }
    }

    private static string ByDebugfs(Ext3Image image, string command)
    {
        Machine.Run("debugfs", "-w", "-R", command, image.Path);
        return command;
    }

    // Half of the choices are the inodes that are not just one of many files.
    private static List<uint> UsedInodes(Ext3Image image) => image.Read(fileSystem =>
    {
        var found = new List<uint> { 2, 7, 8, 11 };
        for (var number = 12u; number <= fileSystem.Superblock.InodesCount && found.Count < 400; number++)
        {
            var inode = fileSystem.ReadInode(number);
            if (inode.Mode == 0)
                continue;
            for (var i = 0; i < (inode.FileType == ExtFileType.Directory || inode.AttributeBlock != 0 || inode.Sectors > 100 ? 15 : 1); i++)
                found.Add(number);
        }

        return found;
    });
}
