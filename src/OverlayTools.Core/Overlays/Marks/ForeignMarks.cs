using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// Looks through an image for marks that not everybody reads. fuse-overlayfs on fuse2fs, which knows no
/// <c>RENAME_WHITEOUT</c>, marks a deletion by an empty regular file <c>.wh.NAME</c> of mode 0700; a replaced directory
/// by files in it, and by the attribute that its user may set (fuse-overlayfs, <c>create_whiteout</c>,
/// <c>set_fd_opaque</c>). The kernel knows but devices 0:0, and the attribute of the way it was mounted.
/// </summary>
internal static class ForeignMarks
{
    private const uint MarkPermissions = 0b111_000_000;

    /// <summary>Finds the directories that have any.</summary>
    /// <param name="fileSystem">The image.</param>
    /// <param name="token">Stops the search.</param>
    /// <param name="device">Told of each character device on the way.</param>
    /// <param name="opaque">Told of each directory that hides what is below.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static IEnumerable<DirectoryMarks> Find(
        ExtFileSystem fileSystem, CancellationToken token, Action? device = null, Action<OpaqueDirectory>? opaque = null)
    {
        if (fileSystem.Find("/upper") is not { } upper || fileSystem.ReadInode(upper).FileType != ExtFileType.Directory)
            yield break;
        var pending = new Stack<(uint Inode, byte[] Path)>([(upper, [])]);
        var seen = new HashSet<uint> { upper };
        while (pending.TryPop(out var next))
        {
            var directory = next.Inode;
            token.ThrowIfCancellationRequested();
            var whiteouts = new List<ExtName>();
            var opaqueFiles = new List<ExtName>();
            foreach (var entry in fileSystem.ReadDirectory(directory))
            {
                if (entry.Type is ExtFileType.CharacterDevice or ExtFileType.Unknown)
                    device?.Invoke();
                var type = entry.Type == ExtFileType.Unknown ? fileSystem.ReadInode(entry.Inode).FileType : entry.Type;
                if (type == ExtFileType.Directory)
                {
                    if (seen.Add(entry.Inode))
                        pending.Push((entry.Inode, entry.Name.Below(next.Path)));
                }
                else if (entry.Name.Bytes.StartsWith(OverlayMarks.Prefix))
                    Sort(fileSystem, entry, type, whiteouts, opaqueFiles);
            }

            var attributes = fileSystem.ReadAttributes(directory);
            // The device alone is root's deletion of a file of the base that is called so.
            if (!opaqueFiles.Contains(OverlayMarks.OpaqueFile))
                opaqueFiles.Clear();
            if (opaqueFiles.Count > 0 || OverlayMarks.OpaqueForms(attributes) != OverlayMarkForms.None)
                opaque?.Invoke(new OpaqueDirectory(directory, next.Path, attributes.ContainsKey(OverlayMarks.TrustedOrigin)));
            if (Judge(attributes, directory, whiteouts, opaqueFiles) is { } marks)
                yield return marks;
        }
    }

    private static void Sort(
        ExtFileSystem fileSystem, ExtDirectoryEntry entry, ExtFileType type, List<ExtName> whiteouts, List<ExtName> opaqueFiles)
    {
        var inode = fileSystem.ReadInode(entry.Inode);
        if (entry.Name == OverlayMarks.OpaqueFile)
        {
            if (type == ExtFileType.RegularFile && inode.Size == 0)
                opaqueFiles.Add(entry.Name);
        }
        else if (entry.Name == OverlayMarks.OpaqueDevice && type == ExtFileType.CharacterDevice && inode.Device is (0, 0))
            opaqueFiles.Add(entry.Name);
        // A file of the base may be called so, and root may have changed it: that one is not empty, or not of this mode.
        else if (type == ExtFileType.RegularFile && inode.Size == 0 && inode.Permissions == MarkPermissions
            && !entry.Name.Bytes.StartsWith(".wh..wh."u8) && OverlayMarks.HiddenByName(entry.Name) is not null)
            whiteouts.Add(entry.Name);
    }

    private static DirectoryMarks? Judge(
        IReadOnlyDictionary<string, byte[]> attributes, uint directory, List<ExtName> whiteouts, List<ExtName> opaqueFiles)
    {
        var byRoot = OverlayMarks.Says(attributes, OverlayMarks.TrustedOpaque);
        var byUser = OverlayMarks.Says(attributes, OverlayMarks.UserOpaque);
        var isOpaque = opaqueFiles.Count > 0 || byRoot || byUser || OverlayMarks.Says(attributes, OverlayMarks.FuseOpaque);
        var isComplete = byRoot && byUser && opaqueFiles.Count == 0;
        if (whiteouts.Count == 0 && (!isOpaque || isComplete))
            return null;
        return new DirectoryMarks(directory, whiteouts, isOpaque && !isComplete, opaqueFiles)
        {
            HiddenFromRoot = whiteouts.Count > 0 || opaqueFiles.Count > 0 || (isOpaque && !byRoot),
            // fuse-overlayfs reads each form but the one that the kernel shows to nobody but root.
            HiddenFromUser = isOpaque && byRoot && !byUser && opaqueFiles.Count == 0
                && !OverlayMarks.Says(attributes, OverlayMarks.FuseOpaque),
        };
    }
}
