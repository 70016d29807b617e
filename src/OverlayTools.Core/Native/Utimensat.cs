using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>utimensat(2)</c>.</summary>
internal static partial class Utimensat
{
    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    private static partial int Call(SafeFileHandle directory, ReadOnlySpan<byte> path, ReadOnlySpan<long> times, int flags);

    /// <summary>Sets the times of an open file, which may be open for its path only.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Set(
        SafeFileHandle file, (long Seconds, uint Nanoseconds) accessed, (long Seconds, uint Nanoseconds) modified,
        string? describe = null)
    {
        // The link in /proc leads to the file itself; kernels before 5.8 know no AT_EMPTY_PATH here.
        var path = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}\0"));
        if (Call(file, path, [accessed.Seconds, accessed.Nanoseconds, modified.Seconds, modified.Nanoseconds], 0) != 0)
            throw LinuxException.Last("utimensat", describe);
    }
}
