using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary><c>mkfifo(3)</c>.</summary>
internal static partial class Fifo
{
    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeFifo(string path, uint mode);

    /// <summary>Makes a named pipe.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Make(string path, uint mode)
    {
        if (MakeFifo(path, mode) != 0)
            throw LinuxException.Last("mkfifo", path);
    }
}
