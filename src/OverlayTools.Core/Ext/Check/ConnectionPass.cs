namespace OverlayTools.Ext.Check;

/// <summary>Whether all is reached from the root, and has as many names as it counts.</summary>
internal static class ConnectionPass
{
    public static void Run(CheckState state)
    {
        var directories = state.Inodes.Directories;
        if (directories.IndexOf(ExtInode.Root) is >= 0 and var root)
        {
            directories[root].IsConnected = true;
            if (directories[root].DotDot != ExtInode.Root)
                state.Error(ExtFindingId.DirectoryDots, "The entry '..' of the root does not lead to it.", ExtInode.Root);
        }

        var trail = new List<int>();
        for (var i = 0; i < directories.Count; i++)
        {
            state.ThrowIfCancelled();
            var info = directories[i];
            if (info.Number != ExtInode.Root && info.Parent != 0 && info.DotDot != 0 && info.DotDot != info.Parent)
                state.Error(ExtFindingId.DirectoryDots, $"The entry '..' leads to inode {info.DotDot}, not {info.Parent}.", info.Number);
            Connect(state, i, trail);
        }

        CheckLinks(state);
    }

    private static void Connect(CheckState state, int start, List<int> trail)
    {
        var directories = state.Inodes.Directories;
        trail.Clear();
        var number = directories[start].Number;
        var at = start;
        while (at >= 0 && !directories[at].IsConnected && directories[at].VisitedFrom != number)
        {
            directories[at].VisitedFrom = number;
            trail.Add(at);
            at = directories.IndexOf(directories[at].Parent);
        }

        if (at < 0 || !directories[at].IsConnected)
            state.Error(ExtFindingId.Unconnected, "The directory cannot be reached from the root.", number);
        // What was said of one of them is not said of all.
        foreach (var each in trail)
            directories[each].IsConnected = true;
    }

    private static void CheckLinks(CheckState state)
    {
        var first = state.Superblock.FirstInode;
        var perGroup = state.Geometry.InodesPerGroup;
        for (var group = 0u; group < state.Geometry.GroupCount; group++)
        {
            state.ThrowIfCancelled();
            for (var i = 1u; state.Inodes.HasAny(group) && i <= perGroup; i++)
            {
                var number = group * perGroup + i;
                if (number != ExtInode.Root && number < first || !state.Inodes.IsUsed(number))
                    continue;
                CheckLinks(state, number);
            }
        }
    }

    private static void CheckLinks(CheckState state, uint number)
    {
        var (links, names) = (state.Inodes.LinksOf(number), state.Inodes.NamesOf(number));
        var isDirectory = state.Inodes.TypeOf(number) == ExtFileType.Directory;
        if (names == 0)
            state.Error(ExtFindingId.UnattachedInode, "The file has no name.", number);
        // A directory with more subdirectories than can be counted has the count 1.
        else if (links != names && !(isDirectory && links == 1 && names > 1 && IsIndexed(state, number)))
            state.Error(ExtFindingId.LinkCount, $"It counts {links} names and has {names}.", number);
    }

    private static bool IsIndexed(CheckState state, uint number) =>
        (state.FileSystem.ReadInode(number).Flags & ExtInode.HashIndexFlag) != 0;
}
