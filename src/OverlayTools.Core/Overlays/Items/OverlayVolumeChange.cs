using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Changes to the files of an overlay that is open to be changed, as a user's file manager makes them.</summary>
public static class OverlayVolumeChange
{
    private static readonly ExtNode s_emptyFile = ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0); // 0644

    /// <summary>Makes a directory; those above it have to be there.</summary>
    /// <param name="volume">The overlay.</param>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/>,
    /// <see cref="ErrorIds.OverlayItemNotFound"/> for a directory above, <see cref="ErrorIds.OverlayFull"/>,
    /// <see cref="ErrorIds.OverlayNotWritable"/>.</exception>
    public static void MakeDirectory(this OverlayVolume volume, string itemPath, CancellationToken token = default) =>
        volume.Change(itemPath, place => place.Insert(ExtNode.Directory(OverlayTree.DefaultPermissions, 0, 0), replace: false), token);

    /// <summary>Makes a symbolic link.</summary>
    /// <param name="volume">The overlay.</param>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="target">Where it leads.</param>
    /// <param name="replace">Whether a file that is there is replaced.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException">As <see cref="MakeDirectory"/>.</exception>
    public static void MakeLink(
        this OverlayVolume volume, string itemPath, string target, bool replace, CancellationToken token = default) =>
        volume.Change(itemPath, place => place.Insert(ExtNode.SymbolicLink(target, 0, 0), replace), token);

    /// <summary>Makes a file.</summary>
    /// <param name="volume">The overlay.</param>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="content">What it holds, from where the stream is to its end; it can seek.</param>
    /// <param name="replace">Whether a file that is there is replaced.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException">As <see cref="MakeDirectory"/>.</exception>
    public static void MakeFile(
        this OverlayVolume volume, string itemPath, Stream content, bool replace, CancellationToken token = default)
    {
        var start = content.Position;
        volume.Change(itemPath, place =>
        {
            content.Position = start;
            place.Editor.WriteFrom(place.Insert(s_emptyFile, replace), 0, content, null, token);
        }, token);
    }

    /// <summary>Writes what a file holds: one that is there keeps its owner, mode and attributes, one that is not is
    /// made.</summary>
    /// <param name="volume">The overlay.</param>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="content">The bytes, from where the stream is to its end; it can seek.</param>
    /// <param name="append">Whether they go behind what is there, instead of in its place.</param>
    /// <param name="token">Stops the work: the file is as it was.</param>
    /// <exception cref="EngineException">As <see cref="MakeDirectory"/>; <see cref="ErrorIds.OverlayWrongFileType"/>
    /// when it is no regular file.</exception>
    public static void WriteFile(
        this OverlayVolume volume, string itemPath, Stream content, bool append, CancellationToken token = default)
    {
        var start = content.Position;
        volume.Change(itemPath, place =>
        {
            content.Position = start;
            if (place.Find() is not { } inode)
            {
                place.Editor.WriteFrom(place.Insert(s_emptyFile, replace: false), 0, content, null, token);
                return;
            }

            var found = place.Editor.FileSystem.ReadInode(inode);
            if (found.FileType != ExtFileType.RegularFile)
                throw place.WrongType("is no regular file");
            if (!append)
                place.Editor.Truncate(inode, 0, token);
            place.Editor.WriteFrom(inode, append ? found.Size : 0, content, null, token);
        }, token);
    }

    /// <summary>Removes a file, or a directory.</summary>
    /// <param name="volume">The overlay.</param>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="recurse">Whether a directory is removed with all that is in it.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayItemNotFound"/>,
    /// <see cref="ErrorIds.OverlayDirectoryNotEmpty"/>, <see cref="ErrorIds.OverlayNotWritable"/>.</exception>
    public static void Remove(this OverlayVolume volume, string itemPath, bool recurse, CancellationToken token = default)
    {
        var removal = new OverlayItemRemoval { Path = volume.Path, Id = volume.Id, ItemPaths = [itemPath], Recurse = recurse };
        volume.Change(editor => removal.RunIn(editor, token), token);
    }

    /// <summary>Gives a file or directory another name, or another directory.</summary>
    /// <param name="volume">The overlay.</param>
    /// <param name="itemPath">What is there.</param>
    /// <param name="destination">Its new path; the directories above are there.</param>
    /// <param name="replace">Whether a file that is there is replaced.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayItemNotFound"/>,
    /// <see cref="ErrorIds.OverlayAlreadyExists"/>, <see cref="ErrorIds.OverlayMoveIntoItself"/>,
    /// <see cref="ErrorIds.OverlayNotWritable"/>.</exception>
    public static void Move(
        this OverlayVolume volume, string itemPath, string destination, bool replace, CancellationToken token = default) =>
        volume.Change(editor =>
        {
            var from = OverlayPlace.Of(editor, volume.Path, itemPath, token);
            var to = OverlayPlace.Of(editor, volume.Path, destination, token);
            var moved = from.Find() ?? throw new OverlayPath(itemPath).NotFound(volume.Path);
            var isDirectory = from.IsDirectory;
            var wasHidden = to.MakeRoom(replace, isDirectory);
            editor.Rename(from.Directory, from.Name, to.Directory, to.Name);
            if (isDirectory && wasHidden)
                NodeInserter.MakeOpaque(editor, moved);
        }, token);

    /// <summary>Copies a file or directory to another place in the overlay.</summary>
    /// <param name="volume">The overlay.</param>
    /// <param name="itemPath">What is there.</param>
    /// <param name="destination">The path of the copy; the directories above are there.</param>
    /// <param name="recurse">Whether a directory is copied with all that is in it.</param>
    /// <param name="replace">Whether files that are there are replaced, and directories merged.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException">As <see cref="Move"/>; <see cref="ErrorIds.OverlayFull"/>.</exception>
    public static void Copy(
        this OverlayVolume volume, string itemPath, string destination, bool recurse, bool replace,
        CancellationToken token = default)
    {
        var (from, to) = (new OverlayPath(itemPath), new OverlayPath(destination));
        if (from.Names.SequenceEqual(to.Names.Take(from.Names.Count())))
            throw new EngineException(ErrorIds.OverlayMoveIntoItself, $"'{itemPath}' cannot be copied into itself.",
                "Choose another destination.", destination);
        volume.Change(destination, place =>
        {
            var content = ImageContent.Of(place.Editor.FileSystem, volume.Path, volume.Id);
            var entry = from.Resolve(content, token).First();
            var node = content.Read(entry, token);
            if (node.Type == ExtFileType.Directory && !recurse)
                node = ExtNode.Directory(node.Permissions, node.UserId, node.GroupId);
            place.Insert(node, replace, keepOwners: true);
        }, token);
    }

    private static void Change(this OverlayVolume volume, string itemPath, Action<OverlayPlace> work, CancellationToken token) =>
        volume.Change(editor => work(OverlayPlace.Of(editor, volume.Path, itemPath, token)), token);
}
