namespace OverlayTools.Containers;

/// <summary>How squashfs is compressed.</summary>
public enum SealCompression
{
    /// <summary>Zstandard: fast to read, levels 1 to 22.</summary>
    Zstd,

    /// <summary>zlib: what the oldest kernels read too, levels 1 to 9.</summary>
    Gzip,

    /// <summary>LZ4: the fastest, and the largest.</summary>
    Lz4,

    /// <summary>LZMA2: the smallest, and slow to read.</summary>
    Xz,
}

/// <summary>How a squashfs is packed.</summary>
/// <param name="Compression">The compressor.</param>
/// <param name="Level">Its level; null for the program's own.</param>
public sealed record SquashfsPacking(SealCompression Compression = SealCompression.Zstd, int? Level = null)
{
    /// <summary>Refuses a level that the compressor does not have.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OptionConflict"/>.</exception>
    public void Check()
    {
        if (Level is not { } level)
            return;
        var most = Compression switch { SealCompression.Zstd => 22, SealCompression.Gzip => 9, _ => 0 };
        if (most == 0)
            throw new EngineException(ErrorIds.OptionConflict, $"{Compression} has no levels.", "Leave -CompressionLevel out.");
        if (level < 1 || level > most)
            throw new EngineException(ErrorIds.OptionConflict, $"{Compression} has no level {level}.", $"Give 1 to {most}.");
    }
}
