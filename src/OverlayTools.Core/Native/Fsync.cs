using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>fsync(2)</c>.</summary>
internal static partial class Fsync
{
    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FsyncFile(SafeFileHandle file);

    /// <summary>Returns when the file, and its size, are on stable storage.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void File(SafeFileHandle file, string? path = null)
    {
        if (FsyncFile(file) != 0)
            throw LinuxException.Last("fsync", path);
    }

    /// <summary>Makes a rename, link or removal in the directory durable.</summary>
    public static void DirectoryOf(string path)
    {
        var directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        using var handle = Open.File(directory, Open.ReadOnly | Open.Directory);
        // Some file systems (FUSE, CIFS) cannot sync a directory: EINVAL says so, and nothing more can be done.
        if (FsyncFile(handle) != 0 && Marshal.GetLastPInvokeError() != Errno.EINVAL)
            throw LinuxException.Last("fsync", directory);
    }
}
