using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Tar;

/// <summary>
/// Keeps the contents of an archive at hand: a file that can seek is read where it is; what comes through a pipe, or
/// has to be decompressed, goes into a temporary file without a name, so that nothing of it can stay behind.
/// </summary>
internal sealed class TarContentStore : IDisposable
{
    private const int ChunkSize = 1 << 16;

    private readonly Stream _archive;
    private readonly string? _spoolDirectory;
    private readonly bool _isInPlace;
    private readonly byte[] _buffer = new byte[ChunkSize];
    private SafeFileHandle? _spool;
    private long _spooled;

    /// <param name="archive">The archive, uncompressed.</param>
    /// <param name="spoolDirectory">Where a temporary file may be made; null when contents are not going to be
    /// read.</param>
    public TarContentStore(Stream archive, string? spoolDirectory)
    {
        _archive = archive;
        _spoolDirectory = spoolDirectory;
        _isInPlace = archive.CanSeek;
        Position = _isInPlace ? archive.Position : 0;
    }

    /// <summary>Bytes of the archive read so far.</summary>
    public long Position { get; private set; }

    /// <summary>Fills the buffer from the archive; fewer bytes only at its end.</summary>
    public int Read(Span<byte> buffer)
    {
        var count = _archive.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        Position += count;
        return count;
    }

    /// <summary>Goes on behind so many bytes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.TarCorrupt"/> when there are fewer.</exception>
    public void Skip(long count, ReadOnlySpan<byte> member, CancellationToken cancellation)
    {
        if (_isInPlace)
        {
            if (count > _archive.Length - Position)
                throw Short(member);
            Position += count;
            _archive.Position = Position;
            return;
        }

        for (; count > 0; count -= ChunkSize)
        {
            cancellation.ThrowIfCancellationRequested();
            var part = _buffer.AsSpan(0, (int)Math.Min(count, ChunkSize));
            if (Read(part) < part.Length)
                throw Short(member);
        }
    }

    /// <summary>Keeps the next bytes and goes on behind them.</summary>
    /// <returns>Where they are kept.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.TarCorrupt"/> when there are fewer.</exception>
    public long Keep(long count, ReadOnlySpan<byte> member, CancellationToken cancellation)
    {
        var at = _isInPlace ? Position : _spooled;
        if (_isInPlace || _spoolDirectory is null)
        {
            Skip(count, member, cancellation);
            return at;
        }

        for (var left = count; left > 0; left -= ChunkSize)
        {
            cancellation.ThrowIfCancellationRequested();
            var part = _buffer.AsSpan(0, (int)Math.Min(left, ChunkSize));
            if (Read(part) < part.Length)
                throw Short(member);
            RandomAccess.Write(_spool ??= OpenSpool(_spoolDirectory), part, _spooled);
            _spooled += part.Length;
        }

        return at;
    }

    /// <summary>Reads what is kept; fewer bytes only at its end.</summary>
    public int ReadKept(long at, Span<byte> buffer)
    {
        if (!_isInPlace)
            return _spool is null ? throw new InvalidOperationException("Contents were not kept.") : RandomAccess.Read(_spool, buffer, at);
        _archive.Position = at;
        return _archive.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
    }

    /// <summary>Closes the temporary file, which is gone then; the archive is the caller's.</summary>
    public void Dispose() => _spool?.Dispose();

    private static SafeFileHandle OpenSpool(string directory)
    {
        const uint ownerOnly = 0x180; // 0600
        var path = Path.Combine(directory, $".tar-{Guid.NewGuid():N}.tmp");
        var handle = Open.File(path, Open.ReadWrite | Open.Create | Open.Exclusive | Open.NoFollow, ownerOnly);
        File.Delete(path);
        return handle;
    }

    private static EngineException Short(ReadOnlySpan<byte> member) => TarFailure.Corrupt("it ends in the middle", member);
}
