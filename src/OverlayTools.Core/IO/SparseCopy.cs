using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>Copies a file's data and leaves its holes alone.</summary>
public static class SparseCopy
{
    /// <summary>Bytes read and written at a time.</summary>
    internal const int ChunkSize = 1 << 20;

    // Large, since the kernel only shares extents that it is given whole; small enough to be stopped soon.
    private const long KernelChunkSize = 64L << 20;

    /// <summary>Copies the start of a file into a window.</summary>
    /// <param name="source">The open file.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="target">Filled from the file's start; it must read as zeros where the file has holes.</param>
    /// <param name="activity">What the progress is called.</param>
    /// <param name="progress">Told of the bytes done, holes included.</param>
    /// <param name="token">Stops the copy.</param>
    /// <exception cref="IOException">The file is shorter than the window, or one of them fails.</exception>
    public static void Run(
        SafeFileHandle source, string path, Window target, string activity, IProgress<EngineProgress>? progress,
        CancellationToken token) => Run(source, 0, path, target, activity, progress, token);

    /// <summary>Copies a range of a file into a window.</summary>
    /// <param name="source">The open file.</param>
    /// <param name="offset">Where the range starts in it, in bytes.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="target">Filled from there; it must read as zeros where the file has holes.</param>
    /// <param name="activity">What the progress is called.</param>
    /// <param name="progress">Told of the bytes done, holes included.</param>
    /// <param name="token">Stops the copy.</param>
    /// <exception cref="IOException">The file ends before the range does, or one of them fails.</exception>
    public static void Run(
        SafeFileHandle source, long offset, string path, Window target, string activity,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        if (RandomAccess.GetLength(source) - offset < target.Length)
            throw new EndOfStreamException($"'{path}' is shorter than the {target.Length} bytes to copy.");

        var from = new FileWindow(source, offset, target.Length);
        var buffer = new byte[(int)Math.Min(ChunkSize, target.Length)];
        long position = 0;
        while (position < target.Length && Lseek.NextData(source, offset + position, path) is { } data
            && data.Start - offset < target.Length)
        {
            var end = Math.Min(data.End - offset, target.Length);
            for (position = data.Start - offset; position < end; position += buffer.Length)
            {
                token.ThrowIfCancellationRequested();
                progress?.Report(new EngineProgress(activity, position, target.Length));
                var chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - position));
                from.Read(position, chunk);
                target.Write(position, chunk);
            }

            position = end;
        }

        progress?.Report(new EngineProgress(activity, target.Length, target.Length));
    }

    /// <summary>Copies a range of one file into another, where the kernel does it without the bytes passing through
    /// this process, and on some file systems without copying them at all.</summary>
    /// <param name="source">Where the range is.</param>
    /// <param name="sourceOffset">Its first byte.</param>
    /// <param name="target">Where it goes; it must be long enough, and read as zeros where the range has holes.</param>
    /// <param name="targetOffset">Where it goes there.</param>
    /// <param name="length">Bytes in the range.</param>
    /// <param name="path">The source's path, for errors.</param>
    /// <param name="token">Stops the copy.</param>
    /// <param name="report">Told of the bytes done, holes included.</param>
    /// <exception cref="IOException">The source is too short, or one of the files fails.</exception>
    public static void Range(
        SafeFileHandle source, long sourceOffset, SafeFileHandle target, long targetOffset, long length, string path,
        CancellationToken token, Action<long>? report = null)
    {
        if (RandomAccess.GetLength(source) < sourceOffset + length)
            throw new EndOfStreamException($"'{path}' is shorter than the {sourceOffset + length} bytes it should have.");

        var end = sourceOffset + length;
        var position = sourceOffset;
        while (position < end && Lseek.NextData(source, position, path) is { } data && data.Start < end)
        {
            position = data.Start;
            while (position < Math.Min(data.End, end))
            {
                token.ThrowIfCancellationRequested();
                report?.Invoke(position - sourceOffset);
                var count = Math.Min(KernelChunkSize, Math.Min(data.End, end) - position);
                position += CopyFileRange.TryCopy(source, position, target, targetOffset + position - sourceOffset, count)
                    ?? CopyChunk(source, position, target, targetOffset + position - sourceOffset, count);
            }
        }

        report?.Invoke(length);
    }

    private static long CopyChunk(SafeFileHandle source, long from, SafeFileHandle target, long to, long count)
    {
        var buffer = new byte[(int)Math.Min(ChunkSize, count)];
        var read = RandomAccess.Read(source, buffer, from);
        if (read == 0)
            throw new EndOfStreamException("The file became shorter while it was copied.");
        RandomAccess.Write(target, buffer.AsSpan(0, read), to);
        return read;
    }
}
