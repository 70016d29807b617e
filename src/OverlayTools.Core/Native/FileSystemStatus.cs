using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>access(2)</c> and <c>syncfs(2)</c>.</summary>
internal static partial class FileSystemStatus
{
    public const int Execute = 1;
    public const int Write = 2;
    public const int Read = 4;

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFs(SafeFileHandle file);

    /// <summary>Whether this user may read, write or execute the path.</summary>
    /// <returns>0 or the error number.</returns>
    public static int Check(string path, int mode) => Access(path, mode) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Writes what the file system that holds the path has in memory to its disk.</summary>
    public static void Sync(string path)
    {
        using var handle = Open.File(path, Open.ReadOnly);
        if (SyncFs(handle) != 0)
            throw LinuxException.Last("syncfs", path);
    }
}
