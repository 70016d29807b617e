using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Gives the marks of a layer the form that everybody obeys (<see cref="LayerMarks"/>): those of fuse-overlayfs,
/// which has its own, and what else a layer can have.</summary>
internal sealed class LayerNormalizer(CancellationToken token)
{
    private readonly Dictionary<ExtNode, ExtNode> _linked = new(ReferenceEqualityComparer.Instance);

    /// <summary>What was met.</summary>
    public LayerSummary Summary { get; } = new();

    /// <summary>The name of a file that is not complete without the layers below; null without any.</summary>
    public ExtName? Reference { get; private set; }

    /// <summary>The layer with marks of the one form; the tree that is given stays as it is.</summary>
    /// <param name="layer">The directory <c>upper</c>.</param>
    public ExtNode Run(ExtNode layer)
    {
        var root = Directory(layer);
        var pending = new Stack<(ExtNode From, ExtNode To, bool HidesAll)>([(layer, root, false)]);
        while (pending.TryPop(out var next))
        {
            token.ThrowIfCancellationRequested();
            var hasAttributeWhiteouts = LayerMarks.HasAttributeWhiteouts(next.From);
            var hidesAll = next.HidesAll || LayerMarks.IsOpaque(next.To.Attributes);
            foreach (var (name, node) in next.From.Children)
            {
                // Where all is hidden, a deletion is for those who cannot read that (OpaqueFiller).
                if ((hidesAll && LayerMarks.IsWhiteout(node)) || MeaningOf(next.From, name, node, hasAttributeWhiteouts) is not { } meant)
                    continue;
                var made = next.To.Add(meant.Name, meant.Node);
                if (made.Type == ExtFileType.Directory)
                    pending.Push((node, made, hidesAll));
            }
        }

        return root;
    }

    // Null for what is no file of the layer.
    private (ExtName Name, ExtNode Node)? MeaningOf(ExtNode directory, ExtName name, ExtNode node, bool hasAttributeWhiteouts)
    {
        // As a file, what is called like the device would be the deletion of ".opq".
        if (name == OverlayMarks.OpaqueFile || (name == OverlayMarks.OpaqueDevice && LayerMarks.IsWhiteout(node)))
            return null;
        if (OverlayMarks.HiddenByName(name) is { } hidden)
        {
            Summary.ConvertedMarks++;
            // What is there is there: fuse-overlayfs shows it, whatever hides the base's.
            if (directory.Find(hidden) is not null)
                return null;
            Summary.Whiteouts++;
            return (hidden, LayerMarks.Whiteout(node.Modified));
        }

        if (hasAttributeWhiteouts && LayerMarks.IsAttributeWhiteout(node))
        {
            Summary.ConvertedMarks++;
            Summary.Whiteouts++;
            return (name, LayerMarks.Whiteout(node.Modified));
        }

        if (LayerMarks.IsWhiteout(node))
        {
            Summary.Whiteouts++;
            // The kernel makes one file of many deletions (ovl_whiteout): they are no more related for that.
            return (name, node.Permissions == 0 && node.Attributes.Count == 0 ? Same(node) : LayerMarks.Whiteout(node.Modified));
        }

        if (node.Attributes.Count > 0 && LayerMarks.IsReference(node))
            Reference ??= name;
        return (name, node.Type == ExtFileType.Directory ? Directory(node) : File(node));
    }

    private ExtNode Directory(ExtNode node)
    {
        var byFile = node.Find(OverlayMarks.OpaqueFile) is not null;
        var opaque = byFile || LayerMarks.IsOpaque(node.Attributes);
        Summary.Files++;
        if (opaque)
            Summary.OpaqueDirectories++;
        var attributes = LayerMarks.Attributes(node.Attributes, opaque);
        if (opaque && !SameMarks(node.Attributes, attributes))
            Summary.ConvertedMarks++;
        return node.With(attributes);
    }

    private ExtNode File(ExtNode node)
    {
        if (_linked.TryGetValue(node, out var known))
            return known;
        Summary.Files++;
        Summary.ContentBytes += node.Content.Length;
        return Same(node);
    }

    // Several names stay several names of one file.
    private ExtNode Same(ExtNode node)
    {
        if (_linked.TryGetValue(node, out var known))
            return known;
        var attributes = LayerMarks.Attributes(node.Attributes, opaque: false);
        return _linked[node] = ReferenceEquals(attributes, node.Attributes) ? node : node.With(attributes);
    }

    private static bool SameMarks(IReadOnlyDictionary<string, byte[]> before, IReadOnlyDictionary<string, byte[]> after) =>
        OverlayMarks.OpaqueAttributes.All(name => before.ContainsKey(name) == after.ContainsKey(name));
}
