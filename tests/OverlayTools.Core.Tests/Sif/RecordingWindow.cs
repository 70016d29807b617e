using OverlayTools.IO;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>A file in memory that remembers every change, so that a test can stop the power after any of
/// them.</summary>
internal sealed class RecordingWindow(byte[] content) : Window
{
    private readonly byte[] _original = [.. content];
    private readonly List<Change> _changes = [];
    private byte[] _bytes = [.. content];

    /// <summary>A write, a new length, or (with neither) a flush.</summary>
    public sealed record Change(long Position, byte[]? Bytes, long? NewLength);

    public IReadOnlyList<Change> Changes => _changes;

    /// <summary>The change, counted from 0, that fails; none by default.</summary>
    public int FailAt { get; init; } = -1;

    public byte[] Bytes => _bytes;

    public override long Length => _bytes.Length;

    public override void Flush() => Apply(new Change(0, null, null));

    public override void SetLength(long length) => Apply(new Change(0, null, length));

    public override void Clear(long position, long count) => Apply(new Change(position, new byte[count], null));

    /// <summary>The file after the first changes, the last of them cut short.</summary>
    public byte[] After(int changes, int bytesOfLast = int.MaxValue)
    {
        var bytes = (byte[])_original.Clone();
        for (var i = 0; i < changes; i++)
            Apply(ref bytes, _changes[i], i == changes - 1 ? bytesOfLast : int.MaxValue);
        return bytes;
    }

    protected override void ReadCore(long position, Span<byte> buffer) =>
        _bytes.AsSpan((int)position, buffer.Length).CopyTo(buffer);

    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) =>
        Apply(new Change(position, bytes.ToArray(), null));

    private void Apply(Change change)
    {
        if (_changes.Count == FailAt)
        {
            _changes.Add(new Change(0, null, null));
            throw new IOException("The disk is broken.");
        }

        _changes.Add(change);
        Apply(ref _bytes, change, int.MaxValue);
    }

    private static void Apply(ref byte[] bytes, Change change, int most)
    {
        if (change.NewLength is { } length)
            Array.Resize(ref bytes, (int)length);
        else if (change.Bytes is { } written)
            written.AsSpan(0, Math.Min(most, written.Length)).CopyTo(bytes.AsSpan((int)change.Position));
    }
}
