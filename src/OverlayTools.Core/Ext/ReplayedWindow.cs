using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>A file system as it will be after its journal was replayed; nothing of it can be written.</summary>
internal sealed class ReplayedWindow(
    Window inner, int blockSize, IReadOnlyDictionary<uint, (long Offset, bool Escaped)> blocks) : Window
{
    private readonly uint[] _sorted = [.. blocks.Keys.Order()];
    private readonly List<(long Position, byte[] Bytes)> _patches = [];

    /// <inheritdoc/>
    public override long Length => inner.Length;

    /// <summary>Shows these bytes instead of what is there.</summary>
    public void Patch(long position, ReadOnlySpan<byte> bytes) => _patches.Add((position, bytes.ToArray()));

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long NextData(long position)
    {
        var next = inner.NextData(position);
        var found = Array.BinarySearch(_sorted, (uint)(position / blockSize));
        if (found < 0)
            found = ~found;
        if (found < _sorted.Length)
            next = Math.Min(next, Math.Max(position, (long)_sorted[found] * blockSize));
        foreach (var (at, bytes) in _patches)
        {
            if (at + bytes.Length > position)
                next = Math.Min(next, Math.Max(position, at));
        }

        return next;
    }

    /// <inheritdoc/>
    public override void Clear(long position, long count) => throw ReadOnly();

    /// <inheritdoc/>
    public override void SetLength(long length) => throw ReadOnly();

    /// <inheritdoc/>
    protected override void ReadCore(long position, Span<byte> buffer)
    {
        inner.Read(position, buffer);
        var end = position + buffer.Length;
        byte[]? scratch = null;
        for (var block = position / blockSize; block * blockSize < end && blocks.Count > 0; block++)
        {
            if (!blocks.TryGetValue((uint)block, out var copy))
                continue;
            scratch ??= new byte[blockSize];
            ReadCopy(inner, copy, scratch);
            Lay(scratch, block * blockSize, position, buffer);
        }

        foreach (var (at, bytes) in _patches)
            Lay(bytes, at, position, buffer);
    }

    /// <summary>Reads a block out of the log.</summary>
    internal static void ReadCopy(Window window, (long Offset, bool Escaped) copy, Span<byte> block)
    {
        window.Read(copy.Offset, block);
        if (copy.Escaped)
            BinaryPrimitives.WriteUInt32BigEndian(block, JournalBlock.MagicNumber);
    }

    /// <inheritdoc/>
    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => throw ReadOnly();

    private static void Lay(ReadOnlySpan<byte> bytes, long at, long position, Span<byte> buffer)
    {
        var start = Math.Max(at, position);
        var end = Math.Min(at + bytes.Length, position + buffer.Length);
        if (start < end)
            bytes[(int)(start - at)..(int)(end - at)].CopyTo(buffer[(int)(start - position)..]);
    }

    private static NotSupportedException ReadOnly() => new("A view of a journal's replay cannot be written.");
}
