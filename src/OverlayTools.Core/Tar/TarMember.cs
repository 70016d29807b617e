namespace OverlayTools.Tar;

/// <summary>A member of an archive, extended headers applied.</summary>
internal sealed record TarMember
{
    /// <summary>What precedes the name of an extended attribute in an extended header.</summary>
    public const string AttributePrefix = "SCHILY.xattr.";

    /// <summary>The path as written, which may be anything.</summary>
    public required byte[] Name { get; init; }

    /// <summary>What <see cref="TarHeader"/> says it is; <c>'0'</c> for every regular file.</summary>
    public required byte Type { get; init; }

    /// <summary>Where a link leads, as written.</summary>
    public byte[] LinkTarget { get; init; } = [];

    public uint Permissions { get; init; }

    public uint UserId { get; init; }

    public uint GroupId { get; init; }

    public (long Seconds, uint Nanoseconds) Modified { get; init; }

    public uint DeviceMajor { get; init; }

    public uint DeviceMinor { get; init; }

    /// <summary>Values by full name.</summary>
    public IReadOnlyDictionary<string, byte[]> Attributes { get; init; } = new Dictionary<string, byte[]>();

    /// <summary>Bytes of a regular file, holes included.</summary>
    public long Length { get; init; }

    /// <summary>The ranges that hold data; null when all does. The stored bytes are these, one after another.</summary>
    public IReadOnlyList<(long Start, long End)>? Runs { get; init; }

    /// <summary>Where the stored bytes are: an offset in what <see cref="TarContentStore"/> keeps.</summary>
    public long StoredAt { get; init; }
}
