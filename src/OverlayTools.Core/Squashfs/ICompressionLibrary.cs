namespace OverlayTools.Squashfs;

/// <summary>
/// The compressions that .NET lacks. A library that ships with the module implements it; the engine meets it only
/// through this interface, see <see cref="CompressionLibrary"/>.
/// </summary>
internal interface ICompressionLibrary
{
    /// <summary>Decompresses one block.</summary>
    /// <param name="compression">What the superblock says; never <see cref="SquashfsCompression.Gzip"/>.</param>
    /// <param name="block">A buffer that starts with the compressed block.</param>
    /// <param name="count">Its bytes.</param>
    /// <param name="into">Where it goes; nothing behind its end is written.</param>
    /// <returns>Bytes that came out; null for a compression that it does not know.</returns>
    /// <exception cref="InvalidDataException">The block is damaged, or has more than fits.</exception>
    public int? Decompress(SquashfsCompression compression, byte[] block, int count, Span<byte> into);
}
