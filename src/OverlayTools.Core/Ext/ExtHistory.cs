using System.Buffers.Binary;

namespace OverlayTools.Ext;

/// <summary>An error that the kernel, or another driver, came upon and wrote into the superblock.</summary>
/// <param name="Time">When; null when that is not known.</param>
/// <param name="Function">The function that came upon it, for example <c>ext4_lookup</c>; empty when unknown.</param>
/// <param name="Line">The line of its source, 0 when unknown.</param>
/// <param name="Inode">The inode that it was about, 0 when it was about none.</param>
/// <param name="Block">The block that it was about, 0 when it was about none.</param>
public sealed record ExtErrorRecord(DateTimeOffset? Time, string Function, uint Line, uint Inode, ulong Block)
{
    /// <summary>For example <c>2026-11-24 15:00:00Z in ext4_lookup:1760, inode 12</c>.</summary>
    public override string ToString() =>
        (Time is { } time ? $"{time.UtcDateTime:u}" : "at an unknown time")
        + (Function.Length > 0 ? $" in {Function}:{Line}" : "")
        + (Inode != 0 ? $", inode {Inode}" : "") + (Block != 0 ? $", block {Block}" : "");
}

/// <summary>What a superblock remembers of the life of its file system.</summary>
public sealed class ExtHistory
{
    private const long EndOfYear9999 = 253402300799; // .NET counts no further

    private readonly byte[] _raw;

    internal ExtHistory(byte[] superblock) => _raw = superblock;

    /// <summary>When it was made (<c>s_mkfs_time</c>); null when it is not said.</summary>
    public DateTimeOffset? Created => Time(0x108, 0x276);

    /// <summary>When it was last mounted (<c>s_mtime</c>); null for never.</summary>
    public DateTimeOffset? LastMounted => Time(0x2C, 0x275);

    /// <summary>When the superblock was last written (<c>s_wtime</c>); null for never.</summary>
    public DateTimeOffset? LastWritten => Time(0x30, 0x274);

    /// <summary>When it was last checked (<c>s_lastcheck</c>); null for never.</summary>
    public DateTimeOffset? LastChecked => Time(0x40, 0x277);

    /// <summary>Mounts since the last check (<c>s_mnt_count</c>).</summary>
    public int MountCount => BinaryPrimitives.ReadUInt16LittleEndian(_raw.AsSpan(0x34));

    /// <summary>Errors that were recorded since the last check (<c>s_error_count</c>).</summary>
    public uint ErrorCount => U32(0x194);

    /// <summary>The first of them; null without any.</summary>
    public ExtErrorRecord? FirstError => ErrorCount == 0
        ? null
        : new(Time(0x198, 0x278), Function(0x1A8), U32(0x1C8), U32(0x19C), U64(0x1A0));

    /// <summary>The last of them; null without any.</summary>
    public ExtErrorRecord? LastError => ErrorCount == 0
        ? null
        : new(Time(0x1CC, 0x279), Function(0x1E0), U32(0x1D4), U32(0x1D0), U64(0x1D8));

    // Seconds since 1970, 40 bits of them: the upper eight lie elsewhere.
    private DateTimeOffset? Time(int low, int high)
    {
        var seconds = U32(low) | (long)_raw[high] << 32;
        return seconds is 0 or > EndOfYear9999 ? null : DateTimeOffset.FromUnixTimeSeconds(seconds);
    }

    private string Function(int offset) => PrintableText.Show(_raw.AsSpan(offset, 32));

    private uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_raw.AsSpan(offset));

    private ulong U64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_raw.AsSpan(offset));
}
