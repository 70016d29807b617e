using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// What a layer says about the layers below it, in the form that everybody obeys: the kernel when root mounts it, the
/// kernel with <c>userxattr</c>, and fuse-overlayfs. A deletion is a character device 0:0, a directory that hides the
/// base's has both <c>trusted.overlay.opaque</c> and <c>user.overlay.opaque</c> (kernel, Documentation/filesystems/
/// overlayfs, "whiteouts and opaque directories").
/// </summary>
internal static class LayerMarks
{
    private const string Trusted = "trusted.overlay.";
    private const string User = "user.overlay.";
    private const string Fuse = "user.fuseoverlayfs.";

    private static readonly byte[] s_hasAttributeWhiteouts = [(byte)'x'];

    // What ties a layer to the layers that it was written on, and says nothing of its content (kernel, fs/overlayfs/
    // overlayfs.h, enum ovl_xattr): in another place it would be wrong, or a reason to look for what is not there.
    private static readonly string[] s_ties = ["origin", "impure", "nlink", "uuid", "upper"];

    /// <summary>Whether a file is a deletion in the kernel's form.</summary>
    public static bool IsWhiteout(ExtNode node) =>
        node is { Type: ExtFileType.CharacterDevice, DeviceMajor: 0, DeviceMinor: 0 };

    /// <summary>A deletion.</summary>
    public static ExtNode Whiteout(ExtTime? time) =>
        ExtNode.Special(ExtFileType.CharacterDevice, OverlayMarks.WhiteoutPermissions, 0, 0, modified: time);

    /// <summary>Whether a directory hides the base's, in any of the forms that are attributes.</summary>
    public static bool IsOpaque(IReadOnlyDictionary<string, byte[]> attributes) =>
        OverlayMarks.OpaqueAttributes.Any(name => HasValue(attributes, name, OverlayMarks.Yes));

    /// <summary>Whether a directory may have deletions that are empty files with an attribute.</summary>
    public static bool HasAttributeWhiteouts(ExtNode directory) =>
        HasValue(directory.Attributes, Trusted + "opaque", s_hasAttributeWhiteouts)
        || HasValue(directory.Attributes, User + "opaque", s_hasAttributeWhiteouts);

    /// <summary>Whether a file in such a directory is a deletion.</summary>
    public static bool IsAttributeWhiteout(ExtNode node) =>
        node is { Type: ExtFileType.RegularFile, Content.Length: 0 }
        && (node.Attributes.ContainsKey(Trusted + "whiteout") || node.Attributes.ContainsKey(User + "whiteout"));

    /// <summary>Whether a file's content, or a directory's files, are elsewhere in the layers below
    /// (<c>metacopy</c>, <c>redirect</c>).</summary>
    public static bool IsReference(ExtNode node) => node.Attributes.Keys.Any(
        name => name is Trusted + "metacopy" or User + "metacopy" or Trusted + "redirect" or User + "redirect");

    /// <summary>The attributes with the marks that are wanted and without those of other forms, and without what ties
    /// the file to layers that it was written on.</summary>
    public static IReadOnlyDictionary<string, byte[]> Attributes(IReadOnlyDictionary<string, byte[]> attributes, bool opaque)
    {
        if (!opaque && !attributes.Keys.Any(IsMark))
            return attributes;
        var kept = attributes.Where(pair => !IsMark(pair.Key)).ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
        if (opaque)
        {
            kept[Trusted + "opaque"] = OverlayMarks.Yes;
            kept[User + "opaque"] = OverlayMarks.Yes;
        }

        return kept;
    }

    private static bool IsMark(string name)
    {
        // The image remembers that, and not the layer in it.
        if (name == OverlayBase.AttributeName)
            return true;
        foreach (var prefix in (ReadOnlySpan<string>)[Trusted, User, Fuse])
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal) && name[prefix.Length..] is var rest)
                return rest is "opaque" or "whiteout" || Array.IndexOf(s_ties, rest) >= 0;
        }

        return false;
    }

    private static bool HasValue(IReadOnlyDictionary<string, byte[]> attributes, string name, byte[] value) =>
        attributes.TryGetValue(name, out var found) && found.AsSpan().SequenceEqual(value);
}
