using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary>How much of a file's range has disk space (<c>FS_IOC_FIEMAP</c>, kernel
/// <c>Documentation/filesystems/fiemap.rst</c>).</summary>
internal static unsafe partial class FileExtents
{
    private const nuint Fiemap = 0xC020660B;
    private const int ExtentsAtOnce = 256;
    private const uint Last = 1;

    [StructLayout(LayoutKind.Sequential)]
    private struct Request
    {
        public ulong Start;
        public ulong Length;
        public uint Flags;
        public uint Mapped;
        public uint Count;
        public uint Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Extent
    {
        public ulong Logical;
        public ulong Physical;
        public ulong Length;
        public ulong Reserved0, Reserved1;
        public uint Flags;
        public uint Reserved2, Reserved3, Reserved4;
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle file, nuint request, void* argument);

    /// <summary>Bytes of a range that have disk space, those that were reserved but not written included.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes in the range.</param>
    /// <remarks>Where the file system does not tell its extents, what counts is what it does not call a hole.</remarks>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static long AllocatedBytes(SafeFileHandle file, long offset, long length) =>
        ByExtents(file, offset, length) ?? ByHoles(file, offset, length);

    private static long? ByExtents(SafeFileHandle file, long offset, long length)
    {
        var buffer = new byte[sizeof(Request) + ExtentsAtOnce * sizeof(Extent)];
        long sum = 0;
        fixed (byte* start = buffer)
        {
            var request = (Request*)start;
            var extents = (Extent*)(start + sizeof(Request));
            var end = (ulong)(offset + length);
            for (var position = (ulong)offset; position < end;)
            {
                *request = new Request { Start = position, Length = end - position, Count = ExtentsAtOnce };
                if (Ioctl(file, Fiemap, start) != 0)
                    return null;
                if (request->Mapped == 0)
                    break;
                for (var i = 0; i < request->Mapped; i++)
                {
                    var from = Math.Max(extents[i].Logical, position);
                    var to = Math.Min(extents[i].Logical + extents[i].Length, end);
                    sum += to > from ? (long)(to - from) : 0;
                }

                ref var last = ref extents[request->Mapped - 1];
                if ((last.Flags & Last) != 0 || last.Logical + last.Length <= position)
                    break;
                position = last.Logical + last.Length;
            }
        }

        return sum;
    }

    private static long ByHoles(SafeFileHandle file, long offset, long length)
    {
        long sum = 0;
        var end = offset + length;
        for (var position = offset; position < end && Lseek.NextData(file, position) is { } data && data.Start < end;)
        {
            position = Math.Min(data.End, end);
            sum += position - data.Start;
        }

        return sum;
    }
}
