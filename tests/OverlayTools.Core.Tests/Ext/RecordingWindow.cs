using OverlayTools.IO;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Passes everything on, and remembers what was written in which order.</summary>
internal sealed class RecordingWindow(Window inner) : Window
{
    private readonly List<Step> _steps = [];

    /// <summary>A write, a clearing (no bytes, a count), or a new length.</summary>
    public sealed record Step(long Position, byte[] Bytes, long Count, bool IsLength);

    public override long Length => inner.Length;

    public IReadOnlyList<Step> Steps => _steps;

    public IReadOnlyList<Step> Writes => [.. _steps.Where(step => step.Bytes.Length > 0)];

    public int Flushes { get; private set; }

    /// <summary>For each flush, how many steps came before it.</summary>
    public List<int> FlushedAt { get; } = [];

    public override void Flush()
    {
        Flushes++;
        FlushedAt.Add(_steps.Count);
        inner.Flush();
    }

    public override void Clear(long position, long count)
    {
        _steps.Add(new Step(position, [], count, false));
        inner.Clear(position, count);
    }

    public override void SetLength(long length)
    {
        _steps.Add(new Step(0, [], length, true));
        inner.SetLength(length);
    }

    protected override void ReadCore(long position, Span<byte> buffer) => inner.Read(position, buffer);

    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes)
    {
        _steps.Add(new Step(position, bytes.ToArray(), bytes.Length, false));
        inner.Write(position, bytes);
    }
}
