using System.Text;

namespace OverlayTools.Overlays;

/// <summary>What the kernel's overlayfs leaves in attributes so that it need not copy: where the rest of a renamed
/// directory is, and that a file's content is still below (<c>redirect_dir</c>, <c>metacopy</c>).</summary>
internal static class OverlayLinks
{
    private static readonly string[] s_redirects = ["trusted.overlay.redirect", "user.overlay.redirect"];
    private static readonly string[] s_metacopies = ["trusted.overlay.metacopy", "user.overlay.metacopy"];

    private static readonly string[] s_own = ["trusted.overlay.", "user.overlay.", "user.fuseoverlayfs."];

    /// <summary>Whether an attribute belongs to the stack, not to the file: it is not seen in a container.</summary>
    public static bool IsOwn(string attribute) =>
        Array.Exists(s_own, prefix => attribute.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>The old name, or the old path from the root with a slash at its start; null for a file that was not
    /// renamed.</summary>
    public static string? Redirect(IReadOnlyDictionary<string, byte[]> attributes)
    {
        foreach (var name in s_redirects)
        {
            if (attributes.TryGetValue(name, out var value) && value.Length > 0)
                return Encoding.UTF8.GetString(value);
        }

        return null;
    }

    /// <summary>Whether the content is still below.</summary>
    public static bool IsMetadataOnly(IReadOnlyDictionary<string, byte[]> attributes) =>
        Array.Exists(s_metacopies, attributes.ContainsKey);
}
