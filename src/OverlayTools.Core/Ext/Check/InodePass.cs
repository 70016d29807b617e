namespace OverlayTools.Ext.Check;

/// <summary>Goes through all inodes: their fields, their attributes and the blocks that they own.</summary>
internal sealed class InodePass(CheckState state)
{
    private const int ChunkBytes = 1 << 16;

    private readonly AttributeCheckup _attributes = new(state);
    private readonly byte[] _block = new byte[state.Geometry.BlockSize];
    private readonly bool _lowTimeMeansOrphan = !IsLow(state, state.Superblock.WriteTime)
        && !IsLow(state, state.Superblock.MountTime) && !IsLow(state, state.Superblock.MakeTime);
    private (long Start, long End) _hole = (0, -1);

    public void Run()
    {
        var geometry = state.Geometry;
        var chunk = new byte[Math.Max(ChunkBytes, geometry.BlockSize)];
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            state.Report("Checking inodes", group, geometry.GroupCount, "groups");
            var first = group * geometry.InodesPerGroup + 1;
            var table = state.FileSystem.OffsetOfInode(first);
            var length = (long)geometry.InodesPerGroup * geometry.InodeSize;
            for (var at = 0L; at < length; at += chunk.Length)
            {
                var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, length - at));
                var firstOfPart = first + (uint)(at / geometry.InodeSize);
                if (firstOfPart > state.Superblock.FirstInode && IsHole(table + at, part.Length))
                    continue;
                state.Window.Read(table + at, part);
                ExamineAll(part, firstOfPart);
            }
        }

        _attributes.CheckReferences();
        if (state.LargeFiles > 0 && !state.Has(0, ExtFeatures.RoCompatLargeFile))
            state.Error(ExtFindingId.SuperblockInvalid, "There are files of more than 2 GiB, and the superblock says that there are none.");
    }

    // What was never written reads as zeros, which say nothing: of 1 TiB, the tables alone have 16 GiB.
    private bool IsHole(long position, int length)
    {
        if (position < _hole.Start || position > _hole.End)
            _hole = (position, state.Window.NextData(position));
        return position + length <= _hole.End;
    }

    private static bool IsLow(CheckState state, uint time) => time != 0 && time < state.Superblock.InodesCount;

    private void ExamineAll(ReadOnlySpan<byte> part, uint first)
    {
        var size = state.Geometry.InodeSize;
        // Most of a table is zeros.
        if (first > state.Superblock.FirstInode && !part.ContainsAnyExcept((byte)0))
            return;
        for (var i = 0; i * size < part.Length; i++)
        {
            var number = first + (uint)i;
            var raw = part.Slice(i * size, size);
            if (number < state.Superblock.FirstInode || raw.ContainsAnyExcept((byte)0))
                Examine(number, new ExtInode(raw));
        }
    }

    private void Examine(uint number, ExtInode inode)
    {
        if (inode.DeletionTime != 0 && _lowTimeMeansOrphan && inode.DeletionTime < state.Superblock.InodesCount)
            state.Error(ExtFindingId.DeletionTime, "It waits to be deleted or cut, as after a crash.", number);
        state.Inodes.SetLinks(number, inode.LinksCount);
        if (inode.LinksCount == 0 && number >= state.Superblock.FirstInode)
        {
            if (inode.DeletionTime == 0 && inode.Mode != 0)
                state.Error(ExtFindingId.DeletionTime, "It has no names and was never deleted.", number);
            return;
        }

        if (HasForeignFlags(number, inode))
        {
            state.Inodes.MarkUsed(number);
            state.Inodes.SetType(number, inode.FileType);
            return;
        }

        if (number < state.Superblock.FirstInode && number != ExtInode.Root && ExamineReserved(number, inode))
            return;
        if (number == ExtInode.Root)
            ExamineRoot(inode);
        if (inode.LinksCount != 0)
            ExamineOrdinary(number, inode);
    }

    private bool HasForeignFlags(uint number, ExtInode inode)
    {
        var hasExtents = (inode.Flags & ExtInode.ExtentsFlag) != 0
            && (inode.LinksCount != 0 || number is ExtInode.BadBlocks or ExtInode.Root or ExtInode.Journal);
        var hasInline = (inode.Flags & ExtInode.InlineDataFlag) != 0 && number >= state.Superblock.FirstInode;
        if (!hasExtents && !hasInline)
            return false;
        state.Error(ExtFindingId.InodeFlags, "It is stored as ext4 does (extents or inline data), and the file system is none.", number);
        return true;
    }

    private void ExamineRoot(ExtInode inode)
    {
        if (inode.FileType != ExtFileType.Directory || inode.LinksCount == 0)
            state.Error(ExtFindingId.RootDirectory, "The root is not a directory.", ExtInode.Root);
        if (inode.DeletionTime != 0)
            state.Error(ExtFindingId.DeletionTime, "The root has a deletion time.", ExtInode.Root);
    }

    /// <returns>Whether that is all there is to do.</returns>
    private bool ExamineReserved(uint number, ExtInode inode)
    {
        state.Inodes.MarkUsed(number);
        if (number == ExtInode.BadBlocks)
        {
            if (inode.Mode != 0 || inode.UserId != 0 || inode.GroupId != 0 || inode.LinksCount != 0 || inode.AttributeBlock != 0)
                Wrong("It lists bad blocks, and has fields of a file");
            new InodeBlocks(state, number, inode).Walk();
            return true;
        }

        if (number == ExtInode.Journal && state.Superblock.JournalInode == ExtInode.Journal)
        {
            if (inode.FileType != ExtFileType.RegularFile)
                Wrong("It is the journal, and no regular file");
            ExamineBlocks(number, inode, 0);
            return true;
        }

        // 3 and 4 are for quotas, which ext3 does not have.
        if (number is ExtInode.Journal or 3 or 4)
        {
            if (inode.LinksCount != 0 || inode.Sectors != 0 || inode.Pointer(0) != 0)
                Wrong("It must be empty");
            return inode.LinksCount == 0;
        }

        var mayHave = number switch
        {
            ExtInode.BootLoader => inode.FileType != ExtFileType.Directory,
            ExtInode.Resize => inode.Mode == 0 || inode.FileType == ExtFileType.RegularFile,
            _ => inode.Mode == 0,
        };
        if (!mayHave)
            Wrong($"Its mode is 0x{inode.Mode:x}");
        ExamineBlocks(number, inode, 0);
        return true;

        void Wrong(string what) => state.Error(ExtFindingId.ReservedInode, what + ".", number);
    }

    private void ExamineOrdinary(uint number, ExtInode inode)
    {
        if (inode.DeletionTime != 0 && number != ExtInode.Root)
            state.Error(ExtFindingId.DeletionTime, "It is in use and has a deletion time.", number);
        state.Inodes.MarkUsed(number);
        state.Inodes.SetType(number, inode.FileType);
        if (inode.FragmentAddress != 0 || inode.AttributeBlockHigh != 0 || inode.SectorsHigh != 0
            || (inode.FileType == ExtFileType.Directory && inode.SizeHigh != 0))
            state.Error(ExtFindingId.InodeInvalid, "Fields that ext3 does not use are not zero.", number);
        if ((inode.Flags & ExtInode.MagicDirectoryFlag) != 0)
            state.Error(ExtFindingId.InodeFlags, "It is marked as an AFS directory.", number);
        _attributes.CheckInBody(number, inode);
        CheckKind(number, inode);
        ExamineBlocks(number, inode, _attributes.CheckBlock(number, inode));
    }

    private void CheckKind(uint number, ExtInode inode)
    {
        switch (inode.FileType)
        {
            case ExtFileType.RegularFile or ExtFileType.Directory:
                return;
            case ExtFileType.SymbolicLink:
                if (!IsSoundLink(inode))
                    state.Error(ExtFindingId.InodeInvalid, "It is no possible symbolic link.", number);
                break;
            case ExtFileType.Unknown:
                state.Error(ExtFindingId.InodeInvalid, $"There are no files of its kind: its mode is 0x{inode.Mode:x}.", number);
                return;
            default:
                if (!IsSoundDevice(inode))
                    state.Error(ExtFindingId.InodeInvalid, "It is no possible device, pipe or socket.", number);
                if (inode.RawSize != 0)
                    state.Error(ExtFindingId.InodeSize, "It is no file with content, and has a size.", number);
                break;
        }

        if ((inode.Flags & (ExtInode.ImmutableFlag | ExtInode.AppendFlag)) != 0)
            state.Warn(ExtFindingId.InodeFlags, "It is marked as immutable or append-only, which its kind cannot be.", number);
    }

    private static bool IsSoundDevice(ExtInode inode)
    {
        if ((inode.Flags & (ExtInode.HashIndexFlag | ExtInode.ExtentsFlag)) != 0)
            return false;
        return (inode.Flags & (ExtInode.ImmutableFlag | ExtInode.AppendFlag)) == 0
            || inode.Pointers[16..].IndexOfAnyExcept((byte)0) < 0;
    }

    private bool IsSoundLink(ExtInode inode)
    {
        if (inode.SizeHigh != 0 || inode.Size == 0 || (inode.Flags & ExtInode.HashIndexFlag) != 0)
            return false;
        ReadOnlySpan<byte> target = inode.Pointers;
        if (inode.Size >= ExtInode.PointerBytes)
        {
            if (!state.IsInside(inode.Pointer(0)) || inode.Pointers[4..].IndexOfAnyExcept((byte)0) >= 0)
                return false;
            state.ReadBlock(inode.Pointer(0), _block);
            target = _block;
        }

        return target.IndexOf((byte)0) == inode.Size;
    }

    private void ExamineBlocks(uint number, ExtInode inode, int attributeBlocks)
    {
        var blocks = new InodeBlocks(state, number, inode);
        if (HasBlocks(inode))
            blocks.Walk();
        var isDirectory = inode.FileType == ExtFileType.Directory;
        if ((inode.Flags & ExtInode.HashIndexFlag) != 0 && (!isDirectory || !state.Has(ExtFeatures.CompatDirIndex)))
            state.Error(ExtFindingId.HashIndex, "It is marked as an indexed directory, which it cannot be.", number);
        if (isDirectory && blocks.Count + attributeBlocks == 0)
            state.Error(ExtFindingId.DirectoryHole, "The directory has no blocks.", number);
        CheckSize(number, inode, blocks.LastLogical);

        var sectors = (ulong)(blocks.Count + attributeBlocks) * (uint)(state.Geometry.BlockSize / 512);
        if (sectors != (inode.Sectors | (ulong)inode.SectorsHigh << 32))
            state.Error(ExtFindingId.InodeSectors, $"It counts {inode.Sectors} sectors and has {sectors}.", number);
    }

    // As ext2fs_inode_has_valid_blocks2.
    private static bool HasBlocks(ExtInode inode) => inode.FileType switch
    {
        ExtFileType.RegularFile or ExtFileType.Directory => true,
        ExtFileType.SymbolicLink => inode.AttributeBlock == 0 ? inode.Sectors != 0 : inode.Size >= ExtInode.PointerBytes,
        _ => false,
    };

    private void CheckSize(uint number, ExtInode inode, long last)
    {
        var size = inode.RawSize;
        var blockSize = (ulong)state.Geometry.BlockSize;
        bool isWrong;
        if (inode.FileType == ExtFileType.Directory)
        {
            var blocks = (long)(uint)(size / blockSize);
            isWrong = size % blockSize != 0 || blocks > last + 1
                || last + 1 - blocks > state.Superblock.PreallocatedDirectoryBlocks;
        }
        else
        {
            isWrong = (last >= 0 && size < (ulong)last * blockSize)
                || size > (ulong)new BlockMapMath((int)blockSize).MaxBlocks * blockSize;
        }

        if (isWrong && inode.FileType != ExtFileType.SymbolicLink)
            state.Error(ExtFindingId.InodeSize, $"Its size is {size}, its last block has number {last}.", number);
        if (inode.FileType == ExtFileType.RegularFile && size > int.MaxValue)
            state.LargeFiles++;
    }
}
