using System.Buffers.Binary;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Squashfs;

namespace OverlayTools.Containers;

/// <summary>
/// Makes the only directory at the root of a squashfs its root. sqfstar passes over the root in an archive, and gives its
/// own the owner that runs it, the time of day, and no attributes; so the tree is packed one directory deeper, and the
/// superblock then leads to that directory.
/// </summary>
internal static class SquashfsRoot
{
    /// <summary>What the directory is called in the archive.</summary>
    public const string Name = "r";

    private const int RootInodeAt = 32; // struct squashfs_super_block, root_inode

    /// <summary>Lets the superblock lead to the directory.</summary>
    /// <param name="file">The squashfs.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/> when there is anything else at the root:
    /// then it was not packed as it was asked for.</exception>
    public static void Lift(Window file)
    {
        var packed = SquashfsFileSystem.Open(file);
        var entries = packed.ReadDirectory(packed.ReadInode(packed.Root)).Take(2).ToList();
        if (entries.Count != 1 || entries[0].Name != Name || packed.ReadInode(entries[0].Inode).Type != ExtFileType.Directory)
            throw new EngineException(ErrorIds.HelperFailed, "What was packed is not what was asked for.",
                "Install another version of squashfs-tools, or squashfs-tools-ng.");
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, entries[0].Inode);
        file.Write(RootInodeAt, bytes);
    }
}
