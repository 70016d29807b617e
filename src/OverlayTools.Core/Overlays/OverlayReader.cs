using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Reads what an overlay image says about itself, without mounting it.</summary>
internal static class OverlayReader
{
    /// <summary>Describes the overlay in a range of an open file.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/> or <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static OverlayImage Describe(SafeFileHandle file, string path, uint? id, long offset, long length)
    {
        var fileSystem = ExtFileSystem.Open(new FileWindow(file, offset, length));
        var superblock = fileSystem.Superblock;
        var owner = fileSystem.Find("/upper") is { } upper ? fileSystem.ReadInode(upper) : null;
        return new OverlayImage
        {
            Path = path,
            Id = id,
            SizeBytes = (long)superblock.BlocksCount * superblock.BlockSize,
            FreeBytes = (long)superblock.FreeBlocksCount * superblock.BlockSize,
            InodeCount = superblock.InodesCount,
            FreeInodeCount = superblock.FreeInodesCount,
            AllocatedBytes = (long)Statx.Of(file, path).Sectors * 512,
            BlockSize = superblock.BlockSize,
            Uuid = superblock.Uuid,
            OwnerUserId = owner?.UserId,
            OwnerGroupId = owner?.GroupId,
        };
    }
}
