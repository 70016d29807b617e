using OverlayTools.IO;

namespace OverlayTools.Ext.Edit;

/// <summary>What all parts of an editor share: the changed blocks, the bookkeeping, and the time that counts.</summary>
internal sealed class EditState
{
    private readonly bool _hasLargeFiles;
    private long _unspilled;

    public EditState(Window window, ExtFileSystem onDisk, JournalLog journal)
    {
        Geometry = onDisk.Geometry;
        Stage = new StagedBlocks(window, Geometry.BlockSize);
        View = ExtFileSystem.Open(Stage);
        Groups = new BlockGroups(Stage, Geometry, journal, onDisk.Superblock.FirstInode);
        HashSeed = onDisk.Superblock.HashSeed.ToByteArray(bigEndian: true);
        HashUnsigned = (onDisk.Superblock.Flags & ExtSuperblock.UnsignedHash) != 0;
        HashVersion = onDisk.Superblock.DefaultHashVersion;
        HasIndexes = (onDisk.Superblock.FeatureCompat & ExtFeatures.CompatDirIndex) != 0;
        HasTypes = (onDisk.Superblock.FeatureIncompat & ExtFeatures.IncompatFileType) != 0;
        FirstInode = onDisk.Superblock.FirstInode;
        _hasLargeFiles = (onDisk.Superblock.FeatureRoCompat & ExtFeatures.RoCompatLargeFile) != 0;
        MapMath = new BlockMapMath(Geometry.BlockSize);
        Names = new LinearNameCache();
    }

    public StagedBlocks Stage { get; }

    /// <summary>The file system with the changes, for inodes and their places; its superblock is the one on the
    /// disk.</summary>
    public ExtFileSystem View { get; }

    public ExtGeometry Geometry { get; }

    public BlockGroups Groups { get; }

    public BlockMapMath MapMath { get; }

    public LinearNameCache Names { get; }

    public byte[] HashSeed { get; }

    public bool HashUnsigned { get; }

    public byte HashVersion { get; }

    public bool HasIndexes { get; }

    public bool HasTypes { get; }

    public uint FirstInode { get; }

    public int BlockSize => Geometry.BlockSize;

    /// <summary>Sectors of 512 bytes in a block, as <c>i_blocks</c> counts.</summary>
    public uint SectorsPerBlock => (uint)Geometry.BlockSize / 512;

    /// <summary>Bytes of changed blocks that may lie in memory before those that can be on the disk already are
    /// written.</summary>
    public long SpillBytes { get; set; } = 16 << 20;

    /// <summary>The time of the operation.</summary>
    public ExtTime Now { get; set; }

    /// <summary>Reads an inode that is in use.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/> when it is free,
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public ExtInode ReadInode(uint number)
    {
        if (number != ExtInode.Root && number < FirstInode)
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"Inode {number} is the file system's own.", null);
        var inode = View.ReadInode(number);
        if (inode.LinksCount == 0 || inode.DeletionTime != 0)
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"There is no file with inode {number}.", null);
        if ((inode.Flags & (ExtInode.ExtentsFlag | ExtInode.InlineDataFlag)) != 0)
            throw ExtCorrupt.Because($"inode {number} is stored as ext4 does, and the file system is none.");
        return inode;
    }

    /// <summary>Reads the inode of a directory.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayWrongFileType"/>, or as
    /// <see cref="ReadInode"/>.</exception>
    public ExtInode ReadDirectory(uint number)
    {
        var inode = ReadInode(number);
        if (inode.FileType != ExtFileType.Directory)
            throw new EngineException(ErrorIds.OverlayWrongFileType, $"Inode {number} is not a directory.", null);
        if (inode.Size <= 0 || inode.Size % BlockSize != 0 || inode.Size > Geometry.SizeBytes
            || inode.Size > int.MaxValue)
            throw ExtCorrupt.Because($"directory, inode {number}: its size is {inode.Size}.");
        return inode;
    }

    public void WriteInode(uint number, ExtInode inode) => Stage.Write(View.OffsetOfInode(number), inode.Raw);

    public ExtSuperblock ReadSuperblock() => ExtSuperblock.Read(Stage);

    public void WriteSuperblock(ExtSuperblock superblock) => Stage.Write(ExtSuperblock.Size, superblock.Raw);

    /// <summary>Says in the superblock that there is a file of 2 GiB or more.</summary>
    public void NoteSize(long size)
    {
        if (size <= int.MaxValue || _hasLargeFiles)
            return;
        var superblock = ReadSuperblock();
        superblock.FeatureRoCompat |= ExtFeatures.RoCompatLargeFile;
        WriteSuperblock(superblock);
    }

    /// <summary>Says in the superblock how the hashes of indexes take letters, where it does not yet.</summary>
    public void NoteSignedness()
    {
        var superblock = ReadSuperblock();
        if ((superblock.Flags & (ExtSuperblock.SignedHash | ExtSuperblock.UnsignedHash)) != 0)
            return;
        superblock.Flags |= ExtSuperblock.SignedHash;
        WriteSuperblock(superblock);
    }

    /// <summary>Puts the counts into the superblock.</summary>
    public void UpdateSuperblock()
    {
        var superblock = ReadSuperblock();
        superblock.FreeBlocksCount = Groups.FreeBlocks;
        superblock.FreeInodesCount = Groups.FreeInodes;
        // One that is to come is an error to e2fsck.
        superblock.WriteTime = (uint)Math.Clamp(Now.Seconds, 1, DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        WriteSuperblock(superblock);
    }

    /// <summary>Begins an operation that is done wholly or not at all.</summary>
    public void Begin(ExtTime now)
    {
        Now = now;
        Stage.Remember();
        Groups.Remember();
        SpillIfLarge();
    }

    /// <summary>Takes back the operation.</summary>
    public void Rollback()
    {
        if (!Stage.HasNews)
            return;
        Stage.Rollback();
        Groups.Rollback();
        Names.Clear();
    }

    /// <summary>Keeps memory small: what nothing on the disk leads to can be there already.</summary>
    public void SpillIfLarge()
    {
        if ((long)Stage.ChangedCount * BlockSize <= _unspilled + SpillBytes)
            return;
        Stage.Spill(Groups.IsFresh);
        // What is left goes through the journal, and is not to be looked through for every operation.
        _unspilled = (long)Stage.ChangedCount * BlockSize;
    }

    /// <summary>Forgets everything that is not on the disk.</summary>
    public void Clear()
    {
        Stage.Clear();
        Groups.Clear();
        Names.Clear();
        _unspilled = 0;
    }
}
