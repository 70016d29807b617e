using System.Diagnostics;
using OverlayTools.IO;

namespace OverlayTools.Benchmarks;

/// <summary>A window that knows how long its flushes took.</summary>
internal sealed class TimedWindow(Window inner) : Window
{
    public double FlushMilliseconds { get; private set; }

    public override long Length => inner.Length;

    public override void Flush()
    {
        var start = Stopwatch.GetTimestamp();
        inner.Flush();
        FlushMilliseconds += Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public override void Clear(long position, long count) => inner.Clear(position, count);

    public override void SetLength(long length) => inner.SetLength(length);

    protected override void ReadCore(long position, Span<byte> buffer) => inner.Read(position, buffer);

    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => inner.Write(position, bytes);
}
