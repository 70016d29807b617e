using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>statx(2)</c>, whose structure is the same on every architecture.</summary>
internal static partial class Statx
{
    public const uint Fifo = 0x1000;
    public const uint CharacterDevice = 0x2000;
    public const uint Directory = 0x4000;
    public const uint BlockDevice = 0x6000;
    public const uint RegularFile = 0x8000;
    public const uint SymbolicLink = 0xA000;
    public const uint Socket = 0xC000;

    private const int NoFollow = 0x100;
    private const int EmptyPath = 0x1000;
    private const uint BasicStats = 0x7FF;
    private const int Size = 256;

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int StatxFile(
        SafeFileHandle directory, ReadOnlySpan<byte> path, int flags, uint mask, Span<byte> buffer);

    /// <summary>What the kernel tells about a file.</summary>
    public readonly record struct Status
    {
        public Status(ReadOnlySpan<byte> raw)
        {
            Links = BinaryPrimitives.ReadUInt32LittleEndian(raw[16..]);
            UserId = BinaryPrimitives.ReadUInt32LittleEndian(raw[20..]);
            GroupId = BinaryPrimitives.ReadUInt32LittleEndian(raw[24..]);
            Mode = BinaryPrimitives.ReadUInt16LittleEndian(raw[28..]);
            Inode = BinaryPrimitives.ReadUInt64LittleEndian(raw[32..]);
            Size = BinaryPrimitives.ReadInt64LittleEndian(raw[40..]);
            Sectors = BinaryPrimitives.ReadInt64LittleEndian(raw[48..]);
            AccessedSeconds = BinaryPrimitives.ReadInt64LittleEndian(raw[64..]);
            AccessedNanoseconds = BinaryPrimitives.ReadUInt32LittleEndian(raw[72..]);
            ChangedSeconds = BinaryPrimitives.ReadInt64LittleEndian(raw[96..]);
            ChangedNanoseconds = BinaryPrimitives.ReadUInt32LittleEndian(raw[104..]);
            ModifiedSeconds = BinaryPrimitives.ReadInt64LittleEndian(raw[112..]);
            ModifiedNanoseconds = BinaryPrimitives.ReadUInt32LittleEndian(raw[120..]);
            DeviceMajor = BinaryPrimitives.ReadUInt32LittleEndian(raw[128..]);
            DeviceMinor = BinaryPrimitives.ReadUInt32LittleEndian(raw[132..]);
            Device = BinaryPrimitives.ReadUInt64LittleEndian(raw[136..]);
        }

        public uint Links { get; }

        public uint UserId { get; init; }

        public uint GroupId { get; init; }

        public ushort Mode { get; }

        /// <summary>The kind, as the upper bits of the mode.</summary>
        public uint FileType => Mode & 0xF000u;

        /// <summary>The lower twelve bits of the mode.</summary>
        public uint Permissions => Mode & 0xFFFu;

        public ulong Inode { get; }

        /// <summary>Bytes.</summary>
        public long Size { get; }

        /// <summary>Occupied sectors of 512 bytes.</summary>
        public long Sectors { get; }

        public long AccessedSeconds { get; }

        public uint AccessedNanoseconds { get; }

        public long ChangedSeconds { get; }

        public uint ChangedNanoseconds { get; }

        public long ModifiedSeconds { get; }

        public uint ModifiedNanoseconds { get; }

        public uint DeviceMajor { get; }

        public uint DeviceMinor { get; }

        /// <summary>The device that the file lies on, major and minor in one.</summary>
        public ulong Device { get; }
    }

    /// <summary>Asks about an open file.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static Status Of(SafeFileHandle file, string? describe = null) => Call(file, [], EmptyPath, describe);

    /// <summary>Asks about a name in a directory; a symbolic link is not followed.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static Status Of(SafeFileHandle directory, ReadOnlySpan<byte> name, string? describe = null) =>
        Call(directory, name, NoFollow, describe);

    private static Status Call(SafeFileHandle directory, ReadOnlySpan<byte> name, int flags, string? describe)
    {
        Span<byte> buffer = stackalloc byte[Size];
        byte[] path = [.. name, 0];
        if (StatxFile(directory, path, flags, BasicStats, buffer) != 0)
            throw LinuxException.Last("statx", describe);
        return new Status(buffer);
    }
}
