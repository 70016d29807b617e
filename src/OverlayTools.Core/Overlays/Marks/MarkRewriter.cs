using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>
/// Rewrites marks of deletion so that everybody reads them: files <c>.wh.NAME</c> become devices 0:0, and opaque
/// directories get the attributes of both ways to mount. Each mark changes in one transaction of the image's journal:
/// whenever it stops, a deletion is marked in the old or in the new form.
/// </summary>
internal static class MarkRewriter
{
    private const string Activity = "Rewriting marks of deletions";

    /// <summary>Rewrites all of them, and stamps the image accordingly.</summary>
    /// <param name="window">An image that nobody else uses, for reading and writing.</param>
    /// <param name="progress">Told of the directories done.</param>
    /// <param name="token">Stops the work between two marks.</param>
    /// <param name="lower">What lies below: opaque directories that are new, or were changed since the last mount, get
    /// whiteouts for its names (<see cref="OpaqueFiller"/>). Null when nobody knows.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayDirtyJournal"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static MarkRewriting Run(
        Window window, IProgress<EngineProgress>? progress = null, CancellationToken token = default, LowerNames? lower = null)
    {
        var hasDevices = false;
        var opaque = new List<OpaqueDirectory>();
        var fileSystem = ExtFileSystem.Open(window);
        void Note(OpaqueDirectory directory)
        {
            if (!directory.IsFilled || fileSystem.ReadInode(directory.Inode).Changed.Seconds >= fileSystem.Superblock.MountTime)
                opaque.Add(directory);
        }

        var found = ForeignMarks.Find(fileSystem, token, () => hasDevices = true, lower is null ? null : Note).ToList();
        var done = default(MarkRewriting);
        if (found.Count > 0 || opaque.Count > 0)
        {
            using var editor = ExtEditor.OpenRecovered(window, null, token);
            for (var i = 0; i < found.Count; i++)
            {
                token.ThrowIfCancellationRequested();
                progress?.Report(new EngineProgress(Activity, i, found.Count, "directories"));
                done = Rewrite(editor, found[i], done, token);
            }

            if (lower is not null)
                done = done with { Filled = Fill(editor, opaque, lower, token) };
            editor.Commit();
        }

        hasDevices |= done is { Whiteouts: > 0 } or { Filled: > 0 };
        if (done.Left == 0)
            MarkStamp.Write(window, hasDevices ? MarkReaders.All : MarkReaders.All | MarkReaders.NoWhiteouts);
        return done;
    }

    // Those who read opaque directories can do without: a full image is left as it is.
    private static int Fill(ExtEditor editor, List<OpaqueDirectory> directories, LowerNames lower, CancellationToken token)
    {
        var filler = new OpaqueFiller(editor, lower, token);
        _ = directories.TrueForAll(directory => Try(() => filler.Fill(directory)));
        return filler.Made;
    }

    private static MarkRewriting Rewrite(ExtEditor editor, DirectoryMarks marks, MarkRewriting done, CancellationToken token)
    {
        editor.CommitIfLarge();
        var before = editor.FileSystem.ReadInode(marks.Directory);
        foreach (var name in marks.Whiteouts)
        {
            token.ThrowIfCancellationRequested();
            editor.CommitIfLarge();
            done = Try(() => RewriteWhiteout(editor, marks.Directory, name))
                ? done with { Whiteouts = done.Whiteouts + 1 }
                : done with { Left = done.Left + 1 };
        }

        editor.CommitIfLarge();
        if (marks.IsOpaque)
        {
            done = Try(() => MakeOpaque(editor, marks.Directory, marks.OpaqueFiles))
                ? done with { Opaque = done.Opaque + 1 }
                : done with { Left = done.Left + 1 };
        }

        // To whoever looks into the container, nothing happened to the directory.
        editor.SetTimes(marks.Directory, null, before.Modified);
        return done;
    }

    private static void RewriteWhiteout(ExtEditor editor, uint directory, ExtName name)
    {
        if (OverlayMarks.HiddenByName(name) is not { } hidden)
            return;
        if (editor.Find(directory, hidden) is not { } beside)
        {
            editor.ReplaceByWhiteout(directory, name, hidden);
            return;
        }

        // fuse-overlayfs takes the mark away after it has put the new file in place: it was stopped in between. What is
        // there stays; of a directory, what is below must not come through.
        if (editor.FileSystem.ReadInode(beside).FileType == ExtFileType.Directory)
            MakeOpaque(editor, beside, []);
        editor.Unlink(directory, name);
    }

    private static void MakeOpaque(ExtEditor editor, uint directory, IReadOnlyList<ExtName> files)
    {
        editor.SetAttribute(directory, OverlayMarks.TrustedOpaque, OverlayMarks.Yes);
        editor.SetAttribute(directory, OverlayMarks.UserOpaque, OverlayMarks.Yes);
        if (editor.FileSystem.ReadAttributes(directory).ContainsKey(OverlayMarks.FuseOpaque))
            editor.RemoveAttribute(directory, OverlayMarks.FuseOpaque);
        foreach (var file in files)
        {
            if (editor.Find(directory, file) is not null)
                editor.Unlink(directory, file);
        }
    }

    // A full image is no reason to fail: who cannot read what is left is told so by the missing stamp.
    private static bool Try(Action rewrite)
    {
        try
        {
            rewrite();
            return true;
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayFull)
        {
            return false;
        }
    }
}
