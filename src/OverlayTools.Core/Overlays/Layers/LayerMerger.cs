using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// Makes one tree of a stack of layers, as overlayfs shows it (kernel, fs/overlayfs/namei.c, ovl_lookup): of each name the
/// topmost layer decides; directories are merged down to the first that is opaque, or to the first layer that has
/// something else under the name. Hard links are those within one layer.
/// </summary>
/// <param name="layers">The layers, bottom to top, with marks in the one form (<see cref="LayerNormalizer"/>).</param>
/// <param name="onBase">Whether the lowest layer has nothing below it, so that no marks are left; else the result is a
/// layer itself, which goes on hiding what was hidden.</param>
/// <param name="token">Stops the work.</param>
internal sealed class LayerMerger(IReadOnlyList<ExtNode> layers, bool onBase, CancellationToken token)
{
    private readonly Dictionary<ExtNode, ExtNode> _copies = new(ReferenceEqualityComparer.Instance);

    /// <summary>The merged tree; the trees that were given stay as they are.</summary>
    public ExtNode Run()
    {
        var (root, chain) = Stack([.. layers.Reverse()], false);
        var pending = new Stack<(ExtNode To, IReadOnlyList<ExtNode> Chain)>([(root, chain)]);
        while (pending.TryPop(out var next))
        {
            token.ThrowIfCancellationRequested();
            foreach (var (name, found) in NamesIn(next.Chain))
            {
                if (Decide(found) is not { } decided)
                    continue;
                next.To.Add(name, decided.Node);
                if (decided.Chain.Count > 0)
                    pending.Push((decided.Node, decided.Chain));
            }
        }

        return root;
    }

    // In the order of the names, so that the same layers make the same tree. What each layer has is in the order of the
    // layers, top first.
    private static SortedDictionary<ExtName, List<ExtNode>> NamesIn(IReadOnlyList<ExtNode> chain)
    {
        var names = new SortedDictionary<ExtName, List<ExtNode>>(ExtName.ByBytes);
        foreach (var directory in chain)
        {
            foreach (var (name, node) in directory.Children)
            {
                if (!names.TryGetValue(name, out var found))
                    names[name] = found = [];
                found.Add(node);
            }
        }

        return names;
    }

    private (ExtNode Node, IReadOnlyList<ExtNode> Chain)? Decide(List<ExtNode> found)
    {
        var top = found[0];
        if (LayerMarks.IsWhiteout(top) && onBase)
            return null;
        if (top.Type != ExtFileType.Directory)
            return (Copy(top), []);
        var end = found.FindIndex(node => node.Type != ExtFileType.Directory);
        return Stack(end < 0 ? found : found.GetRange(0, end), hidesBelow: end >= 0);
    }

    // Attributes, owner, mode and times are the topmost's.
    private (ExtNode Node, IReadOnlyList<ExtNode> Chain) Stack(List<ExtNode> directories, bool hidesBelow)
    {
        var last = directories.FindIndex(node => LayerMarks.IsOpaque(node.Attributes));
        var chain = last < 0 ? directories : directories.GetRange(0, last + 1);
        var opaque = !onBase && (last >= 0 || hidesBelow);
        return (chain[0].With(LayerMarks.Attributes(chain[0].Attributes, opaque)), chain);
    }

    private ExtNode Copy(ExtNode node)
    {
        if (_copies.TryGetValue(node, out var known))
            return known;
        var attributes = LayerMarks.Attributes(node.Attributes, opaque: false);
        return _copies[node] = ReferenceEquals(attributes, node.Attributes) ? node : node.With(attributes);
    }
}
