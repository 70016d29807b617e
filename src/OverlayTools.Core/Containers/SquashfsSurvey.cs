using OverlayTools.Ext;

namespace OverlayTools.Containers;

/// <summary>What of a tree squashfs, or a tar archive on the way to it, cannot hold.</summary>
/// <param name="Root">The tree without that.</param>
/// <param name="ContentBytes">Bytes of content.</param>
/// <param name="Losses">What is lost, in words.</param>
internal sealed record SquashfsSurvey(ExtNode Root, long ContentBytes, IReadOnlyList<string> Losses)
{
    // fs/squashfs/xattr.h: user, trusted and security are the kinds that there are.
    private static readonly string[] s_kinds = ["user.", "trusted.", "security."];

    /// <summary>Looks at a tree.</summary>
    public static SquashfsSurvey Of(ExtNode root, CancellationToken token)
    {
        var (bytes, sockets, lists) = (0L, 0L, 0L);
        var seen = new Dictionary<ExtNode, ExtNode>(ReferenceEqualityComparer.Instance);
        var copy = Fit(root, ref lists);
        var pending = new Stack<(ExtNode From, ExtNode To)>([(root, copy)]);
        while (pending.TryPop(out var next))
        {
            token.ThrowIfCancellationRequested();
            foreach (var (name, node) in next.From.Children)
            {
                if (node.Type == ExtFileType.Socket)
                {
                    sockets++;
                    continue;
                }

                if (!seen.TryGetValue(node, out var made))
                {
                    bytes += node.Content.Length;
                    seen[node] = made = Fit(node, ref lists);
                }

                next.To.Add(name, made);
                if (node.Type == ExtFileType.Directory)
                    pending.Push((node, made));
            }
        }

        var losses = new List<string>();
        if (lists > 0)
            losses.Add($"squashfs has no access control lists: {lists} file(s) lost theirs, and have their modes.");
        if (sockets > 0)
            losses.Add($"{sockets} socket(s) were left out: a tar archive has none. Nobody listens on them.");
        return new SquashfsSurvey(copy, bytes, losses);
    }

    private static ExtNode Fit(ExtNode node, ref long lists)
    {
        if (node.Attributes.Count == 0 || node.Attributes.Keys.All(IsKept))
            return node.Type == ExtFileType.Directory ? node.With(node.Attributes) : node;
        lists++;
        return node.With(node.Attributes.Where(pair => IsKept(pair.Key))
            .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal));
    }

    private static bool IsKept(string name) => s_kinds.Any(kind => name.StartsWith(kind, StringComparison.Ordinal));
}
