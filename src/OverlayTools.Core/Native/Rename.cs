using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>renameat2(2)</c>.</summary>
internal static partial class Rename
{
    private const int CurrentDirectory = -100;
    private const uint NoReplace = 1;
    private const uint Exchange = 2;

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int oldDirectory, string oldPath, int newDirectory, string newPath, uint flags);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string oldPath, string newPath);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true)]
    private static partial int RenameIn(
        SafeFileHandle oldDirectory, ReadOnlySpan<byte> oldName, SafeFileHandle newDirectory, ReadOnlySpan<byte> newName, uint flags);

    /// <summary>Renames a file in a directory; without <paramref name="replace"/>, an existing name fails with
    /// EEXIST.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void In(
        SafeFileHandle directory, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool replace, string? describe = null)
    {
        byte[] oldName = [.. from, 0];
        byte[] newName = [.. to, 0];
        if (RenameIn(directory, oldName, directory, newName, replace ? 0 : NoReplace) != 0)
            throw LinuxException.Last("renameat2", describe);
    }

    /// <summary>Has two files of a directory change their names, at once.</summary>
    /// <returns>0, or the error number: EINVAL where the file system cannot.</returns>
    public static int TryExchange(SafeFileHandle directory, ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        byte[] oneName = [.. one, 0];
        byte[] otherName = [.. other, 0];
        return RenameIn(directory, oneName, directory, otherName, Exchange) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Renames a file; without <paramref name="replace"/>, an existing target fails with EEXIST.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void File(string from, string to, bool replace)
    {
        if (RenameAt2(CurrentDirectory, from, CurrentDirectory, to, replace ? 0 : NoReplace) == 0)
            return;

        var errno = Marshal.GetLastPInvokeError();
        // NFS and some FUSE file systems know no RENAME_NOREPLACE; link(2) refuses an existing target everywhere.
        if (replace || errno is not (Errno.EINVAL or Errno.ENOSYS))
            throw new LinuxException("rename", errno, to);
        if (Link(from, to) != 0)
            throw LinuxException.Last("link", to);
        System.IO.File.Delete(from);
    }
}
