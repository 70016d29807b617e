using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>unlinkat(2)</c>.</summary>
internal static partial class Unlinkat
{
    private const int RemoveDirectory = 0x200;

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int Call(SafeFileHandle directory, ReadOnlySpan<byte> name, int flags);

    /// <summary>Removes a name, or an empty directory, from a directory.</summary>
    /// <returns>0, or the error number.</returns>
    public static int Try(SafeFileHandle directory, ReadOnlySpan<byte> name, bool isDirectory)
    {
        byte[] terminated = [.. name, 0];
        return Call(directory, terminated, isDirectory ? RemoveDirectory : 0) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Removes a name, or an empty directory, from a directory.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Remove(SafeFileHandle directory, ReadOnlySpan<byte> name, bool isDirectory, string? describe = null)
    {
        if (Try(directory, name, isDirectory) is not 0 and var errno)
            throw new LinuxException("unlinkat", errno, describe);
    }
}
