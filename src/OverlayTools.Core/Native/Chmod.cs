using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>chmod(2)</c>.</summary>
internal static partial class Chmod
{
    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true)]
    private static partial int Call(ReadOnlySpan<byte> path, uint mode);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int CallOpen(SafeFileHandle file, uint mode);

    /// <summary>Changes permissions, set-id and sticky bits included, of a file that is open for more than its
    /// path.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void SetOpen(SafeFileHandle file, uint mode, string? describe = null)
    {
        if (CallOpen(file, mode) != 0)
            throw LinuxException.Last("fchmod", describe);
    }

    /// <summary>Changes permissions, set-id and sticky bits included, of an open file, which may be open for its path
    /// only.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Set(SafeFileHandle file, uint mode, string? describe = null)
    {
        // fchmod takes no descriptor that was opened for its path; the link in /proc leads to the file itself.
        var path = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}\0"));
        if (Call(path, mode) != 0)
            throw LinuxException.Last("chmod", describe);
    }
}
