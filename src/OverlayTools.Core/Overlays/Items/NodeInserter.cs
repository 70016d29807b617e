using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Puts trees of files below <c>upper</c> of an image that an editor has open, and takes marks of deletions away
/// that would hide them.</summary>
internal sealed class NodeInserter
{
    private readonly ExtEditor _editor;
    private readonly uint _upper;
    private readonly OverlayOwner _owner;
    private readonly bool _keepOwners;
    private readonly bool _replace;
    private readonly IProgress<EngineProgress>? _progress;
    private readonly CancellationToken _token;
    private readonly Dictionary<ExtNode, uint> _made = new(ReferenceEqualityComparer.Instance);
    private long _done;

    /// <param name="editor">The image.</param>
    /// <param name="upper">The inode of <c>upper</c>.</param>
    /// <param name="owner">Who owns directories that have to be made, and all files unless their owners are
    /// kept.</param>
    /// <param name="keepOwners">Whether files keep the owners that they have.</param>
    /// <param name="replace">Whether files that are there are replaced, and directories merged.</param>
    /// <param name="progress">Told of the files done.</param>
    /// <param name="token">Stops the work.</param>
    public NodeInserter(
        ExtEditor editor, uint upper, OverlayOwner owner, bool keepOwners, bool replace,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        (_editor, _upper, _owner, _keepOwners, _replace) = (editor, upper, owner, keepOwners, replace);
        (_progress, _token) = (progress, token);
    }

    /// <summary>Files in all, for the progress.</summary>
    public long Total { get; set; }

    /// <summary>The inode of a directory, made with those above it where they are missing.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayWrongFileType"/> when one is no directory, or a link
    /// to one.</exception>
    public uint Directory(IEnumerable<ExtName> names)
    {
        var at = _upper;
        foreach (var name in names)
        {
            var found = Uncover(at, name, out var wasHidden);
            if (found is { } inode && _editor.FileSystem.ReadInode(inode).FileType != ExtFileType.Directory)
                throw NoDirectory(name);
            at = found ?? MakeDirectory(at, name, OverlayTree.DefaultPermissions, _owner, wasHidden);
        }

        return at;
    }

    /// <summary>The error that a name on the way is another file than a directory.</summary>
    public static EngineException NoDirectory(ExtName name) => new(ErrorIds.OverlayWrongFileType,
        $"'{OverlayEntry.Show(name)}' on the way is no directory.",
        "Links in the overlay are not followed: name the directory itself.", OverlayEntry.Show(name));

    /// <summary>Puts a file, with all that hangs below it, into a directory.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/>,
    /// <see cref="ErrorIds.OverlayWrongFileType"/>, <see cref="ErrorIds.OverlayFull"/> and what else the editor
    /// raises.</exception>
    public void Insert(uint directory, ExtName name, ExtNode node)
    {
        var finish = new Stack<(uint Inode, ExtNode Node)>();
        var pending = new Stack<(uint Directory, string Above, ExtName Name, ExtNode Node)>([(directory, string.Empty, name, node)]);
        while (pending.TryPop(out var next))
        {
            _token.ThrowIfCancellationRequested();
            var inode = InsertOne(next.Directory, next.Above, next.Name, next.Node);
            _progress?.Report(new EngineProgress("Copying into the overlay", ++_done, Total, "files"));
            if (next.Node.Type != ExtFileType.Directory)
                continue;
            finish.Push((inode, next.Node));
            var path = next.Above + OverlayEntry.Show(next.Name) + "/";
            foreach (var (child, below) in next.Node.Children.Reverse())
                pending.Push((inode, path, child, below));
        }

        // What is put into a directory changes its time.
        while (finish.TryPop(out var item))
            SetTimes(item.Inode, item.Node);
    }

    /// <param name="directory">Where to.</param>
    /// <param name="above">The path of that, from what is inserted, for errors; with a slash at its end.</param>
    /// <param name="name">The file's name.</param>
    /// <param name="node">The file.</param>
    private uint InsertOne(uint directory, string above, ExtName name, ExtNode node)
    {
        var (inode, isBare) = InsertBare(directory, name, node);
        if (!isBare)
            return inode;
        try
        {
            foreach (var (attribute, value) in node.Attributes)
                _editor.SetAttribute(inode, attribute, value);
        }
        catch (EngineException error)
        {
            throw error.About(above + OverlayEntry.Show(name));
        }

        if (node.Type != ExtFileType.Directory)
            SetTimes(inode, node);
        return inode;
    }

    /// <returns>The inode, and whether it lacks its attributes and times: another name of a file has them.</returns>
    private (uint Inode, bool IsBare) InsertBare(uint directory, ExtName name, ExtNode node)
    {
        var found = Uncover(directory, name, out var wasHidden);
        var owner = OwnerOf(node);
        if (found is not { } existing)
            return node.Type == ExtFileType.Directory
                ? (MakeDirectory(directory, name, node.Permissions, owner, wasHidden), true)
                : MakeFile(directory, name, node, owner);
        if (!_replace)
            throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{OverlayEntry.Show(name)}' is in the overlay already.",
                "Choose another name, or give -Force to replace it.", OverlayEntry.Show(name));
        var isDirectory = _editor.FileSystem.ReadInode(existing).FileType == ExtFileType.Directory;
        if (isDirectory != (node.Type == ExtFileType.Directory))
            throw new EngineException(ErrorIds.OverlayWrongFileType,
                $"'{OverlayEntry.Show(name)}' is {(isDirectory ? "a" : "no")} directory in the overlay, and what would replace it is {(isDirectory ? "none" : "one")}.",
                "Remove it first with Remove-OverlayItem.", OverlayEntry.Show(name));
        if (isDirectory)
        {
            _editor.SetOwner(existing, owner.UserId, owner.GroupId);
            _editor.SetPermissions(existing, node.Permissions);
            return (existing, true);
        }

        _editor.Unlink(directory, name);
        return MakeFile(directory, name, node, owner);
    }

    /// <summary>Takes away what would hide a name, in either form.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="name">The name.</param>
    /// <param name="wasHidden">Whether there was such a mark.</param>
    /// <returns>The inode that has the name; what is hidden counts as not there.</returns>
    public uint? Uncover(uint directory, ExtName name, out bool wasHidden)
    {
        wasHidden = false;
        if (OverlayMarks.FileFor(name) is { } mark && _editor.Find(directory, mark) is { } file
            && _editor.FileSystem.ReadInode(file).FileType != ExtFileType.Directory)
        {
            _editor.Unlink(directory, mark);
            wasHidden = true;
        }

        if (_editor.Find(directory, name) is not { } found)
            return null;
        var inode = _editor.FileSystem.ReadInode(found);
        if (inode.FileType != ExtFileType.CharacterDevice || inode.Device is not (0, 0))
            return found;
        _editor.Unlink(directory, name);
        wasHidden = true;
        return null;
    }

    // A directory in place of a deleted one must not show what the base had in that: it is opaque, for everybody who may
    // mount it.
    private uint MakeDirectory(uint directory, ExtName name, uint permissions, OverlayOwner owner, bool opaque)
    {
        var made = _editor.MakeDirectory(directory, name, permissions, owner.UserId, owner.GroupId);
        if (opaque)
            MakeOpaque(_editor, made);
        return made;
    }

    /// <summary>Has a directory show nothing of the base's.</summary>
    public static void MakeOpaque(ExtEditor editor, uint directory)
    {
        foreach (var attribute in OverlayMarks.OpaqueAttributes)
            editor.SetAttribute(directory, attribute, OverlayMarks.Yes);
    }

    private (uint Inode, bool IsBare) MakeFile(uint directory, ExtName name, ExtNode node, OverlayOwner owner)
    {
        if (_made.TryGetValue(node, out var known))
        {
            _editor.Link(known, directory, name);
            return (known, false);
        }

        uint made;
        switch (node.Type)
        {
            case ExtFileType.RegularFile:
                made = _editor.CreateFile(directory, name, node.Permissions, owner.UserId, owner.GroupId);
                if (node.Content.Length > 0)
                    _editor.WriteFrom(made, node.Content, null, _token);
                break;
            case ExtFileType.SymbolicLink:
                made = _editor.MakeSymbolicLink(directory, name, node.Target, owner.UserId, owner.GroupId);
                break;
            default:
                made = _editor.MakeNode(
                    directory, name, node.Type, node.Permissions, owner.UserId, owner.GroupId, node.DeviceMajor, node.DeviceMinor);
                break;
        }

        _made[node] = made;
        return (made, true);
    }

    private void SetTimes(uint inode, ExtNode node)
    {
        if (node.Modified is not { } modified)
            return;
        try
        {
            _editor.SetTimes(inode, node.Accessed ?? modified, modified);
        }
        catch (ArgumentOutOfRangeException)
        {
            // The inodes cannot hold it; the file keeps the time of the copy.
        }
    }

    private OverlayOwner OwnerOf(ExtNode node) => _keepOwners ? new OverlayOwner(node.UserId, node.GroupId) : _owner;
}
