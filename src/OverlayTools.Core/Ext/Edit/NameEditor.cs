namespace OverlayTools.Ext.Edit;

/// <summary>Makes, moves and removes the names of files, as POSIX says.</summary>
internal sealed class NameEditor(EditState state, InodeEditor inodes)
{
    /// <summary>The most names of a file, and subdirectories (two less) of a directory without the feature dir_nlink
    /// (kernel, <c>EXT4_LINK_MAX</c>).</summary>
    internal const int MostLinks = 65000;

    /// <summary>The kernel follows no longer path (<c>PATH_MAX</c>, its NUL included).</summary>
    private const int LongestPath = 4096;

    /// <summary>The inode that a name leads to.</summary>
    public uint? Find(uint parent, ExtName name) => new DirectoryEditor(state, parent).Find(name.Bytes);

    /// <summary>Makes an empty regular file.</summary>
    public uint CreateFile(uint parent, ExtName name, uint permissions, uint userId, uint groupId) =>
        Create(parent, name, ExtFileType.RegularFile, permissions, userId, groupId, static _ => { });

    /// <summary>Makes a device, a named pipe or a socket.</summary>
    public uint MakeNode(
        uint parent, ExtName name, ExtFileType type, uint permissions, uint userId, uint groupId,
        uint major, uint minor)
    {
        if (type is not (ExtFileType.CharacterDevice or ExtFileType.BlockDevice
            or ExtFileType.Fifo or ExtFileType.Socket))
            throw new ArgumentOutOfRangeException(nameof(type), type, null);
        // Twelve bits and twenty, as the kernel's dev_t has.
        ArgumentOutOfRangeException.ThrowIfGreaterThan(major, 0xFFFu);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minor, 0xFFFFFu);
        return Create(parent, name, type, permissions, userId, groupId, made =>
        {
            if (type is ExtFileType.CharacterDevice or ExtFileType.BlockDevice)
                made.Inode.SetDevice(major, minor);
        });
    }

    /// <summary>Makes a symbolic link.</summary>
    public uint MakeSymbolicLink(uint parent, ExtName name, ReadOnlyMemory<byte> target, uint userId, uint groupId)
    {
        if (target.IsEmpty || target.Span.Contains((byte)0))
            throw new EngineException(ErrorIds.InvalidDirectoryName,
                "The target of a symbolic link is empty, or has a NUL.", null);
        var most = Math.Min(state.BlockSize, LongestPath) - 1;
        if (target.Length > most)
            throw new EngineException(ErrorIds.InvalidDirectoryName,
                $"The target of a symbolic link has {target.Length} bytes; {most} are possible.", null);
        return Create(parent, name, ExtFileType.SymbolicLink, 0x1FF, userId, groupId, made =>
        {
            made.Inode.Size = target.Length;
            if (target.Length < ExtInode.PointerBytes)
            {
                target.Span.CopyTo(made.Inode.Pointers);
                return;
            }

            var block = state.Groups.Take(state.Groups.GoalFor(made.Number));
            target.Span.CopyTo(state.Stage.Begin(block));
            var map = new FileBlocks(state, made.Number, made.Inode);
            map.Set(0, block);
            map.Count(1);
        });
    }

    /// <summary>Makes an empty directory.</summary>
    public uint MakeDirectory(uint parent, ExtName name, uint permissions, uint userId, uint groupId)
    {
        var directory = Vacant(parent, name);
        RequireLink(directory.Inode, parent);
        var (number, inode) = inodes.Make(parent, ExtFileType.Directory, permissions, userId, groupId);
        var block = state.Groups.Take(state.Groups.GoalFor(number));
        DirectoryBlock.PutDots(state.Stage.Begin(block), number, parent, state.HasTypes);
        var map = new FileBlocks(state, number, inode);
        map.Set(0, block);
        map.Count(1);
        inode.Size = state.BlockSize;
        state.WriteInode(number, inode);
        directory.Inode.LinksCount++;
        directory.Add(name.Bytes, number, ExtFileType.Directory);
        return number;
    }

    /// <summary>Gives a file another name.</summary>
    public void Link(uint number, uint parent, ExtName name)
    {
        var inode = state.ReadInode(number);
        if (inode.FileType == ExtFileType.Directory)
            throw new EngineException(ErrorIds.OverlayWrongFileType,
                "A directory cannot have a second name.", null, name);
        var directory = Vacant(parent, name);
        RequireLink(inode, number);
        inode.LinksCount++;
        inode.Changed = state.Now;
        state.WriteInode(number, inode);
        directory.Add(name.Bytes, number, inode.FileType);
    }

    /// <summary>Removes the name of a file that is no directory.</summary>
    public void Unlink(uint parent, ExtName name)
    {
        var (directory, number, inode) = Existing(parent, name);
        if (inode.FileType == ExtFileType.Directory)
            throw new EngineException(ErrorIds.OverlayWrongFileType, $"'{name}' is a directory.", null, name);
        directory.Remove(name.Bytes);
        inodes.DropName(number, inode);
    }

    /// <summary>Removes an empty directory.</summary>
    public void RemoveDirectory(uint parent, ExtName name)
    {
        var (directory, number, inode) = Existing(parent, name);
        if (inode.FileType != ExtFileType.Directory)
            throw new EngineException(ErrorIds.OverlayWrongFileType, $"'{name}' is not a directory.", null, name);
        RequireEmpty(number, name);
        DropSubdirectory(directory.Inode);
        directory.Remove(name.Bytes);
        inodes.DropName(number, inode);
    }

    /// <summary>Gives a file another name in place of one that it has; what has the new name is removed.</summary>
    public void Rename(uint oldParent, ExtName oldName, uint newParent, ExtName newName)
    {
        var (_, number, inode) = Existing(oldParent, oldName);
        var isDirectory = inode.FileType == ExtFileType.Directory;
        if (isDirectory)
            RequireOutside(number, newParent, oldName);
        var target = new DirectoryEditor(state, newParent);
        var replaced = target.Find(newName.Bytes);
        if (replaced == number)
            return;
        var replacedInode = replaced is { } there ? state.ReadInode(there) : null;
        RequireReplaceable(isDirectory, replaced, replacedInode, newName);
        var moves = isDirectory && oldParent != newParent;
        if (moves && replaced is null)
            RequireLink(target.Inode, newParent);

        // A directory that is replaced takes its ".." along, one that comes brings its own.
        if (moves && replaced is null)
            target.Inode.LinksCount++;
        else if (isDirectory && !moves && replaced is not null)
            DropSubdirectory(target.Inode);
        if (replaced is null)
            target.Add(newName.Bytes, number, inode.FileType);
        else
            target.Retarget(newName.Bytes, number, inode.FileType);

        var source = new DirectoryEditor(state, oldParent);
        if (moves)
            DropSubdirectory(source.Inode);
        source.Remove(oldName.Bytes);
        // Moving may have changed the inode: it is a directory above, or the same file.
        inode = state.ReadInode(number);
        inode.Changed = state.Now;
        state.WriteInode(number, inode);
        if (moves)
            new DirectoryEditor(state, number).Parent = newParent;
        if (replaced is { } gone)
            inodes.DropName(gone, state.ReadInode(gone));
    }

    /// <summary>Removes a file, or a directory with all that is in it.</summary>
    public void RemoveTree(
        uint parent, ExtName name, IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        var (directory, number, inode) = Existing(parent, name);
        if (inode.FileType != ExtFileType.Directory)
        {
            directory.Remove(name.Bytes);
            inodes.DropName(number, inode);
            return;
        }

        DropSubdirectory(directory.Inode);
        directory.Remove(name.Bytes);
        // What is deleted needs no names taken out of it. A directory that is met twice is free the second time.
        var pending = new Stack<uint>([number]);
        var done = 0L;
        while (pending.TryPop(out var next))
        {
            var removed = new DirectoryEditor(state, next);
            foreach (var (below, child) in removed.List())
            {
                cancellation.ThrowIfCancellationRequested();
                var childInode = ReadNamed(below, child);
                if (childInode.FileType == ExtFileType.Directory)
                    pending.Push(child);
                else
                    inodes.DropName(child, childInode);
                progress?.Report(new EngineProgress("Removing", ++done, done, "files"));
            }

            inodes.Delete(next, state.ReadInode(next), cancellation);
        }
    }

    private uint Create(
        uint parent, ExtName name, ExtFileType type, uint permissions, uint userId, uint groupId,
        Action<(uint Number, ExtInode Inode)> fill)
    {
        var directory = Vacant(parent, name);
        var made = inodes.Make(parent, type, permissions, userId, groupId);
        fill(made);
        state.WriteInode(made.Number, made.Inode);
        directory.Add(name.Bytes, made.Number, type);
        return made.Number;
    }

    private DirectoryEditor Vacant(uint parent, ExtName name)
    {
        RequireName(name);
        var directory = new DirectoryEditor(state, parent);
        if (directory.Find(name.Bytes) is not null)
            throw new EngineException(ErrorIds.OverlayAlreadyExists,
                $"'{name}' exists already.", "Choose another name.", name);
        return directory;
    }

    private (DirectoryEditor Directory, uint Number, ExtInode Inode) Existing(uint parent, ExtName name)
    {
        RequireName(name);
        var directory = new DirectoryEditor(state, parent);
        var number = directory.Find(name.Bytes)
            ?? throw new EngineException(ErrorIds.OverlayFileNotFound, $"'{name}' does not exist.", null, name);
        return (directory, number, ReadNamed(name, number));
    }

    // A name that leads to an inode that is free is damage, not a file that is missing.
    private ExtInode ReadNamed(ExtName name, uint number) =>
        number != ExtInode.Root && state.View.ReadInode(number).LinksCount != 0
            ? state.ReadInode(number)
            : throw ExtCorrupt.Because($"'{name}' leads to inode {number}, which is free, or the root.");

    private static void RequireName(ExtName name)
    {
        if (name.Bytes.IsEmpty)
            throw new EngineException(ErrorIds.InvalidDirectoryName,
                "A file name cannot be empty.", "Choose another name.");
    }

    private static void RequireLink(ExtInode inode, uint number)
    {
        if (inode.LinksCount >= MostLinks)
            throw new EngineException(ErrorIds.OverlayTooManyLinks,
                $"Inode {number} has {inode.LinksCount} links, and cannot have more.",
                inode.FileType == ExtFileType.Directory ? "Use another directory." : "Copy the file.");
    }

    private static void DropSubdirectory(ExtInode inode)
    {
        if (inode.LinksCount <= 2)
            throw ExtCorrupt.Because($"a directory that has a subdirectory counts {inode.LinksCount} links.");
        inode.LinksCount--;
    }

    private void RequireEmpty(uint number, ExtName name)
    {
        if (!new DirectoryEditor(state, number).IsEmpty())
            throw new EngineException(ErrorIds.OverlayDirectoryNotEmpty, $"The directory '{name}' is not empty.",
                "Remove what is in it first.", name);
    }

    private void RequireReplaceable(bool isDirectory, uint? replaced, ExtInode? inode, ExtName name)
    {
        if (replaced is null || inode is null)
            return;
        if (isDirectory != (inode.FileType == ExtFileType.Directory))
            throw new EngineException(ErrorIds.OverlayWrongFileType,
                isDirectory ? $"'{name}' is not a directory." : $"'{name}' is a directory.", null, name);
        if (isDirectory)
            RequireEmpty(replaced.Value, name);
    }

    private void RequireOutside(uint number, uint directory, ExtName name)
    {
        // Damaged directories may go round in a circle.
        var steps = 0u;
        for (var at = directory; at != ExtInode.Root; at = new DirectoryEditor(state, at).Parent)
        {
            if (at == number)
                throw new EngineException(ErrorIds.OverlayMoveIntoItself,
                    $"The directory '{name}' cannot be moved below itself.", null, name);
            if (++steps > state.Geometry.InodesCount)
                throw ExtCorrupt.Because($"directory, inode {directory}: it does not hang at the root.");
        }
    }
}
