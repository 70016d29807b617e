using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>What a stack that was not taken down left in <c>work</c>: the scratch directory of the driver, with files that
/// were being copied up.</summary>
internal static class WorkLeftovers
{
    // overlayfs leaves "incompat" there to say that the content cannot be trusted (mount option "volatile"): that is for
    // the user to decide.
    private static readonly ExtName s_incompatible = new("incompat");

    /// <summary>Removes all of it, but for the directory itself.</summary>
    /// <returns>Files and directories that were removed.</returns>
    public static int Remove(Window window, CancellationToken token)
    {
        using var editor = ExtEditor.OpenRecovered(window, null, token);
        if (editor.Find("/work") is not { } work || editor.FileSystem.ReadInode(work).FileType != ExtFileType.Directory)
            return 0;
        editor.CommitsWhenLarge = true;
        var removed = 0;
        foreach (var entry in editor.FileSystem.ReadDirectory(work).Where(entry => entry.Name != s_incompatible).ToList())
        {
            removed += Count(editor.FileSystem, entry.Inode, token);
            if (editor.FileSystem.ReadInode(entry.Inode).FileType == ExtFileType.Directory)
                editor.RemoveTree(work, entry.Name, null, token);
            else
                editor.Unlink(work, entry.Name);
        }

        editor.Commit();
        return removed;
    }

    private static int Count(ExtFileSystem fileSystem, uint start, CancellationToken token)
    {
        var count = 0;
        var seen = new HashSet<uint>();
        var pending = new Stack<uint>([start]);
        while (pending.TryPop(out var inode))
        {
            token.ThrowIfCancellationRequested();
            count++;
            if (fileSystem.ReadInode(inode).FileType != ExtFileType.Directory || !seen.Add(inode))
                continue;
            foreach (var entry in fileSystem.ReadDirectory(inode))
                pending.Push(entry.Inode);
        }

        return count;
    }
}
