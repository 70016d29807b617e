using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>
/// The right to change a range of a file that nobody else uses: the exclusive lock, and a look for those who use it
/// without one. A mount, or fuse2fs started by hand, takes no lock; but it has the file system in memory, and would
/// write over what is changed beneath it.
/// </summary>
internal sealed class ExclusiveUse : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly IReadOnlyList<(long Offset, long Length)> _ranges;

    private ExclusiveUse(SafeFileHandle file, string path, IReadOnlyList<(long Offset, long Length)> ranges)
    {
        _file = file;
        _path = path;
        _ranges = ranges;
    }

    /// <summary>False when the file system knows no locks, so that nothing keeps others out.</summary>
    public bool IsLocked { get; private set; } = true;

    /// <summary>Takes the lock alone, on the whole file, for changes that do not touch what others read.</summary>
    /// <param name="file">The file, open for writing.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>.</exception>
    public static ExclusiveUse Lock(SafeFileHandle file, string path)
    {
        var use = new ExclusiveUse(file, path, [(0, 0)]);
        use.Acquire();
        return use;
    }

    /// <summary>Takes the whole file, and refuses one that somebody uses without a lock.</summary>
    /// <inheritdoc cref="Lock"/>
    public static ExclusiveUse Take(SafeFileHandle file, string path) => Take(file, path, [(0, 0)]);

    /// <summary>Takes ranges of a file, and refuses those that somebody uses without a lock.</summary>
    /// <param name="file">The file, open for writing.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="ranges">First byte and number of bytes; 0 means up to the end of the file.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>.</exception>
    public static ExclusiveUse Take(
        SafeFileHandle file, string path, IReadOnlyList<(long Offset, long Length)> ranges)
    {
        var use = new ExclusiveUse(file, path, ranges);
        try
        {
            use.Acquire();
            use.RefuseUsed();
            return use;
        }
        catch
        {
            use.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a range that somebody uses without a lock: a loop device, a mount, a program that has it
    /// open.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, naming who.</exception>
    public void RefuseUsed()
    {
        foreach (var (offset, length) in _ranges)
            ImageUsers.Refuse(_file, _path, offset, length);
    }

    /// <summary>Refuses a part of the file that somebody uses without a lock.</summary>
    /// <param name="offset">Its first byte; it ends with the file.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, naming who.</exception>
    public void RefuseUsedFrom(long offset) => ImageUsers.Refuse(_file, _path, offset, 0);

    /// <summary>Gives the lock back. That is not left to the closing of the file: a process that is being started just
    /// now has a copy of it, and would keep the lock for that moment.</summary>
    public void Dispose()
    {
        foreach (var (offset, length) in _ranges)
            FileLock.Release(_file, offset, length);
    }

    private void Acquire()
    {
        foreach (var (offset, length) in _ranges)
            IsLocked &= RangeLock.Acquire(_file, _path, exclusive: true, offset, length);
    }
}
