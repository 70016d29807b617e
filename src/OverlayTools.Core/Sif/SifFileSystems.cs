using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>Recognises what a partition may hold by its first bytes.</summary>
public static class SifFileSystems
{
    // Linux fs/squashfs/squashfs_fs.h: SQUASHFS_MAGIC at the start of the superblock, which starts the file.
    private static ReadOnlySpan<byte> SquashfsMagic => "hsqs"u8;

    // Linux fs/ext4/ext4.h: the superblock starts at 1024, s_magic is at 0x38 in it.
    private const int ExtMagicOffset = 1024 + 0x38;
    private const ushort ExtMagic = 0xEF53;

    // LUKS1 and LUKS2 both start with it (cryptsetup, docs/on-disk-format-luks2).
    private static ReadOnlySpan<byte> LuksMagic => [(byte)'L', (byte)'U', (byte)'K', (byte)'S', 0xBA, 0xBE];

    /// <summary>Bytes from the start that tell all of them apart.</summary>
    internal const int StartSize = ExtMagicOffset + sizeof(ushort);

    /// <summary>The file system, or null for none that this module knows.</summary>
    /// <param name="data">The partition's bytes, or a file's.</param>
    public static SifFileSystem? Detect(Window data)
    {
        Span<byte> start = stackalloc byte[StartSize];
        start = start[..(int)Math.Min(start.Length, data.Length)];
        data.Read(0, start);
        return Detect(start);
    }

    /// <summary>The file system that starts so, or null for none that this module knows.</summary>
    /// <param name="start">The first <see cref="StartSize"/> bytes, or all there are.</param>
    internal static SifFileSystem? Detect(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith(SquashfsMagic))
            return SifFileSystem.Squashfs;
        if (start.StartsWith(LuksMagic))
            return SifFileSystem.EncryptedSquashfs;
        return start.Length >= StartSize
            && BinaryPrimitives.ReadUInt16LittleEndian(start[ExtMagicOffset..]) == ExtMagic
            ? SifFileSystem.Ext3
            : null;
    }

    /// <summary>The file system in a file, or null for none that this module knows.</summary>
    /// <exception cref="IOException">The file cannot be opened or read.</exception>
    public static SifFileSystem? Detect(string path)
    {
        using var file = SifContent.OpenSource(path);
        return Detect(new FileWindow(file));
    }
}
