using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Removes items from an overlay that is a directory, or hides entries of the base. Each item goes at once: it is
/// renamed first, or a mark takes its place in one step.</summary>
/// <param name="removal">What is wanted.</param>
/// <param name="warn">Told when nothing keeps others out.</param>
/// <param name="progress">Told of the files done.</param>
/// <param name="token">Stops the work between two items.</param>
internal sealed class DirectoryItemRemoval(
    OverlayItemRemoval removal, Action<string> warn, IProgress<EngineProgress>? progress, CancellationToken token)
{
    private readonly HashSet<string> _gone = new(StringComparer.Ordinal);
    private long _done;

    /// <summary>Removes all of it; nothing, when one of the items may not be removed.</summary>
    /// <exception cref="EngineException">As <see cref="OverlayItemRemoval"/> says.</exception>
    public void Run(IReadOnlyList<OverlayPath> paths)
    {
        DirectoryContent.RefuseId(removal.Path, removal.Id);
        using var overlay = DirectoryOverlay.Open(removal.Path, warn);
        var removed = new List<OverlayEntry>();
        var hidden = new List<OverlayPath>();
        using (var content = DirectoryContent.Open(removal.Path, null))
        {
            foreach (var path in paths)
                Plan(overlay, content, path, removed, hidden);
        }

        foreach (var entry in removed)
            Remove(overlay, entry);
        foreach (var path in hidden)
            Hide(overlay, path);
    }

    private void Plan(
        DirectoryOverlay overlay, DirectoryContent content, OverlayPath path, List<OverlayEntry> removed, List<OverlayPath> hidden)
    {
        token.ThrowIfCancellationRequested();
        // A directory that was piped here goes with what was listed after it.
        if (removal.Recurse && !path.HasPattern && path.Above.Any(_gone.Contains))
            return;
        foreach (var entry in removal.Found(content, path, token).Where(entry => _gone.Add(entry.ItemPath)))
        {
            Require(overlay, content, entry);
            removed.Add(entry);
        }

        if (removal.Whiteout && !path.HasPattern)
        {
            _ = overlay.Walk([.. path.Directories]);
            hidden.Add(path);
        }
    }

    private void Require(DirectoryOverlay overlay, DirectoryContent content, OverlayEntry entry)
    {
        if (entry.Type != ExtFileType.Directory)
            return;
        if (!removal.Recurse && content.List(entry).Any(child => !_gone.Contains(child.ItemPath)))
            throw OverlayItemRemoval.NotEmpty(entry);
        var pending = new Stack<OverlayEntry>([entry]);
        while (pending.TryPop(out var directory))
        {
            token.ThrowIfCancellationRequested();
            var isEmpty = true;
            foreach (var child in content.List(directory))
            {
                isEmpty = false;
                if (child.Type == ExtFileType.Directory)
                    pending.Push(child);
            }

            if (!isEmpty)
                RequireWritable(overlay, directory);
        }
    }

    // What is somebody else's, for example of a container with subordinate ids, would be found out when half is gone.
    private static void RequireWritable(DirectoryOverlay overlay, OverlayEntry directory)
    {
        if (directory.UserId == User.EffectiveId())
            return;
        var path = Path.Join(overlay.UpperPath, Encoding.UTF8.GetString(directory.RawPath));
        var errno = FileSystemStatus.Check(path, FileSystemStatus.Write | FileSystemStatus.Execute);
        if (errno != 0)
            throw new LinuxException("unlinkat", errno, path);
    }

    private void Remove(DirectoryOverlay overlay, OverlayEntry entry)
    {
        token.ThrowIfCancellationRequested();
        using var parent = overlay.OpenDirectory(entry.Parent!.RawPath);
        // What is named itself, and not by what hides it, and is to be hidden gives its place to the mark.
        if (removal.Whiteout)
            Hide(overlay, parent, entry.Parent.RawPath, OverlayMarks.HiddenByName(entry.Name) ?? entry.Name);
        else
            TreeRemover.RemoveAtOnce(parent, entry.Name, overlay.Describe(entry.Parent.RawPath, entry.Name), Report);
    }

    private void Hide(DirectoryOverlay overlay, OverlayPath path)
    {
        var directories = path.Directories.ToList();
        var (at, missing) = overlay.Walk(directories);
        if (missing > 0)
        {
            var names = directories.Skip(directories.Count - missing).ToList();
            new TreeWriter(overlay.Upper, overlay.UpperPath, new TreeWriting("Hiding", false, overlay.Owner, IsLayer: true), null, token)
                .Write(at, names[0], DirectoryItemImport.NewDirectories(overlay.Owner, names.Skip(1)).Top);
            (at, _) = overlay.Walk(directories);
        }

        using var parent = overlay.OpenDirectory(at);
        Hide(overlay, parent, at, path.LastName);
    }

    private void Hide(DirectoryOverlay overlay, SafeFileHandle parent, byte[] directory, ExtName name)
    {
        if (DirectoryWhiteouts.Of(parent, name).IsDevice)
            return;
        DirectoryWhiteouts.Make(parent, name, overlay.Owner, overlay.Describe(directory, name));
        Report();
    }

    private void Report() => progress?.Report(new EngineProgress("Removing from the overlay", ++_done, 0, "files"));
}
