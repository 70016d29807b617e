using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>Changes owners and labels of overlay images in place, through the images' own journals.</summary>
public static class OverlayChanger
{
    private const string Activity = "Changing owners";

    /// <summary>Makes the change. A journal that has to be replayed is replayed first.</summary>
    /// <param name="change">What shall be different.</param>
    /// <param name="progress">Told of the files done.</param>
    /// <param name="token">Stops the work. What fits into the journal at once, which is nearly always all, is changed
    /// wholly or not at all; of more, a part may be changed, and the owner of <c>upper</c> and <c>work</c> comes
    /// last.</param>
    /// <returns>The images as they are then.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayFeatureUnsupported"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>, <see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OverlayLabelInvalid"/>, <see cref="ErrorIds.OptionConflict"/>,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>, <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.SifCorrupt"/>.</exception>
    public static IReadOnlyList<OverlayImage> Apply(
        OverlayChange change, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var path = change.Path;
        using var image = LockedImage.ToChange(path, change.Id);
        if (!change.Force)
            OverlayLocation.RefuseSigned(image.File, path, image.Locations);
        foreach (var location in image.Locations)
            Apply(location.Open(image.File), change, progress, token);
        return [.. image.Locations.Select(location =>
            OverlayReader.Describe(image.File, path, location.Id, location.Offset, location.Length, token))];
    }

    /// <summary>Makes the change in a file system that nobody else uses.</summary>
    internal static void Apply(
        Window window, OverlayChange change, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        using var editor = ExtEditor.OpenRecovered(window, progress, token);
        var fileSystem = ExtFileSystem.Open(window);
        if (change.Label is { } label && label != fileSystem.Superblock.Label)
            editor.SetLabel(label);
        if (change.Owner is { } owner)
        {
            var directories = DirectoriesOf(fileSystem, change.Path);
            if (change.Recurse)
                SetOwners(editor, fileSystem, Below(fileSystem, directories, token), owner, change.From, progress, token);
            // Last, and together: as long as they have their old owner, the work is not done.
            foreach (var directory in directories)
                SetOwner(editor, fileSystem.ReadInode(directory), directory, owner, change.From);
        }

        token.ThrowIfCancellationRequested();
        editor.Commit();
    }

    // What is not committed yet is not read again: every file is visited once.
    private static void SetOwners(
        ExtEditor editor, ExtFileSystem fileSystem, List<uint> files, OverlayOwner owner, OverlayOwner? from,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        for (var i = 0; i < files.Count; i++)
        {
            token.ThrowIfCancellationRequested();
            progress?.Report(new EngineProgress(Activity, i, files.Count, "files"));
            SetOwner(editor, fileSystem.ReadInode(files[i]), files[i], owner, from);
            editor.CommitIfLarge();
        }

        progress?.Report(new EngineProgress(Activity, files.Count, files.Count, "files"));
    }

    private static void SetOwner(ExtEditor editor, ExtInode inode, uint number, OverlayOwner owner, OverlayOwner? from)
    {
        var user = from is null || inode.UserId == from.UserId ? owner.UserId : inode.UserId;
        var group = from is null || inode.GroupId == from.GroupId ? owner.GroupId : inode.GroupId;
        if (inode.UserId != user || inode.GroupId != group)
            editor.SetOwner(number, user, group);
    }

    private static uint[] DirectoriesOf(ExtFileSystem fileSystem, string path)
    {
        var upper = FindDirectory(fileSystem, "/upper")
            ?? throw new EngineException(ErrorIds.OverlayMissingUpper, $"The overlay '{path}' has no directory 'upper'.",
                "An overlay image has 'upper' and 'work' at its root; New-OverlayImage makes one.", path);
        return FindDirectory(fileSystem, "/work") is { } work ? [work, upper] : [upper];
    }

    // Each once, whatever names it has; symbolic links are themselves, and lead nowhere. In the order in which the
    // inodes lie on the disk.
    private static List<uint> Below(ExtFileSystem fileSystem, uint[] directories, CancellationToken token)
    {
        var seen = new HashSet<uint>(directories);
        var pending = new Stack<uint>(directories);
        while (pending.TryPop(out var directory))
        {
            foreach (var entry in fileSystem.ReadDirectory(directory))
            {
                token.ThrowIfCancellationRequested();
                if (!seen.Add(entry.Inode))
                    continue;
                if (entry.Type is ExtFileType.Directory
                    || (entry.Type is ExtFileType.Unknown && fileSystem.ReadInode(entry.Inode).FileType == ExtFileType.Directory))
                    pending.Push(entry.Inode);
            }
        }

        seen.ExceptWith(directories);
        return [.. seen.Order()];
    }

    private static uint? FindDirectory(ExtFileSystem fileSystem, string path) =>
        fileSystem.Find(path) is { } inode && fileSystem.ReadInode(inode).FileType == ExtFileType.Directory ? inode : null;
}
