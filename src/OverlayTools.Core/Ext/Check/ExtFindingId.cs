namespace OverlayTools.Ext.Check;

/// <summary>The kinds of things that a check finds: stable words.</summary>
public enum ExtFindingId
{
    /// <summary>The superblock contradicts itself or the length of the image.</summary>
    SuperblockInvalid,

    /// <summary>The free blocks or inodes of the superblock are not the sum of the groups'.</summary>
    SuperblockFreeCount,

    /// <summary>The file system recorded an error while it was in use.</summary>
    ErrorsRecorded,

    /// <summary>It was not unmounted cleanly, as far as its state says.</summary>
    NotUnmountedCleanly,

    /// <summary>A backup of the superblock or of the descriptors differs from what it backs up.</summary>
    BackupDiffers,

    /// <summary>A group descriptor is impossible.</summary>
    DescriptorInvalid,

    /// <summary>The counts of a group descriptor are wrong.</summary>
    DescriptorCount,

    /// <summary>A block bitmap does not say what is in use.</summary>
    BlockBitmap,

    /// <summary>An inode bitmap does not say what is in use.</summary>
    InodeBitmap,

    /// <summary>The journal is damaged.</summary>
    JournalInvalid,

    /// <summary>The journal holds something, and the file system is not marked so.</summary>
    JournalDataUnmarked,

    /// <summary>The journal recorded an error.</summary>
    JournalAborted,

    /// <summary>The journal is of a form that ext3 does not have.</summary>
    JournalUnknown,

    /// <summary>Inodes wait to be deleted, as after a crash.</summary>
    OrphanList,

    /// <summary>An inode was deleted and not cleaned up, or has a deletion time and is in use.</summary>
    DeletionTime,

    /// <summary>The inode of the reserve for growing does not list the reserve.</summary>
    ResizeInode,

    /// <summary>An inode that the format reserves has something it must not have.</summary>
    ReservedInode,

    /// <summary>The root directory is missing or none.</summary>
    RootDirectory,

    /// <summary>An inode is of no kind that there is, or its fields do not fit its kind.</summary>
    InodeInvalid,

    /// <summary>An inode has flags that its kind or the file system does not have.</summary>
    InodeFlags,

    /// <summary>The size of a file does not fit its blocks.</summary>
    InodeSize,

    /// <summary>The count of sectors of a file is wrong.</summary>
    InodeSectors,

    /// <summary>A block number leads outside the file system.</summary>
    BlockOutOfRange,

    /// <summary>A block belongs to two files, or twice to one.</summary>
    BlockClaimedTwice,

    /// <summary>A block of a file is one of the file system's own.</summary>
    MetadataOverlap,

    /// <summary>A block or list of extended attributes is damaged.</summary>
    AttributesInvalid,

    /// <summary>A shared block of extended attributes has a wrong count.</summary>
    AttributeReferences,

    /// <summary>A directory lacks a block in the middle, or has none.</summary>
    DirectoryHole,

    /// <summary>The entries of a directory block do not fit.</summary>
    DirectoryCorrupt,

    /// <summary>The entries <c>.</c> and <c>..</c> are missing or wrong.</summary>
    DirectoryDots,

    /// <summary>An entry leads to an inode that is not in use or does not exist.</summary>
    EntryInode,

    /// <summary>A name is impossible or in a directory twice.</summary>
    EntryName,

    /// <summary>An entry gives a wrong kind of file.</summary>
    EntryType,

    /// <summary>A directory has a second name.</summary>
    DirectoryLink,

    /// <summary>The index of a directory is damaged: names may not be found.</summary>
    HashIndex,

    /// <summary>A directory cannot be reached from the root.</summary>
    Unconnected,

    /// <summary>A file has no name.</summary>
    UnattachedInode,

    /// <summary>The count of names of a file is wrong.</summary>
    LinkCount,

    /// <summary>The check could not be done to its end.</summary>
    Incomplete,
}
