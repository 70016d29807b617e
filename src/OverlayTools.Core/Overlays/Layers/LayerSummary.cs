using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>What of a layer was said in a form that not everybody obeys, or is there at all.</summary>
internal sealed class LayerSummary
{
    /// <summary>Files of any kind, directories among them; no marks.</summary>
    public long Files { get; set; }

    /// <summary>Bytes of content.</summary>
    public long ContentBytes { get; set; }

    /// <summary>Deletions.</summary>
    public long Whiteouts { get; set; }

    /// <summary>Directories that hide the base's.</summary>
    public long OpaqueDirectories { get; set; }

    /// <summary>Marks that were in another form.</summary>
    public long ConvertedMarks { get; set; }

    /// <summary>Counts what is in a tree with marks of the one form.</summary>
    public static LayerSummary Of(ExtNode root, CancellationToken token)
    {
        var summary = new LayerSummary();
        var seen = new HashSet<ExtNode>(ReferenceEqualityComparer.Instance) { root };
        var pending = new Stack<ExtNode>([root]);
        while (pending.TryPop(out var node))
        {
            token.ThrowIfCancellationRequested();
            summary.Count(node);
            foreach (var (_, child) in node.Children)
            {
                if (LayerMarks.IsWhiteout(child))
                    summary.Whiteouts++;
                else if (seen.Add(child))
                    pending.Push(child);
            }
        }

        return summary;
    }

    private void Count(ExtNode node)
    {
        Files++;
        ContentBytes += node.Content.Length;
        if (node.Type == ExtFileType.Directory && LayerMarks.IsOpaque(node.Attributes))
            OpaqueDirectories++;
    }
}
