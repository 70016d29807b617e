using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>Where the bytes of a new object come from. Its length is known before the first byte is written.</summary>
public abstract class SifContent : IDisposable
{
    /// <summary>Bytes in all.</summary>
    public abstract long Length { get; }

    /// <summary>These bytes.</summary>
    public static SifContent FromBytes(ReadOnlyMemory<byte> bytes) => new BytesContent(bytes);

    /// <summary>
    /// A copy of a file; its holes stay holes. The file is locked for reading, as Apptainer locks images, until the
    /// content is disposed of.
    /// </summary>
    /// <param name="path">A regular file.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>: somebody is writing it.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static SifContent FromFile(string path) => new FileContent(path);

    /// <summary>Whatever a function writes, for example a file system that it formats in place.</summary>
    /// <param name="length">Bytes in all.</param>
    /// <param name="write">Gets a window of that length that reads as zeros, so that it may leave holes. If it fails,
    /// the image becomes what it was.</param>
    public static SifContent Written(long length, Action<Window, IProgress<EngineProgress>?, CancellationToken> write)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new WrittenContent(length, write);
    }

    /// <summary>Writes the bytes.</summary>
    /// <param name="target">A window of <see cref="Length"/> bytes that reads as zeros.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work.</param>
    internal abstract void WriteTo(Window target, IProgress<EngineProgress>? progress, CancellationToken token);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the content holds open.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }

    /// <summary>Opens a file to copy from; a named pipe or the like neither blocks nor is read.</summary>
    internal static SafeFileHandle OpenSource(string path)
    {
        if (Directory.Exists(path))
            throw SifFailure.InvalidValue($"'{path}' is a directory.", "Name an image file.");
        var file = Native.Open.File(path, Native.Open.ReadOnly | Native.Open.NonBlock);
        if (IsSeekable(file))
            return file;
        file.Dispose();
        throw SifFailure.InvalidValue($"'{path}' is not a regular file.", "Name an image file.");
    }

    private static bool IsSeekable(SafeFileHandle file)
    {
        try
        {
            return RandomAccess.GetLength(file) >= 0;
        }
        catch (NotSupportedException)
        {
            return false;
        }
    }

    private sealed class BytesContent(ReadOnlyMemory<byte> bytes) : SifContent
    {
        public override long Length => bytes.Length;

        internal override void WriteTo(Window target, IProgress<EngineProgress>? progress, CancellationToken token) =>
            target.Write(0, bytes.Span);
    }

    private sealed class WrittenContent(
        long length, Action<Window, IProgress<EngineProgress>?, CancellationToken> write) : SifContent
    {
        public override long Length => length;

        internal override void WriteTo(Window target, IProgress<EngineProgress>? progress, CancellationToken token) =>
            write(target, progress, token);
    }

    private sealed class FileContent : SifContent
    {
        private readonly string _path;
        private readonly SafeFileHandle _file;

        public FileContent(string path)
        {
            _path = path;
            _file = OpenSource(path);
            try
            {
                RangeLock.Acquire(_file, path, exclusive: false, 0, 0);
                Length = RandomAccess.GetLength(_file);
            }
            catch
            {
                _file.Dispose();
                throw;
            }
        }

        public override long Length { get; }

        internal override void WriteTo(Window target, IProgress<EngineProgress>? progress, CancellationToken token) =>
            SparseCopy.Run(_file, _path, target, $"Copying {Path.GetFileName(_path)}", progress, token);

        protected override void Dispose(bool disposing) => _file.Dispose();
    }
}
