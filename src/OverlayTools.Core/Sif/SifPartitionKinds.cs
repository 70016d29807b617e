namespace OverlayTools.Sif;

/// <summary>The file system in a partition. The values are those of <c>siftool add --partfs</c> and those on
/// disk.</summary>
public enum SifFileSystem
{
    /// <summary>A value that this module does not know.</summary>
    Unknown = 0,

    /// <summary>Squashfs, read-only and compressed.</summary>
    Squashfs = 1,

    /// <summary>ext3.</summary>
    Ext3 = 2,

    /// <summary>An immutable archive of objects.</summary>
    Archive = 3,

    /// <summary>Bytes that only their user knows.</summary>
    Raw = 4,

    /// <summary>A LUKS2 volume with a squashfs inside.</summary>
    EncryptedSquashfs = 5,

    /// <summary>A squashfs that holds a gocryptfs directory (Apptainer only; other tools show
    /// <c>Unknown</c>).</summary>
    GocryptfsSquashfs = 6,
}

/// <summary>What a partition is for. The values are those of <c>siftool add --parttype</c> and those on disk.</summary>
public enum SifPartitionType
{
    /// <summary>A value that this module does not know.</summary>
    Unknown = 0,

    /// <summary>A root file system that is not the one to run.</summary>
    System = 1,

    /// <summary>The root file system of the container; at most one.</summary>
    PrimarySystem = 2,

    /// <summary>Data that can be bound into a container.</summary>
    Data = 3,

    /// <summary>An overlay for the root file system of the same group.</summary>
    Overlay = 4,
}
