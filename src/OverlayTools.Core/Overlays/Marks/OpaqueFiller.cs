using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// Gives each name that the layers below have in an opaque directory a whiteout of its own. There is a reader that cannot
/// read that a directory is opaque: the kernel's overlayfs in a user namespace without <c>userxattr</c>, as Apptainer
/// mounts read-only layers. It merges the directory with that of the base, and so do all directories below it that both
/// have; whiteouts, it obeys. For all others they change nothing, and say nothing about a later base.
/// </summary>
internal sealed class OpaqueFiller(ExtEditor editor, LowerNames lower, CancellationToken token)
{
    private const int MostLinks = 30_000; // below EXT2_LINK_MAX, 32000

    private readonly HashSet<uint> _done = [];
    private (uint Inode, int Links) _whiteout;

    /// <summary>Whiteouts that were made.</summary>
    public int Made { get; private set; }

    /// <summary>Fills a directory, and those below it.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/>; what was made stays.</exception>
    public void Fill(OpaqueDirectory start)
    {
        var pending = new Stack<(uint Inode, byte[] Path)>([(start.Inode, start.Path)]);
        while (pending.TryPop(out var next))
        {
            token.ThrowIfCancellationRequested();
            // Where the layers below have no directory, nothing below it can show.
            if (!_done.Add(next.Inode) || lower.In(next.Path) is not { } names)
                continue;
            editor.CommitIfLarge();
            var fileSystem = editor.FileSystem;
            foreach (var entry in fileSystem.ReadDirectory(next.Inode))
            {
                names.Remove(entry.Name);
                var type = entry.Type == ExtFileType.Unknown ? fileSystem.ReadInode(entry.Inode).FileType : entry.Type;
                if (type == ExtFileType.Directory)
                    pending.Push((entry.Inode, entry.Name.Below(next.Path)));
            }

            Fill(next.Inode, fileSystem.ReadInode(next.Inode), fileSystem.ReadAttributes(next.Inode), names);
        }
    }

    private void Fill(uint directory, ExtInode before, IReadOnlyDictionary<string, byte[]> attributes, HashSet<ExtName> names)
    {
        // First the leave to hold whiteouts, then they. Opaque it is already, by a directory above at least; said here,
        // what is deleted in it later is looked for.
        foreach (var (name, value) in new[]
        {
            (OverlayMarks.TrustedOpaque, OverlayMarks.Yes), (OverlayMarks.UserOpaque, OverlayMarks.Yes),
            (OverlayMarks.TrustedOrigin, []), (OverlayMarks.UserOrigin, []),
        })
        {
            if (!attributes.ContainsKey(name))
                editor.SetAttribute(directory, name, value);
        }

        // In the order of the names, so that the same run makes the same image. A file called like a mark of
        // fuse-overlayfs would, as a device, be one.
        foreach (var name in names.Where(name => !name.Bytes.StartsWith(OverlayMarks.Prefix)).Order(ExtName.ByBytes))
        {
            token.ThrowIfCancellationRequested();
            editor.CommitIfLarge();
            MakeWhiteout(directory, name, before);
            Made++;
        }

        editor.SetTimes(directory, null, before.Modified);
    }

    // As the kernel does, one inode for many deletions.
    private void MakeWhiteout(uint directory, ExtName name, ExtInode owner)
    {
        if (_whiteout.Links is > 0 and < MostLinks)
        {
            editor.Link(_whiteout.Inode, directory, name);
            _whiteout.Links++;
            return;
        }

        var made = editor.MakeNode(
            directory, name, ExtFileType.CharacterDevice, OverlayMarks.WhiteoutPermissions, owner.UserId, owner.GroupId);
        _whiteout = (made, 1);
    }
}
