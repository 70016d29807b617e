using OverlayTools.Core.Tests.Squashfs;
using OverlayTools.Overlays;

namespace OverlayTools.Core.Tests.Overlays.Compare;

/// <summary>Differences between two trees as <c>find</c>, <c>sha256sum</c> and <c>getfattr</c> saw them.</summary>
internal static class TreeWalk
{
    private static readonly string[] s_ofTheStack = ["trusted.overlay.", "user.overlay.", "user.fuseoverlayfs."];

    private sealed class Facts
    {
        public string[] Fields = [];
        public string Content = "";
        public string Device = "";
        public SortedSet<string> Attributes = new(StringComparer.Ordinal);
    }

    /// <summary>What to expect of a comparison with all that is deleted in it, as lines.</summary>
    public static List<string> Differences(IEnumerable<string> below, IEnumerable<string> merged)
    {
        var (old, now) = (Parse(below), Parse(merged));
        var lines = new List<string>();
        foreach (var (path, facts) in now)
        {
            if (!old.TryGetValue(path, out var before))
                lines.Add($"Added /{path}");
            else if (before.Fields[0] != facts.Fields[0])
                lines.Add($"TypeChanged /{path}");
            else if (Parts(before, facts) is var parts and not OverlayDifferenceParts.None)
                lines.Add($"Modified /{path} {parts}");
        }

        lines.AddRange(old.Keys.Where(path => !now.ContainsKey(path)).Select(path => $"Deleted /{path}"));
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    /// <summary>What the engine found, in the same form: how a directory came to be is not seen in a tree, nor what is
    /// unchanged.</summary>
    public static List<string> Lines(IEnumerable<OverlayDifference> differences)
    {
        var lines = new List<string>();
        foreach (var found in differences)
        {
            var isInPlace = found.Change is OverlayDifferenceKind.Modified or OverlayDifferenceKind.Replaced;
            if (found.Change is OverlayDifferenceKind.CopiedUp or OverlayDifferenceKind.NoEffect || (isInPlace && found.Parts == OverlayDifferenceParts.None)
                || found.ItemPath == "/")
                continue;
            lines.Add(isInPlace ? $"Modified {found.ItemPath} {found.Parts}" : $"{found.Change} {found.ItemPath}");
        }

        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static OverlayDifferenceParts Parts(Facts old, Facts now)
    {
        var parts = OverlayDifferenceParts.None;
        // Kind, mode, owner, group, time, then size or target.
        var isLink = now.Fields[0] == "l";
        if (old.Content != now.Content || old.Device != now.Device || (isLink && old.Fields.ElementAtOrDefault(5) != now.Fields.ElementAtOrDefault(5)))
            parts |= OverlayDifferenceParts.Content;
        if (old.Fields[1] != now.Fields[1] && !isLink)
            parts |= OverlayDifferenceParts.Mode;
        if (old.Fields[2] != now.Fields[2] || old.Fields[3] != now.Fields[3])
            parts |= OverlayDifferenceParts.Owner;
        if (old.Fields[4] != now.Fields[4])
            parts |= OverlayDifferenceParts.Time;
        if (!old.Attributes.SetEquals(now.Attributes))
            parts |= OverlayDifferenceParts.Attributes;
        return parts;
    }

    private static Dictionary<string, Facts> Parse(IEnumerable<string> lines)
    {
        var all = new Dictionary<string, Facts>(StringComparer.Ordinal);
        foreach (var line in lines)
        {
            var kind = line[..line.IndexOf(' ', StringComparison.Ordinal)];
            var cut = line.IndexOf('|', StringComparison.Ordinal);
            var (path, value) = (line[(kind.Length + 1)..cut], line[(cut + 1)..]);
            if (!all.TryGetValue(path, out var facts))
                all.Add(path, facts = new Facts());
            if (kind == "file")
                facts.Fields = value.Split(' ', 6);
            else if (kind == "content")
                facts.Content = value;
            else if (kind == "device")
                facts.Device = value;
            else if (!Array.Exists(s_ofTheStack, prefix => value.StartsWith(prefix, StringComparison.Ordinal)))
                facts.Attributes.Add(value);
        }

        all.Remove(".");
        return all.Where(pair => pair.Value.Fields.Length > 0).ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
    }

    /// <summary>Lines that a walk wrote into a file.</summary>
    public static List<string> Read(string path) => LayerListing.Lines(File.ReadAllText(path));
}
