using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary>Open-file-description locks (<c>fcntl(2)</c>, <c>F_OFD_SETLK</c>).</summary>
internal static partial class FileLock
{
    private const int OfdGetLock = 36;
    private const int OfdSetLock = 37;
    private const short ReadLock = 0;
    private const short WriteLock = 1;
    private const short Unlock = 2;

    /// <summary><c>struct flock</c> of 64-bit Linux; <c>l_pid</c> has to be 0 for OFD locks.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Range
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int ProcessId;
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(SafeFileHandle file, int command, ref Range range);

    /// <summary>Tries to lock a byte range without waiting.</summary>
    /// <param name="file">The open file; the lock lives as long as any duplicate of it.</param>
    /// <param name="exclusive">True: nobody else may lock; false: nobody else may lock exclusively.</param>
    /// <param name="offset">First byte of the range.</param>
    /// <param name="length">Bytes in the range; 0 means up to the end of the file, wherever it will be.</param>
    /// <returns>0, or the error number: EAGAIN/EACCES when it is held, ENOLCK where locks are not supported.</returns>
    public static int TryLock(SafeFileHandle file, bool exclusive, long offset, long length) =>
        Set(file, exclusive ? WriteLock : ReadLock, offset, length);

    /// <summary>Gives a range back.</summary>
    public static void Release(SafeFileHandle file, long offset, long length) => Set(file, Unlock, offset, length);

    /// <summary>Asks whether anybody else has a lock on a part of the range, without taking one.</summary>
    /// <param name="file">The open file; reading is enough. Its own locks do not count.</param>
    /// <param name="offset">First byte of the range.</param>
    /// <param name="length">Bytes in the range; 0 means up to the end of the file, wherever it will be.</param>
    /// <returns>Null when it is free, or where locks are not supported; else whether the first lock found is exclusive.
    /// </returns>
    public static bool? Query(SafeFileHandle file, long offset, long length)
    {
        // An exclusive lock would be hindered by every other.
        var range = new Range { Type = WriteLock, Start = offset, Length = length };
        return Fcntl(file, OfdGetLock, ref range) != 0 || range.Type == Unlock ? null : range.Type == WriteLock;
    }

    private static int Set(SafeFileHandle file, short type, long offset, long length)
    {
        var range = new Range { Type = type, Start = offset, Length = length };
        return Fcntl(file, OfdSetLock, ref range) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }
}
