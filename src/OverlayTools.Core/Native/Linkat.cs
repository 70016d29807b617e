using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>linkat(2)</c>.</summary>
internal static partial class Linkat
{
    private const int FollowLink = 0x400;

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true)]
    private static partial int Call(
        SafeFileHandle oldDirectory, ReadOnlySpan<byte> oldPath, SafeFileHandle directory, ReadOnlySpan<byte> name, int flags);

    /// <summary>Gives an open file, which may be open for its path only, another name.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Add(SafeFileHandle file, SafeFileHandle directory, ReadOnlySpan<byte> name, string? describe = null)
    {
        // The link in /proc leads to the file itself; AT_EMPTY_PATH would need a capability.
        var path = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}\0"));
        byte[] terminated = [.. name, 0];
        if (Call(directory, path, directory, terminated, FollowLink) != 0)
            throw LinuxException.Last("linkat", describe);
    }
}
