using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>
/// The right to change a file as a whole: the exclusive lock, and a look for those who use the file without one. A
/// mount, or fuse2fs started by hand, takes no lock; but it has the file system in memory, and would write over what is
/// changed beneath it.
/// </summary>
internal sealed class ExclusiveUse : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _path;

    private ExclusiveUse(SafeFileHandle file, string path)
    {
        _file = file;
        _path = path;
        IsLocked = RangeLock.Acquire(file, path, exclusive: true, 0, 0);
    }

    /// <summary>False when the file system knows no locks, so that nothing keeps others out.</summary>
    public bool IsLocked { get; }

    /// <summary>Takes the lock alone, for changes that do not touch what others read.</summary>
    /// <param name="file">The file, open for writing.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>.</exception>
    public static ExclusiveUse Lock(SafeFileHandle file, string path) => new(file, path);

    /// <summary>Takes the lock, and refuses a file that somebody uses without one.</summary>
    /// <inheritdoc cref="Lock"/>
    public static ExclusiveUse Take(SafeFileHandle file, string path)
    {
        var use = new ExclusiveUse(file, path);
        try
        {
            use.RefuseUsed();
            return use;
        }
        catch
        {
            use.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a file that somebody uses, from an offset on, without a lock.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, naming who.</exception>
    public void RefuseUsed(long offset = 0) => ImageUsers.Refuse(_file, _path, offset, 0);

    /// <summary>Gives the lock back. That is not left to the closing of the file: a process that is being started just
    /// now has a copy of it, and would keep the lock for that moment.</summary>
    public void Dispose() => FileLock.Release(_file, 0, 0);
}
