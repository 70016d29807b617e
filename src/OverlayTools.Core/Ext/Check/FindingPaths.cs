namespace OverlayTools.Ext.Check;

/// <summary>Gives findings the paths of their inodes, as far as these can be reached.</summary>
internal static class FindingPaths
{
    private const int MostDirectories = 100_000;

    public static IReadOnlyList<ExtFinding> Resolve(CheckState state)
    {
        var wanted = state.Findings.Where(finding => finding.Inode >= state.Superblock.FirstInode || finding.Inode == ExtInode.Root)
            .Select(finding => finding.Inode!.Value).ToHashSet();
        if (wanted.Count == 0)
            return state.Findings;
        var paths = new Dictionary<uint, string> { [ExtInode.Root] = "/" };
        Search(state, wanted, paths);
        return [.. state.Findings.Select(finding =>
            finding.Inode is { } inode && paths.TryGetValue(inode, out var path) ? finding with { Path = path } : finding)];
    }

    private static void Search(CheckState state, HashSet<uint> wanted, Dictionary<uint, string> paths)
    {
        var pending = new Queue<(uint Number, string Path)>();
        pending.Enqueue((ExtInode.Root, string.Empty));
        var seen = new HashSet<uint> { ExtInode.Root };
        while (pending.TryDequeue(out var directory) && seen.Count < MostDirectories && wanted.Any(number => !paths.ContainsKey(number)))
        {
            state.ThrowIfCancelled();
            try
            {
                foreach (var entry in state.FileSystem.ReadDirectory(directory.Number))
                {
                    var path = $"{directory.Path}/{entry.Name}";
                    if (wanted.Contains(entry.Inode))
                        paths.TryAdd(entry.Inode, path);
                    if (state.Inodes.Directories.IndexOf(entry.Inode) >= 0 && seen.Add(entry.Inode))
                        pending.Enqueue((entry.Inode, path));
                }
            }
            catch (EngineException)
            {
                // What is damaged was reported; its other files keep their numbers only.
            }
        }
    }
}
