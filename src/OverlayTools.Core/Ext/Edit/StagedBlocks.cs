using OverlayTools.IO;

namespace OverlayTools.Ext.Edit;

/// <summary>
/// A file system as it will be: blocks that were changed lie in memory, over the disk. Since the last
/// <see cref="Remember"/> everything can be taken back.
/// </summary>
internal sealed class StagedBlocks(Window disk, int blockSize) : Window
{
    private const int MostCleanBytes = 8 << 20;

    private readonly Dictionary<uint, byte[]> _changed = [];

    /// <summary>Blocks as they are on the disk, kept because the same ones are read over and over.</summary>
    private readonly Dictionary<uint, byte[]> _clean = [];

    /// <summary>What a block was; null where the disk still has that.</summary>
    private readonly Dictionary<uint, byte[]?> _undo = [];

    /// <summary>Blocks of this transaction that were written to the disk before its end: the disk has no older content
    /// of them.</summary>
    private readonly HashSet<uint> _written = [];

    /// <inheritdoc/>
    public override long Length => disk.Length;

    /// <summary>The image as it is without the changes.</summary>
    public Window Disk => disk;

    /// <summary>Blocks that are changed in memory.</summary>
    public int ChangedCount => _changed.Count;

    /// <summary>Whether anything differs from the disk.</summary>
    public bool HasChanges => _changed.Count > 0 || _written.Count > 0;

    /// <summary>Whether something was changed since <see cref="Remember"/>.</summary>
    public bool HasNews => _undo.Count > 0;

    /// <summary>The content of a block; valid until the block is changed.</summary>
    public ReadOnlySpan<byte> Read(uint block)
    {
        if (_changed.TryGetValue(block, out var content) || _clean.TryGetValue(block, out content))
            return content;
        if ((long)(_clean.Count + 1) * blockSize > MostCleanBytes)
            _clean.Clear();
        content = new byte[blockSize];
        disk.Read((long)block * blockSize, content);
        _clean.Add(block, content);
        return content;
    }

    /// <summary>The content of a block, for changing it.</summary>
    public Span<byte> Change(uint block)
    {
        if (_changed.TryGetValue(block, out var content))
        {
            if (!_undo.ContainsKey(block))
                _undo.Add(block, (byte[])content.Clone());
            return content;
        }

        if (!_clean.Remove(block, out content))
        {
            content = new byte[blockSize];
            disk.Read((long)block * blockSize, content);
        }

        if (!_undo.ContainsKey(block))
            _undo.Add(block, _written.Contains(block) ? (byte[])content.Clone() : null);
        _changed.Add(block, content);
        return content;
    }

    /// <summary>The content of a block that was just taken: zeros, whatever the disk has.</summary>
    public Span<byte> Begin(uint block)
    {
        Forget(block);
        _clean.Remove(block);
        _undo.TryAdd(block, null);
        return _changed[block] = new byte[blockSize];
    }

    /// <summary>Drops what was changed in a block that was freed.</summary>
    public void Forget(uint block)
    {
        if (_changed.Remove(block, out var content))
            _undo.TryAdd(block, content);
    }

    /// <summary>Writes to blocks that were free when the transaction began, past the memory.</summary>
    public void WriteThrough(long position, ReadOnlySpan<byte> bytes)
    {
        disk.Write(position, bytes);
        if (_clean.Count == 0)
            return;
        for (var block = position / blockSize; block * blockSize < position + bytes.Length; block++)
            _clean.Remove((uint)block);
    }

    /// <summary>From here on, changes can be taken back.</summary>
    public void Remember() => _undo.Clear();

    /// <summary>Takes back what was changed since <see cref="Remember"/>.</summary>
    public void Rollback()
    {
        foreach (var (block, content) in _undo)
        {
            if (content is null)
                _changed.Remove(block);
            else
                _changed[block] = content;
        }

        _undo.Clear();
    }

    /// <summary>Writes blocks to the disk that nothing there leads to yet, and gives back their memory.</summary>
    /// <param name="isFresh">Whether a block was free when the transaction began.</param>
    public void Spill(Func<uint, bool> isFresh)
    {
        foreach (var block in _changed.Keys.Where(isFresh).Order().ToList())
        {
            disk.Write((long)block * blockSize, _changed[block]);
            _changed.Remove(block);
            _written.Add(block);
        }
    }

    /// <summary>The changed blocks by number.</summary>
    public SortedDictionary<uint, byte[]> Changed() => new(_changed);

    /// <summary>Forgets all changes: they are on the disk, or shall never be.</summary>
    public void Clear()
    {
        _changed.Clear();
        _clean.Clear();
        _undo.Clear();
        _written.Clear();
    }

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override void Clear(long position, long count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long length) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void ReadCore(long position, Span<byte> buffer)
    {
        var block = position / blockSize;
        var inside = (int)(position % blockSize);
        if (inside + buffer.Length <= blockSize && (block + 1) * blockSize <= Length)
        {
            Read((uint)block).Slice(inside, buffer.Length).CopyTo(buffer);
            return;
        }

        disk.Read(position, buffer);
        for (var end = position + buffer.Length; block * blockSize < end; block++)
        {
            if (!_changed.TryGetValue((uint)block, out var content))
                continue;
            var start = Math.Max(position, block * blockSize);
            var stop = Math.Min(end, (block + 1) * blockSize);
            content.AsSpan((int)(start - block * blockSize), (int)(stop - start))
                .CopyTo(buffer[(int)(start - position)..]);
        }
    }

    /// <inheritdoc/>
    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var inside = (int)(position % blockSize);
            var count = Math.Min(bytes.Length, blockSize - inside);
            bytes[..count].CopyTo(Change((uint)(position / blockSize))[inside..]);
            bytes = bytes[count..];
            position += count;
        }
    }
}
