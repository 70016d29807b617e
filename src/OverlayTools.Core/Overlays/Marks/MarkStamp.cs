using System.Buffers.Binary;
using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>
/// What is known of the marks of deletion in an image, kept in the image itself, so that it goes wherever the image goes
/// (an attribute of the file would be lost with every copy, and many servers have none). It lies in the last bytes that
/// the superblock reserves (<c>s_reserved</c>): kernel, e2fsprogs and fuse2fs carry them along and look at them as
/// little as Apptainer. It counts only while the superblock says that nobody mounted the image for writing since: kernel
/// and fuse2fs note each such mount in <c>s_mnt_count</c> and <c>s_mtime</c> at its start. So nothing has to be written
/// before a run, a run that was killed cannot leave a wrong stamp, and what other programs wrote is noticed.
/// </summary>
internal static class MarkStamp
{
    private const int At = 0x3E8;
    private const int Size = 16;
    private const uint Magic = 0x6B6D4F54; // "TOmk"
    private const ushort Version = 1;

    private const int MountTimeAt = 0x2C;
    private const int MountCountAt = 0x34;

    /// <summary>Reads what is known.</summary>
    public static MarkReaders Read(ExtSuperblock superblock)
    {
        var raw = superblock.Raw;
        var (count, time) = Mounts(raw);
        // What no driver ever wrote to has no marks of a driver.
        if (count == 0 && time == 0)
            return MarkReaders.All;
        var stamp = raw.Slice(At, Size);
        return BinaryPrimitives.ReadUInt32LittleEndian(stamp) == Magic
            && BinaryPrimitives.ReadUInt16LittleEndian(stamp[4..]) == Version
            && BinaryPrimitives.ReadUInt16LittleEndian(stamp[8..]) == count
            && BinaryPrimitives.ReadUInt32LittleEndian(stamp[12..]) == time
            ? (MarkReaders)BinaryPrimitives.ReadUInt16LittleEndian(stamp[6..]) & (MarkReaders.All | MarkReaders.NoWhiteouts)
            : MarkReaders.None;
    }

    /// <summary>Writes what is known, of a file system that nobody has mounted; it need not be durable.</summary>
    public static void Write(Window window, MarkReaders readers)
    {
        var superblock = ExtSuperblock.Read(window);
        if ((superblock.FeatureRoCompat & ExtFeatures.RoCompatMetadataChecksum) != 0)
            return; // its superblock has a checksum: an image of ext4, which others do not take for an overlay
        var stamp = new byte[Size];
        var (count, time) = Mounts(superblock.Raw);
        BinaryPrimitives.WriteUInt32LittleEndian(stamp, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(stamp.AsSpan(4), Version);
        BinaryPrimitives.WriteUInt16LittleEndian(stamp.AsSpan(6), (ushort)readers);
        BinaryPrimitives.WriteUInt16LittleEndian(stamp.AsSpan(8), count);
        BinaryPrimitives.WriteUInt32LittleEndian(stamp.AsSpan(12), time);
        if (!superblock.Raw.Slice(At, Size).SequenceEqual(stamp))
            window.Write(ExtSuperblock.Size + At, stamp);
    }

    private static (ushort Count, uint Time) Mounts(ReadOnlySpan<byte> superblock) =>
        (BinaryPrimitives.ReadUInt16LittleEndian(superblock[MountCountAt..]),
            BinaryPrimitives.ReadUInt32LittleEndian(superblock[MountTimeAt..]));
}
