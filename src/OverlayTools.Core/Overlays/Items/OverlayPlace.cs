using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>A name in a directory of an overlay that an editor has open: where something is, or is put.</summary>
internal sealed class OverlayPlace
{
    private readonly uint _upper;
    private readonly OverlayOwner _owner;
    private readonly string _itemPath;
    private readonly CancellationToken _token;

    private OverlayPlace(ExtEditor editor, uint upper, OverlayOwner owner, uint directory, OverlayPath path, string itemPath, CancellationToken token)
    {
        (Editor, _upper, _owner, _itemPath, _token) = (editor, upper, owner, itemPath, token);
        (Directory, Name) = (directory, path.LastName);
    }

    public ExtEditor Editor { get; }

    /// <summary>The inode of the directory.</summary>
    public uint Directory { get; }

    public ExtName Name { get; }

    /// <summary>Whether what is there is a directory.</summary>
    public bool IsDirectory => Find() is { } inode && Editor.FileSystem.ReadInode(inode).FileType == ExtFileType.Directory;

    /// <summary>Looks for the directory, which has to be there.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayItemNotFound"/>,
    /// <see cref="ErrorIds.OverlayWrongFileType"/>, <see cref="ErrorIds.InvalidDirectoryName"/>.</exception>
    public static OverlayPlace Of(ExtEditor editor, string image, string itemPath, CancellationToken token)
    {
        var path = new OverlayPath(itemPath);
        if (path.IsRoot)
            throw new EngineException(ErrorIds.InvalidDirectoryName, "The overlay itself cannot be replaced, moved or copied.",
                "Name something in it.", itemPath);
        var (upper, owner) = OverlayEditing.Upper(editor, image);
        var at = upper;
        foreach (var name in path.Directories)
        {
            if (editor.Find(at, name) is not { } found
                || editor.FileSystem.ReadInode(found).FileType != ExtFileType.Directory)
            {
                throw new EngineException(ErrorIds.OverlayItemNotFound,
                    $"There is no directory '{OverlayEntry.Show(name)}' on the way to '{itemPath}' in the overlay '{image}'.",
                    "Make it first: what only the base has is not in the overlay. Links are not followed.", itemPath);
            }

            at = found;
        }

        return new OverlayPlace(editor, upper, owner, at, path, itemPath, token);
    }

    /// <summary>The inode that has the name; null when there is none, or only the mark of a deletion.</summary>
    public uint? Find() =>
        Editor.Find(Directory, Name) is { } inode && Editor.FileSystem.ReadInode(inode) is var found
        && (found.FileType != ExtFileType.CharacterDevice || found.Device is not (0, 0))
            ? inode
            : null;

    /// <summary>Puts a file, with what hangs below it, here.</summary>
    /// <returns>Its inode.</returns>
    public uint Insert(ExtNode node, bool replace, bool keepOwners = false)
    {
        NewInserter(keepOwners, replace).Insert(Directory, Name, node);
        return Editor.Find(Directory, Name) ?? throw new InvalidOperationException("What was inserted is not there.");
    }

    /// <summary>Takes away what must not be here when something is moved here: marks of deletions.</summary>
    /// <returns>Whether there was one: what the base has under the name is to stay hidden.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/> when something is here, and is not
    /// to be replaced, or is a directory, or would be replaced by one.</exception>
    public bool MakeRoom(bool replace, bool forDirectory)
    {
        var found = NewInserter(keepOwners: false, replace).Uncover(Directory, Name, out var wasHidden);
        if (found is not null && (!replace || forDirectory || IsDirectory))
            throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{_itemPath}' is in the overlay already.",
                "Choose another name, or, for a file, give -Force to replace it.", _itemPath);
        return wasHidden;
    }

    public EngineException WrongType(string what) =>
        new(ErrorIds.OverlayWrongFileType, $"'{_itemPath}' {what}.", "Links are not followed: name the file itself.", _itemPath);

    private NodeInserter NewInserter(bool keepOwners, bool replace) =>
        new(Editor, _upper, _owner, keepOwners, replace, null, _token);
}
