namespace OverlayTools.Squashfs;

/// <summary>The compressions that ship with the module.</summary>
internal static class CompressionLibrary
{
    private static readonly Lazy<ICompressionLibrary> s_instance = new(() => (ICompressionLibrary)ModuleDependency.Load(
        "OverlayTools.Compression", "OverlayTools.Compression.BlockLibrary"));

    /// <summary>The library, loaded at the first use.</summary>
    /// <exception cref="FileNotFoundException">It is not beside the module.</exception>
    public static ICompressionLibrary Instance => s_instance.Value;
}
