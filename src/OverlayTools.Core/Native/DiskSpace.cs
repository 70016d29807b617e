using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary>Room on the file system that a file lies on (<c>fstatvfs(3)</c>).</summary>
internal static partial class DiskSpace
{
    private const int Size = 256; // struct statvfs has 112 bytes on 64-bit Linux

    [LibraryImport("libc", EntryPoint = "fstatvfs", SetLastError = true)]
    private static partial int Status(SafeFileHandle file, Span<byte> buffer);

    /// <summary>Bytes that an ordinary user can still fill there; null when the file system does not say.</summary>
    public static long? AvailableBytes(SafeFileHandle file)
    {
        Span<byte> buffer = stackalloc byte[Size];
        if (Status(file, buffer) != 0)
            return null;
        var fragment = BinaryPrimitives.ReadUInt64LittleEndian(buffer[8..]);
        var available = BinaryPrimitives.ReadUInt64LittleEndian(buffer[32..]);
        return (long)UInt128.Min((UInt128)long.MaxValue, (UInt128)fragment * available);
    }
}
