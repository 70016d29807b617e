namespace OverlayTools.Ext;

/// <summary>Kinds of file, with the numbers that directory entries use (<c>EXT2_FT_*</c>).</summary>
public enum ExtFileType : byte
{
    /// <summary>Not known.</summary>
    Unknown = 0,

    /// <summary>An ordinary file.</summary>
    RegularFile = 1,

    /// <summary>A directory.</summary>
    Directory = 2,

    /// <summary>A character device.</summary>
    CharacterDevice = 3,

    /// <summary>A block device.</summary>
    BlockDevice = 4,

    /// <summary>A named pipe.</summary>
    Fifo = 5,

    /// <summary>A socket.</summary>
    Socket = 6,

    /// <summary>A symbolic link.</summary>
    SymbolicLink = 7,
}
