using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>
/// A copy of an image for one run. It has no name, so that it goes with the last process that has it open, even when
/// that is killed. It shares the blocks of the image where the file system can do that; else it is a copy of its data,
/// for which there has to be room.
/// </summary>
internal static class PrivateImage
{
    /// <summary>A disk is not filled to the brim for a copy.</summary>
    private const long KeepFree = 64L << 20;

    private const string Activity = "Copying the overlay for this run";

    /// <summary>Makes a copy, of length <paramref name="length"/>.</summary>
    /// <param name="source">The image; open for reading and locked.</param>
    /// <param name="path">Its path.</param>
    /// <param name="offset">Where the file system starts in it.</param>
    /// <param name="length">Bytes in the file system.</param>
    /// <param name="mostBytes">How much data may be copied where blocks cannot be shared.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work.</param>
    /// <returns>Null when there is no room for it.</returns>
    public static SafeFileHandle? TryMake(
        SafeFileHandle source, string path, long offset, long length, long mostBytes = long.MaxValue,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        if (TryNameless(folder) is { } beside)
        {
            if (TryShare(source, offset, length, beside))
                return beside;
            beside.Dispose();
        }

        var bytes = DataBytes(source, offset, length, path);
        if (bytes > mostBytes)
            return null;
        foreach (var directory in new[] { Path.GetTempPath(), folder })
        {
            if (TryNameless(directory) is not { } copy)
                continue;
            try
            {
                if (DiskSpace.AvailableBytes(copy) is not { } free || free - KeepFree >= bytes)
                {
                    Ftruncate.File(copy, length);
                    SparseCopy.Range(source, offset, copy, 0, length, path, token,
                        done => progress?.Report(new EngineProgress(Activity, done, length)));
                    return copy;
                }
            }
            catch
            {
                copy.Dispose();
                throw;
            }

            copy.Dispose();
        }

        return null;
    }

    private static bool TryShare(SafeFileHandle source, long offset, long length, SafeFileHandle target) =>
        offset == 0 && RandomAccess.GetLength(source) == length
            ? FileClone.Try(source, target)
            : FileClone.TryRange(source, offset, length, target);

    private static SafeFileHandle? TryNameless(string directory)
    {
        const uint ownerOnly = 0b110_000_000;
        if (Open.TryFile(directory, Open.Nameless | Open.ReadWrite, ownerOnly, out var errno) is { } file)
            return file;
        // File systems that know no files without names (NFS): it loses its name at once.
        if (errno is not (Errno.EOPNOTSUPP or Errno.EISDIR))
            return null;
        var name = Path.Combine(directory, ".overlaytools-" + Guid.NewGuid().ToString("N"));
        if (Open.TryFile(name, Open.Create | Open.Exclusive | Open.ReadWrite, ownerOnly, out _) is not { } named)
            return null;
        File.Delete(name);
        return named;
    }

    private static long DataBytes(SafeFileHandle source, long offset, long length, string path)
    {
        var end = offset + length;
        var sum = 0L;
        for (var position = offset; position < end && Lseek.NextData(source, position, path) is { } data && data.Start < end;)
        {
            sum += Math.Min(data.End, end) - data.Start;
            position = data.End;
        }

        return sum;
    }
}
