namespace OverlayTools.Ext.Edit;

/// <summary>Finds, adds and removes the names of one directory, with an index or without.</summary>
internal sealed class DirectoryEditor
{
    /// <summary>A directory that has no more blocks is looked through each time.</summary>
    private const long MostUncachedBlocks = 2;

    /// <summary>More blocks than a damaged image may make us keep the names of.</summary>
    private const long MostCachedBlocks = 1 << 16;

    private readonly EditState _state;
    private readonly uint _number;
    private readonly ExtInode _inode;
    private readonly FileBlocks _map;

    public DirectoryEditor(EditState state, uint number)
    {
        _state = state;
        _number = number;
        _inode = state.ReadDirectory(number);
        _map = new FileBlocks(state, number, _inode);
    }

    /// <summary>The directory's inode; written by <see cref="Add"/>, <see cref="Remove"/> and
    /// <see cref="Touch"/>.</summary>
    public ExtInode Inode => _inode;

    private long Count => _inode.Size / _state.BlockSize;

    private bool IsIndexed => (_inode.Flags & ExtInode.HashIndexFlag) != 0 && _state.HasIndexes;

    /// <summary>What a name leads to.</summary>
    public uint? Find(ReadOnlySpan<byte> name)
    {
        if (Locate(name) is not { } found)
            return null;
        var inode = DirectoryBlock.InodeAt(_state.Stage.Read(found.Block), found.Entry);
        if (inode < _state.FirstInode && inode != ExtInode.Root)
            throw ExtCorrupt.Because($"directory, inode {_number}: a name leads to inode {inode}, which no file has.");
        return inode;
    }

    /// <summary>Adds a name that is not there.</summary>
    public void Add(ReadOnlySpan<byte> name, uint inode, ExtFileType type)
    {
        type = _state.HasTypes ? type : ExtFileType.Unknown;
        if (IsIndexed)
        {
            Index().Add(name, inode, type);
        }
        else
        {
            // As the kernel: who adds to a directory whose index the file system does not have takes off the mark.
            _inode.Flags &= ~ExtInode.HashIndexFlag;
            AddLinear(name, inode, type);
        }

        Touch();
    }

    /// <summary>Removes a name.</summary>
    public void Remove(ReadOnlySpan<byte> name)
    {
        var (block, entry, logical) = Locate(name) ?? throw Gone();
        var content = _state.Stage.Change(block);
        DirectoryBlock.Remove(content, entry);
        if (_state.Names.Find(_number) is { } names)
        {
            names.Blocks.Remove(new ExtName(name));
            names.Room[(int)logical] = DirectoryBlock.Room(content);
        }

        Touch();
    }

    /// <summary>Lets a name that is there lead to another file.</summary>
    public void Retarget(ReadOnlySpan<byte> name, uint inode, ExtFileType type)
    {
        var (block, entry, _) = Locate(name) ?? throw Gone();
        DirectoryBlock.Retarget(_state.Stage.Change(block), entry, inode, _state.HasTypes ? type : ExtFileType.Unknown);
        Touch();
    }

    /// <summary>The directory that this one is in.</summary>
    public uint Parent
    {
        get
        {
            var first = _state.Stage.Read(_map.Need(0));
            return DirectoryBlock.InodeAt(first, DirectoryBlock.DotDot(first, _number));
        }
        set
        {
            var first = _state.Stage.Change(_map.Need(0));
            var entry = DirectoryBlock.DotDot(first, _number);
            DirectoryBlock.Retarget(first, entry, value, DirectoryBlock.TypeAt(first, entry));
        }
    }

    /// <summary>Whether nothing but <c>.</c> and <c>..</c> is in it.</summary>
    public bool IsEmpty()
    {
        for (var logical = 0L; logical < Count; logical++)
        {
            var block = _state.Stage.Read(_map.Need(logical));
            for (var at = FirstEntry(block, logical); at < block.Length;)
            {
                var next = DirectoryBlock.Next(block, at);
                if (DirectoryBlock.InodeAt(block, at) != 0)
                    return false;
                at = next;
            }
        }

        return true;
    }

    /// <summary>All entries but <c>.</c> and <c>..</c>, as they are now.</summary>
    public List<(ExtName Name, uint Inode)> List()
    {
        var all = new List<(ExtName, uint)>();
        for (var logical = 0L; logical < Count; logical++)
        {
            var block = _state.Stage.Read(_map.Need(logical));
            for (var at = FirstEntry(block, logical); at < block.Length;)
            {
                var next = DirectoryBlock.Next(block, at);
                if (DirectoryBlock.InodeAt(block, at) is not 0 and var inode)
                    all.Add((NameAt(block, at), inode));
                at = next;
            }
        }

        return all;
    }

    /// <summary>Writes the inode, with the time of the operation.</summary>
    public void Touch()
    {
        _inode.Modified = _inode.Changed = _state.Now;
        _state.WriteInode(_number, _inode);
    }

    /// <summary>Gives the directory another block, of zeros.</summary>
    internal (long Logical, uint Block) Append()
    {
        var logical = Count;
        if (_inode.Size > int.MaxValue - _state.BlockSize)
            throw new EngineException(ErrorIds.OverlayFull, "The directory cannot be larger.", "Use subdirectories.");
        var block = _state.Groups.Take(_map.Find(logical - 1) + 1);
        _state.Stage.Begin(block);
        _map.Count(1);
        _map.Set(logical, block);
        _inode.Size += _state.BlockSize;
        return (logical, block);
    }

    internal uint BlockAt(long logical) => logical < Count
        ? _map.Need(logical)
        : throw ExtCorrupt.Because($"directory, inode {_number}: its index leads to block {logical} of {Count}.");

    private (uint Block, int Entry, long Logical)? Locate(ReadOnlySpan<byte> name)
    {
        if (IsIndexed)
            return Index().Locate(name);
        if (Names() is { } names)
        {
            if (!names.Blocks.TryGetValue(new ExtName(name), out var logical))
                return null;
            return LocateIn(logical, name) ?? throw Gone();
        }

        for (var logical = 0L; logical < Count; logical++)
        {
            if (LocateIn(logical, name) is { } found)
                return found;
        }

        return null;
    }

    private (uint Block, int Entry, long Logical)? LocateIn(long logical, ReadOnlySpan<byte> name)
    {
        var block = _map.Need(logical);
        var entry = DirectoryBlock.Find(_state.Stage.Read(block), name);
        return entry >= 0 ? (block, entry, logical) : null;
    }

    private void AddLinear(ReadOnlySpan<byte> name, uint inode, ExtFileType type)
    {
        var need = DirectoryBlocks.SizeOf(name.Length);
        var names = Names();
        var count = Count;
        for (var logical = 0L; logical < count; logical++)
        {
            var room = names?.Room[(int)logical] ?? DirectoryBlock.Room(_state.Stage.Read(_map.Need(logical)));
            if (room < need)
                continue;
            var content = _state.Stage.Change(_map.Need(logical));
            DirectoryBlock.TryAdd(content, name, inode, type);
            Note(names, name, logical, content);
            return;
        }

        if (count == 1 && _state.HasIndexes)
        {
            Index().Convert();
            _inode.Flags |= ExtInode.HashIndexFlag;
            Index().Add(name, inode, type);
            return;
        }

        var (added, block) = Append();
        var fresh = _state.Stage.Change(block);
        DirectoryBlock.Put(fresh, 0, fresh.Length, name, inode, type);
        names?.Room.Add(0);
        Note(names, name, added, fresh);
    }

    private static void Note(LinearNames? names, ReadOnlySpan<byte> name, long logical, ReadOnlySpan<byte> content)
    {
        if (names is null)
            return;
        names.Blocks[new ExtName(name)] = logical;
        names.Room[(int)logical] = DirectoryBlock.Room(content);
    }

    private LinearNames? Names()
    {
        if (Count is <= MostUncachedBlocks or > MostCachedBlocks)
            return null;
        if (_state.Names.Find(_number) is { } known)
            return known;
        var names = new LinearNames();
        for (var logical = 0L; logical < Count; logical++)
        {
            var block = _state.Stage.Read(_map.Need(logical));
            for (var at = FirstEntry(block, logical); at < block.Length;)
            {
                var next = DirectoryBlock.Next(block, at);
                if (DirectoryBlock.InodeAt(block, at) != 0)
                    names.Blocks.TryAdd(NameAt(block, at), logical);
                at = next;
            }

            names.Room.Add(DirectoryBlock.Room(block));
        }

        _state.Names.Add(_number, names);
        return names;
    }

    private int FirstEntry(ReadOnlySpan<byte> block, long logical) =>
        logical == 0 ? DirectoryBlock.Next(block, DirectoryBlock.DotDot(block, _number)) : 0;

    private ExtName NameAt(ReadOnlySpan<byte> block, int at)
    {
        var name = DirectoryBlock.NameAt(block, at);
        if (name.IsEmpty || name.ContainsAny((byte)'/', (byte)0) || name is [(byte)'.'] or [(byte)'.', (byte)'.'])
            throw ExtCorrupt.Because($"directory, inode {_number}: it has a name that no file can have.");
        return new ExtName(name);
    }

    private EngineException Gone() => ExtCorrupt.Because($"directory, inode {_number}: a name is gone.");

    private DirectoryIndex Index() => new(_state, this, _number);
}
