namespace OverlayTools.Ext.Edit;

/// <summary>
/// Changes what regular files hold. Old data is never overwritten: new data goes to blocks that were free, and the
/// transaction switches to them. Only where no block is free does the data itself go through the journal.
/// </summary>
internal sealed class FileContent(EditState state)
{
    private const int MostAtOnce = 1 << 20;

    private byte[]? _buffer;

    private int BlockSize => state.BlockSize;

    // One for all files: one each is what many small ones would take longest for.
    private byte[] Buffer => _buffer ??= new byte[MostAtOnce];

    /// <summary>Writes bytes at an offset; the file gets longer where they end behind its end.</summary>
    public void Write(uint number, long offset, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (bytes.IsEmpty)
            return;
        var inode = ReadFile(number);
        RequireSize(offset, bytes.Length);
        WriteRange(number, inode, offset, bytes);
        Touch(number, inode);
    }

    /// <summary>Writes a stream at an offset.</summary>
    /// <returns>Bytes that were written.</returns>
    public long WriteFrom(
        uint number, long offset, Stream source, IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        var inode = ReadFile(number);
        var buffer = Buffer;
        var done = 0L;
        var total = source.CanSeek ? source.Length - source.Position : 0;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            // To a border of the buffer's size, so that whole blocks are written.
            var want = MostAtOnce - (int)((offset + done) % MostAtOnce);
            var count = source.ReadAtLeast(buffer.AsSpan(0, want), want, throwOnEndOfStream: false);
            if (count == 0)
                break;
            RequireSize(offset + done, count);
            WriteRange(number, inode, offset + done, buffer.AsSpan(0, count));
            done += count;
            state.SpillIfLarge();
            progress?.Report(new EngineProgress("Writing", done, Math.Max(done, total), "bytes"));
        }

        Touch(number, inode);
        return done;
    }

    /// <summary>Replaces all that a file holds; holes stay holes.</summary>
    public void Replace(
        uint number, ExtContent content, IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        var inode = ReadFile(number);
        if (content.Length > 0)
            RequireSize(0, content.Length);
        new FileBlocks(state, number, inode).FreeFrom(0, cancellation);
        inode.Size = 0;
        var buffer = Buffer;
        using var source = content.Open();
        var at = 0L;
        foreach (var (start, end) in content.DataRuns)
        {
            if (start != at)
                source.Position = start;
            for (at = start; at < end;)
            {
                cancellation.ThrowIfCancellationRequested();
                var count = (int)Math.Min(end - at, MostAtOnce - at % MostAtOnce);
                source.ReadExactly(buffer, 0, count);
                WriteRange(number, inode, at, buffer.AsSpan(0, count));
                at += count;
                state.SpillIfLarge();
                progress?.Report(new EngineProgress("Writing", at, content.Length, "bytes"));
            }
        }

        inode.Size = content.Length;
        Touch(number, inode);
    }

    /// <summary>Makes a file shorter, or longer with zeros that use no space.</summary>
    public void SetSize(uint number, long size, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        var inode = ReadFile(number);
        if (size > inode.Size)
        {
            RequireSize(0, size);
            ClearBehind(number, inode, inode.Size);
        }
        else if (size < inode.Size)
        {
            Cut(number, inode, size, cancellation);
        }

        inode.Size = size;
        Touch(number, inode);
    }

    /// <summary>Frees what a file has behind a size; the inode is not written.</summary>
    public void Cut(uint number, ExtInode inode, long size, CancellationToken cancellation)
    {
        new FileBlocks(state, number, inode).FreeFrom((size + BlockSize - 1) / BlockSize, cancellation);
        inode.Size = size;
        // What was cut off must not come back when the file gets longer again.
        ClearBehind(number, inode, size);
    }

    private ExtInode ReadFile(uint number)
    {
        var inode = state.ReadInode(number);
        if (inode.FileType == ExtFileType.RegularFile)
        {
            return inode.Size >= 0
                ? inode : throw ExtCorrupt.Because($"inode {number}: its size is {(ulong)inode.Size}.");
        }

        throw new EngineException(ErrorIds.OverlayWrongFileType, $"Inode {number} is not a regular file.", null);
    }

    private void RequireSize(long offset, long count)
    {
        if (offset > state.MapMath.MaxBytes - count)
            throw new EngineException(ErrorIds.OverlaySizeTooLarge,
                $"A file of this file system has at most {state.MapMath.MaxBytes} bytes.", "Split the file.");
    }

    private void Touch(uint number, ExtInode inode)
    {
        inode.Modified = inode.Changed = state.Now;
        state.NoteSize(inode.Size);
        state.WriteInode(number, inode);
    }

    private void ClearBehind(uint number, ExtInode inode, long size)
    {
        var inside = (int)(size % BlockSize);
        if (inside == 0)
            return;
        var block = new FileBlocks(state, number, inode).Find(size / BlockSize);
        if (block == 0)
            return;
        var rest = new byte[BlockSize - inside];
        state.Stage.Read(state.Geometry.OffsetOf(block) + inside, rest);
        if (!rest.AsSpan().ContainsAnyExcept((byte)0))
            return;
        Array.Clear(rest);
        WriteBlocks(number, inode, size, rest);
    }

    private void WriteRange(uint number, ExtInode inode, long offset, ReadOnlySpan<byte> bytes)
    {
        if (offset > inode.Size)
            ClearBehind(number, inode, inode.Size);
        WriteBlocks(number, inode, offset, bytes);
        inode.Size = Math.Max(inode.Size, offset + bytes.Length);
    }

    private void WriteBlocks(uint number, ExtInode inode, long offset, ReadOnlySpan<byte> bytes)
    {
        var map = new FileBlocks(state, number, inode);
        while (bytes.Length > 0)
        {
            var logical = offset / BlockSize;
            var inside = (int)(offset % BlockSize);
            var old = map.Find(logical);
            var count = old != 0 && state.Groups.IsFresh(old)
                ? Overwrite(map, logical, old, inside, bytes)
                : WriteNew(map, number, logical, old, inside, bytes);
            bytes = bytes[count..];
            offset += count;
        }
    }

    // Blocks of this transaction, side by side: nothing on the disk leads to them.
    private int Overwrite(FileBlocks map, long logical, uint first, int inside, ReadOnlySpan<byte> bytes)
    {
        var count = Math.Min(bytes.Length, BlockSize - inside);
        for (var next = 1u; count < bytes.Length && map.Find(logical + next) == first + next; next++)
        {
            if (!state.Groups.IsFresh(first + next))
                break;
            count = (int)Math.Min(bytes.Length, (long)count + BlockSize);
        }

        state.Stage.WriteThrough(state.Geometry.OffsetOf(first) + inside, bytes[..count]);
        return count;
    }

    private int WriteNew(FileBlocks map, uint number, long logical, uint old, int inside, ReadOnlySpan<byte> bytes)
    {
        var most = (inside + bytes.Length + BlockSize - 1) / BlockSize;
        var olds = new List<uint>(most) { old };
        while (olds.Count < most)
        {
            var next = map.Find(logical + olds.Count);
            if (next != 0 && state.Groups.IsFresh(next))
                break;
            olds.Add(next);
        }

        if (state.Groups.TryTake(Goal(map, number, logical), (uint)olds.Count) is not { } run)
            return WriteInPlace(old, inside, bytes);
        var count = (int)Math.Min(bytes.Length, (long)run.Count * BlockSize - inside);
        WriteRun(run.Start, olds, inside, bytes[..count]);
        for (var i = 0; i < (int)run.Count; i++)
        {
            if (olds[i] != 0)
                state.Groups.Free(olds[i]);
            else
                map.Count(1);
            map.Set(logical + i, run.Start + (uint)i);
        }

        return count;
    }

    private void WriteRun(uint first, List<uint> olds, int inside, ReadOnlySpan<byte> bytes)
    {
        var at = state.Geometry.OffsetOf(first);
        if (inside != 0 || bytes.Length < BlockSize)
        {
            var head = Math.Min(bytes.Length, BlockSize - inside);
            WritePart(at, olds[0], inside, bytes[..head]);
            bytes = bytes[head..];
            at += BlockSize;
        }

        var whole = bytes.Length / BlockSize * BlockSize;
        if (whole > 0)
            state.Stage.WriteThrough(at, bytes[..whole]);
        if (whole < bytes.Length)
            WritePart(at + whole, olds[(int)((at + whole) / BlockSize - first)], 0, bytes[whole..]);
    }

    private void WritePart(long at, uint old, int inside, ReadOnlySpan<byte> bytes)
    {
        var block = new byte[BlockSize];
        if (old != 0)
            state.Stage.Read(state.Geometry.OffsetOf(old), block);
        bytes.CopyTo(block.AsSpan(inside));
        state.Stage.WriteThrough(at, block);
    }

    private int WriteInPlace(uint old, int inside, ReadOnlySpan<byte> bytes)
    {
        if (old == 0)
            throw BlockGroups.Full();
        var count = Math.Min(bytes.Length, BlockSize - inside);
        bytes[..count].CopyTo(state.Stage.Change(old)[inside..]);
        return count;
    }

    private uint Goal(FileBlocks map, uint number, long logical)
    {
        var before = logical > 0 ? map.Find(logical - 1) : 0;
        return before != 0 ? before + 1 : state.Groups.GoalFor(number);
    }
}
