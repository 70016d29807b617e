using System.Buffers.Binary;

namespace OverlayTools.Ext.Check;

/// <summary>Reads all directories: entries, names, and the index of those that have one.</summary>
internal sealed class DirectoryPass(CheckState state)
{
    private readonly byte[] _block = new byte[state.Geometry.BlockSize];
    private readonly Dictionary<ulong, int> _names = [];
    private readonly bool _hasTypes = (state.Superblock.FeatureIncompat & ExtFeatures.IncompatFileType) != 0;

    /// <summary>Blocks that may still be read: directories that share blocks are read once in all.</summary>
    private long _budget = state.Geometry.BlocksCount;

    public void Run()
    {
        for (var i = 0; i < state.Inodes.Directories.Count; i++)
        {
            state.Report("Checking directories", i, state.Inodes.Directories.Count, "directories");
            if (_budget <= 0)
            {
                state.Error(ExtFindingId.Incomplete, "Directories share so many blocks that not all were read.");
                return;
            }

            Read(i);
        }
    }

    private void Read(int which)
    {
        var number = state.Inodes.Directories[which].Number;
        var inode = state.FileSystem.ReadInode(number);
        var index = (inode.Flags & ExtInode.HashIndexFlag) != 0 && state.Has(ExtFeatures.CompatDirIndex)
            ? new HashIndex(state, number) : null;
        var blocks = Math.Min(inode.Size / state.Geometry.BlockSize, 1L << (21 - (int)state.Superblock.LogBlockSize));
        try
        {
            var map = new BlockMap(state.FileSystem, inode, number);
            for (var logical = 0L; logical < blocks && _budget > 0; logical++, _budget--)
            {
                var block = map.Find(logical);
                if (block == 0)
                {
                    state.Error(ExtFindingId.DirectoryHole, $"The directory has no block {logical}.", number);
                    return;
                }

                state.ReadBlock(block, _block);
                index?.StartBlock(_block, logical);
                ReadEntries(number, logical, block, index);
            }
        }
        catch (EngineException error) when (error.ErrorId is ErrorIds.OverlayCorrupt or ErrorIds.OverlayFeatureUnsupported)
        {
            state.Error(ExtFindingId.DirectoryCorrupt, error.Message, number);
            return;
        }

        index?.Finish();
    }

    private void ReadEntries(uint number, long logical, uint block, HashIndex? index)
    {
        _names.Clear();
        var entries = 0;
        for (var at = 0; at < _block.Length;)
        {
            var length = LengthAt(at);
            if (length < DirectoryBlocks.SizeOf(1) || length % 4 != 0 || length > _block.Length - at
                || DirectoryBlocks.SizeOf(_block[at + 6]) > length)
            {
                state.Error(ExtFindingId.DirectoryCorrupt, $"The length of an entry at offset {at} is wrong.", number, block);
                return;
            }

            var inode = BinaryPrimitives.ReadUInt32LittleEndian(_block.AsSpan(at));
            var name = _block.AsSpan(at + DirectoryBlocks.HeaderSize, _block[at + 6]);
            var isDot = logical == 0 && entries < 2;
            if (isDot)
                CheckDot(number, entries, inode, name, at);
            else if (inode == number)
                state.Error(ExtFindingId.EntryInode, "An entry leads to the directory itself.", number, block);
            if (inode != 0)
                CheckEntry(number, inode, at, isDot, index);
            at += length;
            entries++;
        }

        if (logical == 0 && entries < 2)
            state.Error(ExtFindingId.DirectoryDots, "The entry '..' is missing.", number, block);
    }

    private int LengthAt(int at)
    {
        if (_block.Length - at < DirectoryBlocks.HeaderSize)
            return 0;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(_block.AsSpan(at + 4));
        return length is 0 or ushort.MaxValue && _block.Length == 65536 ? _block.Length : length;
    }

    private void CheckDot(uint number, int which, uint inode, ReadOnlySpan<byte> name, int at)
    {
        var expected = which == 0 ? "."u8 : ".."u8;
        var isTerminated = _block[at + DirectoryBlocks.HeaderSize + expected.Length] == 0;
        if (inode == 0 || !name.SequenceEqual(expected) || !isTerminated || (which == 0 && inode != number))
            state.Error(ExtFindingId.DirectoryDots, $"The entry '{(which == 0 ? "." : "..")}' is wrong.", number);
        else if (which == 1)
            state.Inodes.Directories[state.Inodes.Directories.IndexOf(number)].DotDot = inode;
    }

    private void CheckEntry(uint directory, uint inode, int at, bool isDot, HashIndex? index)
    {
        if ((inode != ExtInode.Root && inode < state.Superblock.FirstInode) || inode > state.Superblock.InodesCount)
        {
            state.Error(ExtFindingId.EntryInode, $"An entry leads to inode {inode}, which no file can have.", directory);
            return;
        }

        var name = _block.AsSpan(at + DirectoryBlocks.HeaderSize, _block[at + 6]);
        if (!isDot)
            CheckName(directory, inode, name, at);
        if (!state.Inodes.IsUsed(inode))
            state.Error(ExtFindingId.EntryInode, $"An entry leads to inode {inode}, which is not in use.", directory);
        CheckType(directory, inode, _block[at + 7]);
        if (!isDot)
        {
            index?.AddName(name);
            SetParent(directory, inode);
        }

        state.Inodes.AddName(inode);
    }

    private void CheckName(uint directory, uint inode, ReadOnlySpan<byte> name, int at)
    {
        if (name.IsEmpty || name is [(byte)'.'] or [(byte)'.', (byte)'.'] || name.ContainsAny((byte)'/', (byte)0))
            state.Error(ExtFindingId.EntryName, "A name is empty, '.' or '..', or contains a slash or a NUL.", directory);
        if (inode == ExtInode.Root)
            state.Error(ExtFindingId.DirectoryLink, "An entry leads to the root directory.", directory);

        var hash = 14695981039346656037UL; // FNV-1a
        foreach (var letter in name)
            hash = (hash ^ letter) * 1099511628211UL;
        if (_names.TryAdd(hash, at))
            return;
        var other = _names[hash];
        if (_block.AsSpan(other + DirectoryBlocks.HeaderSize, _block[other + 6]).SequenceEqual(name))
            state.Error(ExtFindingId.EntryName, "A name is there twice.", directory);
    }

    private void CheckType(uint directory, uint inode, byte type)
    {
        var expected = _hasTypes ? (byte)state.Inodes.TypeOf(inode) : (byte)0;
        if (type == expected)
            return;
        if (type == 0)
            state.Warn(ExtFindingId.EntryType, $"The entry of inode {inode} does not say what kind of file it is.", directory);
        else
            state.Error(ExtFindingId.EntryType, $"The entry of inode {inode} gives the kind {type}; it is {expected}.", directory);
    }

    private void SetParent(uint directory, uint inode)
    {
        if (state.Inodes.TypeOf(inode) != ExtFileType.Directory || state.Inodes.Directories.IndexOf(inode) is not (>= 0 and var index))
            return;
        ref var child = ref state.Inodes.Directories[index];
        if (child.Parent != 0)
            state.Error(ExtFindingId.DirectoryLink, "The directory has two names.", inode);
        else
            child.Parent = directory;
    }
}
