namespace OverlayTools.Containers;

/// <summary>An overlay as the user named it.</summary>
/// <param name="Path">Full path of a directory, an ext3 or squashfs image, or a SIF image with overlay partitions.</param>
/// <param name="ReadOnly">Whether nothing may change in it.</param>
/// <param name="Id">The partition, where the path is a SIF image of which only that one is meant; otherwise null.</param>
public sealed record OverlayArgument(string Path, bool ReadOnly, uint? Id = null)
{
    private const string ReadOnlySuffix = ":ro";

    /// <summary>Splits <c>PATH</c> or <c>PATH:ro</c>; any other colon belongs to the path.</summary>
    /// <param name="text">As the user typed it.</param>
    public static OverlayArgument Parse(string text) =>
        text.EndsWith(ReadOnlySuffix, StringComparison.Ordinal)
            ? new OverlayArgument(text[..^ReadOnlySuffix.Length], ReadOnly: true)
            : new OverlayArgument(text, ReadOnly: false);
}
