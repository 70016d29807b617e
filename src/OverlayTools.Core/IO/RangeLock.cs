using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>
/// The lock that Apptainer takes too: an open-file-description lock on the bytes of the file system
/// (<c>[0, end of file)</c> for an image file, the partition's range in a SIF). It lives as long as any duplicate of
/// the handle, so that a process which inherited it keeps it.
/// </summary>
public static class RangeLock
{
    /// <summary>Locks a range or says who has it.</summary>
    /// <param name="file">The open file; opened for writing when <paramref name="exclusive"/>.</param>
    /// <param name="path">Its path, for the error.</param>
    /// <param name="exclusive">True to write, false to read.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes; 0 means up to the end of the file, wherever it will be.</param>
    /// <param name="namesHolder">Whether the holder is looked for, which takes a look through all processes.</param>
    /// <returns>False when the file system knows no locks (<c>ENOLCK</c>): the caller warns.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, naming the holder where it can be seen.</exception>
    public static bool Acquire(
        SafeFileHandle file, string path, bool exclusive, long offset, long length, bool namesHolder = true)
    {
        var errno = FileLock.TryLock(file, exclusive, offset, length);
        return errno switch
        {
            0 => true,
            Errno.ENOLCK or Errno.EOPNOTSUPP => false,
            Errno.EAGAIN or Errno.EACCES => throw InUse(file, path, exclusive, offset, length, namesHolder),
            _ => throw new LinuxException("fcntl", errno, path),
        };
    }

    /// <summary>Who may hold a lock that no visible process has.</summary>
    internal const string Unseen =
        "a process that is not visible from here: on another node, another user's, or a stale lock of a file server";

    private static string MarkOn(SafeFileHandle file, long offset) =>
        WriterMark.Read(file, offset) is { } mark ? $". Its last writer left a mark: {mark}" : string.Empty;

    private static EngineException InUse(
        SafeFileHandle file, string path, bool exclusive, long offset, long length, bool namesHolder)
    {
        if (!namesHolder)
            return new EngineException(ErrorIds.OverlayInUse, $"'{path}' is in use.", null, path);
        var holders = ImageUsers.Look().Of(file, offset, length).Where(user => user.Kind != ImageUseKind.Flock).ToList();
        var who = holders.Count > 0 ? "by " + string.Join(", ", ImageUser.Principals(holders)) : "by " + Unseen + MarkOn(file, offset);
        return new EngineException(
            ErrorIds.OverlayInUse,
            $"'{path}' cannot be opened for {(exclusive ? "writing" : "reading")}: it is in use {who}.",
            exclusive ? "Wait until it has ended, or open the image read-only." : "Wait until the writer has ended.",
            path);
    }
}
