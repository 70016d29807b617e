using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>mknodat(2)</c>.</summary>
internal static partial class Mknodat
{
    [LibraryImport("libc", EntryPoint = "mknodat", SetLastError = true)]
    private static partial int Call(SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode, ulong device);

    /// <summary>Makes a device, a named pipe or a socket in a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="name">The name there.</param>
    /// <param name="mode">Kind (see <see cref="Statx"/>) and permissions.</param>
    /// <param name="major">Major number of a device.</param>
    /// <param name="minor">Minor number of a device.</param>
    /// <param name="describe">The path for the error.</param>
    /// <exception cref="LinuxException">EPERM: devices other than 0:0 need root.</exception>
    public static void Make(
        SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode, uint major, uint minor, string? describe = null)
    {
        byte[] terminated = [.. name, 0];
        // As gnu_dev_makedev; the function takes 64 bits.
        var device = (ulong)(minor & 0xFF) | (ulong)(major & 0xFFF) << 8 | (ulong)(minor & ~0xFFu) << 12 | (ulong)(major & ~0xFFFu) << 32;
        if (Call(directory, terminated, mode, device) != 0)
            throw LinuxException.Last("mknodat", describe);
    }
}
