using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary>Loop devices (<c>loop(4)</c>): a block device that reads and writes a range of a file.</summary>
internal static unsafe partial class LoopDevice
{
    private const nuint GetFree = 0x4C82;
    private const nuint Configure = 0x4C0A;
    private const uint FlagReadOnly = 1;
    private const uint FlagAutoClear = 4;
    private const int Attempts = 64;

    /// <summary><c>struct loop_config</c>: descriptor, block size, <c>struct loop_info64</c>, reserved words.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 304)]
    private struct Config
    {
        [FieldOffset(0)]
        public uint Descriptor;
        [FieldOffset(4)]
        public uint BlockSize;
        [FieldOffset(8 + 24)]
        public ulong Offset;
        [FieldOffset(8 + 32)]
        public ulong SizeLimit;
        [FieldOffset(8 + 52)]
        public uint Flags;
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle file, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoctlConfigure(SafeFileHandle file, nuint request, ref Config config);

    /// <summary>Attaches a range of a file to a free loop device, which frees itself after its last use.</summary>
    /// <param name="file">The descriptor of the open file; the device keeps the open file, and so its locks.</param>
    /// <param name="offset">First byte of the range.</param>
    /// <param name="length">Bytes in the range.</param>
    /// <param name="readOnly">Whether writes are refused.</param>
    /// <returns>The device path, and its handle: keep it open until the device is mounted.</returns>
    /// <exception cref="LinuxException">With the error number of the call that failed.</exception>
    public static (string Path, SafeFileHandle Handle) Attach(int file, long offset, long length, bool readOnly)
    {
        using var control = Open.File("/dev/loop-control", Open.ReadWrite);
        for (var attempt = 0; ; attempt++)
        {
            var number = Ioctl(control, GetFree, 0);
            if (number < 0)
                throw LinuxException.Last("ioctl", "/dev/loop-control");

            var path = $"/dev/loop{number}";
            var device = Open.File(path, readOnly ? Open.ReadOnly : Open.ReadWrite);
            var config = new Config
            {
                Descriptor = (uint)file,
                Offset = (ulong)offset,
                SizeLimit = (ulong)length,
                Flags = FlagAutoClear | (readOnly ? FlagReadOnly : 0),
            };
            if (IoctlConfigure(device, Configure, ref config) == 0)
                return (path, device);

            var errno = Marshal.GetLastPInvokeError();
            device.Dispose();
            // Somebody else took the device between the two calls.
            if (errno is not (Errno.EBUSY or Errno.EAGAIN) || attempt == Attempts)
                throw new LinuxException("ioctl", errno, path);
        }
    }
}
