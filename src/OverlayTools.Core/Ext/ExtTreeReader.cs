namespace OverlayTools.Ext;

/// <summary>Turns a file system, or a directory in it, into a tree of <see cref="ExtNode"/>.</summary>
internal sealed class ExtTreeReader
{
    private readonly ExtFileSystem _fileSystem;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<uint, (ExtNode Node, int Names)> _files = [];
    private readonly HashSet<uint> _directories = [];

    /// <summary>Blocks of files and directories, and steps taken to find them, that may still be met: a damaged file
    /// system can lead to the same block any number of times.</summary>
    private long _blocksLeft;
    private long _stepsLeft;

    private ExtTreeReader(ExtFileSystem fileSystem, CancellationToken cancellation)
    {
        _fileSystem = fileSystem;
        _cancellation = cancellation;
        _blocksLeft = fileSystem.Geometry.BlocksCount;
        _stepsLeft = 4L * fileSystem.Geometry.BlocksCount + 8L * fileSystem.Geometry.InodesCount;
    }

    /// <summary>Reads the directory and all that hangs below it.</summary>
    /// <param name="fileSystem">The file system; one whose journal has to be replayed is given as it is after
    /// that.</param>
    /// <param name="path">A directory in it; symbolic links are not followed.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/> when there is no such directory,
    /// <see cref="ErrorIds.OverlayCorrupt"/> for whatever does not fit: a directory with two names, more names than an
    /// inode has links, blocks that are used twice. <see cref="ErrorIds.OverlayFeatureUnsupported"/>, naming the file,
    /// for what cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The token asked for it.</exception>
    public static ExtNode Read(ExtFileSystem fileSystem, string path, CancellationToken cancellation)
    {
        if (fileSystem.Find(path) is not { } start
            || (start != ExtInode.Root && fileSystem.ReadInode(start).FileType != ExtFileType.Directory))
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"There is no directory '{path}' in the file system.",
                "Name a directory of the overlay, for example /upper.", path);
        return new ExtTreeReader(fileSystem, cancellation).Run(start);
    }

    /// <summary>Reads a file of any kind, and what hangs below it.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="start">Its inode.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>.</exception>
    public static ExtNode ReadFile(ExtFileSystem fileSystem, uint start, CancellationToken cancellation) =>
        new ExtTreeReader(fileSystem, cancellation).Run(start);

    private ExtNode Run(uint start)
    {
        var root = MakeNode(start, _fileSystem.ReadInode(start));
        if (root.Type != ExtFileType.Directory)
            return root;
        _directories.Add(start);
        var pending = new Stack<(uint Number, ExtNode Node)>();
        pending.Push((start, root));
        while (pending.TryPop(out var next))
        {
            Charge((_fileSystem.ReadInode(next.Number).Size + _fileSystem.Geometry.BlockSize - 1) / _fileSystem.Geometry.BlockSize);
            foreach (var entry in _fileSystem.ReadDirectory(next.Number))
            {
                _cancellation.ThrowIfCancellationRequested();
                var child = ReadEntry(entry);
                try
                {
                    next.Node.Add(entry.Name, child);
                }
                catch (EngineException error) when (error.ErrorId == ErrorIds.InvalidDirectoryName)
                {
                    throw ExtCorrupt.Because($"directory, inode {next.Number}, has the name '{entry.Name}' twice.");
                }

                if (child.Type == ExtFileType.Directory)
                    pending.Push((entry.Inode, child));
            }
        }

        return root;
    }

    private ExtNode ReadEntry(ExtDirectoryEntry entry)
    {
        var inode = _fileSystem.ReadInode(entry.Inode);
        if (inode.LinksCount == 0 || inode.FileType == ExtFileType.Unknown)
            throw ExtCorrupt.Because($"'{entry.Name}' leads to inode {entry.Inode}, which is not in use.");
        // Journal, resize inode and their like have no names.
        if (entry.Inode < _fileSystem.Superblock.FirstInode)
            throw ExtCorrupt.Because($"'{entry.Name}' leads to inode {entry.Inode}, which is reserved.");
        if (inode.FileType == ExtFileType.Directory)
        {
            return _directories.Add(entry.Inode)
                ? Named(entry, inode)
                : throw ExtCorrupt.Because($"'{entry.Name}' leads to directory, inode {entry.Inode}, which has another name.");
        }

        var (node, names) = _files.TryGetValue(entry.Inode, out var known) ? known : (Named(entry, inode), 0);
        if (names == inode.LinksCount)
            throw ExtCorrupt.Because($"inode {entry.Inode} has more names than the {inode.LinksCount} that it counts.");
        _files[entry.Inode] = (node, names + 1);
        return node;
    }

    private ExtNode Named(ExtDirectoryEntry entry, ExtInode inode)
    {
        try
        {
            return MakeNode(entry.Inode, inode);
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayFeatureUnsupported)
        {
            throw new EngineException(error.ErrorId, $"'{entry.Name}': {error.Message}", error.RecommendedAction,
                entry.Name.ToString(), error);
        }
    }

    private ExtNode MakeNode(uint number, ExtInode inode)
    {
        var type = inode.FileType;
        var (major, minor) = inode.Device ?? default;
        return new ExtNode(type, inode.Permissions, inode.UserId, inode.GroupId)
        {
            Modified = inode.Modified,
            Accessed = inode.Accessed,
            Changed = inode.Changed,
            Created = inode.Created,
            Flags = inode.Flags & ExtInode.UserFlags,
            Attributes = InodeAttributes.Read(_fileSystem, number, inode).Values,
            Content = type == ExtFileType.RegularFile ? Content(number, inode) : ExtContent.Empty,
            Target = type == ExtFileType.SymbolicLink ? _fileSystem.ReadLink(number) : default,
            DeviceMajor = major,
            DeviceMinor = minor,
        };
    }

    private ExtContent Content(uint number, ExtInode inode)
    {
        var fileSystem = _fileSystem;
        if (inode.Size == 0)
            return ExtContent.Empty;
        if (InlineData.IsIn(fileSystem, inode))
            return ExtContent.FromBytes(InlineData.Content(fileSystem, number, inode));
        var runs = DataRuns(number, inode);
        return new ExtContent(inode.Size, () => fileSystem.OpenFile(number), runs);
    }

    private List<(long Start, long End)> DataRuns(uint number, ExtInode inode)
    {
        long blockSize = _fileSystem.Geometry.BlockSize;
        var map = FileMap.Of(_fileSystem, inode, number);
        if (inode.Size < 0 || inode.Size > map.MaxBlocks * blockSize)
            throw ExtCorrupt.At($"inode {number}", _fileSystem.OffsetOfInode(number), $"its size is {inode.Size}");
        var runs = new List<(long Start, long End)>();
        var end = (inode.Size + blockSize - 1) / blockSize;
        for (var logical = 0L; logical < end;)
        {
            _cancellation.ThrowIfCancellationRequested();
            var (block, found) = map.RunAt(logical);
            var count = Math.Min(found, end - logical);
            Charge(block == 0 ? 0 : count);
            var (start, stop) = (logical * blockSize, Math.Min(inode.Size, (logical + count) * blockSize));
            logical += count;
            if (block == 0)
                continue;
            if (runs.Count > 0 && runs[^1].End == start)
                runs[^1] = (runs[^1].Start, stop);
            else
                runs.Add((start, stop));
        }

        return runs;
    }

    private void Charge(long blocks)
    {
        _blocksLeft -= blocks;
        if (_blocksLeft < 0 || --_stepsLeft < 0)
            throw ExtCorrupt.Because("its files claim more blocks than there are.");
    }
}
