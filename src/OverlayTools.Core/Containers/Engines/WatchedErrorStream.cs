using System.Text;

namespace OverlayTools.Containers.Engines;

/// <summary>Standard error on its way to the caller: the last line in which the engine says that it gives up is kept.</summary>
/// <param name="source">Where it comes from.</param>
internal sealed class WatchedErrorStream(Stream source) : Stream
{
    private const int MostOfLine = 4096;

    private readonly List<byte> _line = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _fatal;

    /// <summary>The last such line, when all has been read; after a while also when not: what the command left running may
    /// hold the other end.</summary>
    /// <param name="patience">How long that may take.</param>
    public string? WaitForFatal(TimeSpan patience)
    {
        _ = _ended.Task.Wait(patience);
        return _fatal;
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        var count = source.Read(buffer);
        Watch(buffer[..count]);
        return count;
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        Watch(buffer.Span[..count]);
        return count;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            source.Dispose();
            _ended.TrySetResult();
        }

        base.Dispose(disposing);
    }

    private void Watch(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0)
        {
            EndLine();
            _ended.TrySetResult();
        }

        foreach (var value in bytes)
        {
            if (value == '\n')
                EndLine();
            else if (_line.Count < MostOfLine)
                _line.Add(value);
        }
    }

    private void EndLine()
    {
        var line = Encoding.UTF8.GetString([.. _line]);
        _line.Clear();
        if (ForeignFailure.IsFatal(line))
            _fatal = line;
    }
}
