using OverlayTools.IO;

namespace OverlayTools.Ext.Edit;

/// <summary>
/// The files that were in use without a name, or were being cut, when their system stopped: a list that begins in the
/// superblock and goes on in the inodes (kernel, <c>ext4_orphan_cleanup</c>).
/// </summary>
internal static class OrphanList
{
    /// <summary>Deletes the files without names and finishes cutting the others.</summary>
    /// <param name="window">A file system whose journal was replayed.</param>
    /// <param name="cancellation">Stops the work; what was done in one transaction stays.</param>
    /// <returns>Files that were on the list.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/> when the list makes no sense; it is left
    /// alone then. Or as <see cref="ExtEditor.Open"/>.</exception>
    public static int Process(Window window, CancellationToken cancellation)
    {
        // As the kernel: where errors were recorded, the list is for the check to judge.
        if (ExtFileSystem.Open(window).Superblock is { LastOrphan: 0 } or { HasErrors: true })
            return 0;
        using var editor = ExtEditor.OpenWithOrphans(window);
        var (state, inodes) = editor.Parts;
        var done = 0;
        // One operation each: however many there are, and however large, the journal has room for some.
        for (var next = state.ReadSuperblock().LastOrphan; next != 0; done++)
        {
            if (done > (long)state.Geometry.InodesCount)
                throw ExtCorrupt.Because("the list of files to delete goes round in a circle.");
            cancellation.ThrowIfCancellationRequested();
            editor.CommitIfLarge();
            next = editor.Do(() => ProcessOne(state, inodes, next, cancellation));
        }

        editor.Commit();
        return done;
    }

    private static uint ProcessOne(EditState state, InodeEditor inodes, uint number, CancellationToken cancellation)
    {
        var inode = state.View.ReadInode(number);
        if (number < state.FirstInode || !state.Groups.IsInodeTaken(number) || inode.FileType == ExtFileType.Unknown
            || (inode.Flags & (ExtInode.ExtentsFlag | ExtInode.InlineDataFlag)) != 0)
            throw ExtCorrupt.Because($"inode {number} is on the list of files to delete, and is none.");
        // While a file is on the list, this is not a time but the next one.
        var next = inode.DeletionTime;
        if (next > state.Geometry.InodesCount || next == number)
            throw ExtCorrupt.Because($"the list of files to delete leads from inode {number} to {next}.");
        if (inode.LinksCount == 0)
        {
            inodes.Delete(number, inode, cancellation);
        }
        else
        {
            inode.DeletionTime = 0;
            inodes.FinishCut(number, inode, cancellation);
            state.WriteInode(number, inode);
        }

        var superblock = state.ReadSuperblock();
        superblock.LastOrphan = next;
        state.WriteSuperblock(superblock);
        return next;
    }
}
