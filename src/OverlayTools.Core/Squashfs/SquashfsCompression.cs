namespace OverlayTools.Squashfs;

/// <summary>How blocks are compressed, with the numbers of the superblock (<c>SQUASHFS_ZLIB</c> and on).</summary>
public enum SquashfsCompression : ushort
{
    /// <summary>Not at all, or not known.</summary>
    None = 0,

    /// <summary>zlib; what Apptainer and mksquashfs use unless told otherwise.</summary>
    Gzip = 1,

    /// <summary>LZMA, which the kernel does not mount.</summary>
    Lzma = 2,

    /// <summary>LZO.</summary>
    Lzo = 3,

    /// <summary>xz.</summary>
    Xz = 4,

    /// <summary>LZ4.</summary>
    Lz4 = 5,

    /// <summary>Zstandard.</summary>
    Zstd = 6,
}
