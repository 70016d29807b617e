using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>
/// The lock on an overlay that is a directory: <c>flock(2)</c> on the directory itself, which Apptainer neither takes nor
/// notices. It lives as long as any duplicate of the handle.
/// </summary>
internal static class DirectoryLock
{
    /// <summary>Takes the lock without waiting.</summary>
    /// <param name="directory">The directory, open for reading.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="exclusive">Whether to write.</param>
    /// <param name="namesHolders">Whether an error says who has it, which takes a look through all processes.</param>
    /// <returns>False where the file system knows no locks.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>.</exception>
    public static bool Acquire(SafeFileHandle directory, string path, bool exclusive, bool namesHolders = true)
    {
        var errno = Flock.Try(directory, exclusive);
        if (errno != Errno.EAGAIN)
            return errno == 0;
        var holders = namesHolders
            ? ImageUsers.Look().Of(directory, 0, 0).Where(user => user.Kind == ImageUseKind.Flock).ToList()
            : [];
        var who = holders.Count > 0 ? "by " + string.Join(", ", ImageUser.Principals(holders)) : "by " + RangeLock.Unseen;
        throw new EngineException(ErrorIds.OverlayInUse,
            $"'{path}' cannot be opened for {(exclusive ? "writing" : "reading")}: it is in use {who}.",
            exclusive ? "Wait until it has ended, for example with -WaitForLock, or open the overlay read-only."
                : "Wait until the writer has ended, for example with -WaitForLock.", path);
    }

    /// <summary>Gives the lock back. That is not left to the closing of the directory: a process that is being started just
    /// now has a copy of it, and would keep the lock for that moment.</summary>
    public static void Release(SafeFileHandle directory) => Flock.Release(directory);
}
