using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>fstatfs(2)</c>: of what kind the file system is that holds a file (<c>linux/magic.h</c>).</summary>
internal static partial class FileSystemKind
{
    private const int Size = 256; // struct statfs has 120 bytes on 64-bit Linux

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    private static partial int Status(SafeFileHandle file, Span<byte> buffer);

    /// <summary>The number of the kind; 0 when the file system does not say.</summary>
    public static uint Of(SafeFileHandle file)
    {
        Span<byte> buffer = stackalloc byte[Size];
        return Status(file, buffer) == 0 ? BinaryPrimitives.ReadUInt32LittleEndian(buffer) : 0;
    }
}
