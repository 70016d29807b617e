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

    [LibraryImport("libc", EntryPoint = "futimens", SetLastError = true)]
    private static partial int CallOpen(SafeFileHandle file, ReadOnlySpan<long> times);

    /// <summary>Sets the times of an open file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="isPathOnly">Whether it is open for its path only.</param>
    /// <param name="accessed">Last access.</param>
    /// <param name="modified">Last change of the content.</param>
    /// <param name="describe">The path for the error.</param>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Set(
        SafeFileHandle file, bool isPathOnly, (long Seconds, uint Nanoseconds) accessed, (long Seconds, uint Nanoseconds) modified,
        string? describe = null)
    {
        ReadOnlySpan<long> times = [accessed.Seconds, accessed.Nanoseconds, modified.Seconds, modified.Nanoseconds];
        if ((isPathOnly ? SetByPath(file, times) : CallOpen(file, times)) != 0)
            throw LinuxException.Last("utimensat", describe);
    }

    // The link in /proc leads to the file itself; kernels before 5.8 know no AT_EMPTY_PATH here.
    private static int SetByPath(SafeFileHandle file, ReadOnlySpan<long> times) => Call(
        file, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}\0")), times, 0);
}
