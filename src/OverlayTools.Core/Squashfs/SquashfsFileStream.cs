using System.Buffers;
using OverlayTools.IO;

namespace OverlayTools.Squashfs;

/// <summary>The content of a regular file in a file system, for reading.</summary>
internal sealed class SquashfsFileStream : ReadOnlyStream
{
    private readonly SquashfsFileSystem _fileSystem;
    private readonly SquashfsInode _inode;
    private readonly int _blockSize;
    private readonly long _blocks;
    private long _position;

    // The list of sizes is read once from its start on: it may be longer than memory.
    private MetadataCursor _sizes;
    private long _nextBlock;
    private long _nextAt;

    private byte[]? _data;
    private long _dataBlock = -1;
    private bool _isHole;

    public SquashfsFileStream(SquashfsFileSystem fileSystem, SquashfsInode inode)
    {
        _fileSystem = fileSystem;
        _inode = inode;
        _blockSize = fileSystem.Superblock.BlockSize;
        _blocks = inode.Size / _blockSize;
        if (inode.Fragment == SquashfsInode.NoFragment && inode.Size % _blockSize != 0)
            _blocks++;
        _sizes = inode.BlockSizes?.Copy() ?? throw new ArgumentException("Not a regular file.", nameof(inode));
        _nextAt = inode.Start;
    }

    public override long Length => _inode.Size;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value));
    }

    /// <summary>The ranges that hold data, start and end in bytes, ascending and apart; all else is holes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public static List<(long Start, long End)> DataRuns(
        SquashfsFileSystem fileSystem, SquashfsInode inode, CancellationToken token)
    {
        using var stream = new SquashfsFileStream(fileSystem, inode);
        var runs = new List<(long Start, long End)>();
        for (var block = 0L; block < stream._blocks; block++)
        {
            token.ThrowIfCancellationRequested();
            if (stream._sizes.U32() != 0)
                Add(block * stream._blockSize, Math.Min(inode.Size, (block + 1) * stream._blockSize));
        }

        if (stream._blocks * stream._blockSize < inode.Size)
            Add(stream._blocks * stream._blockSize, inode.Size);
        return runs;

        void Add(long start, long end)
        {
            if (runs.Count > 0 && runs[^1].End == start)
                runs[^1] = (runs[^1].Start, end);
            else
                runs.Add((start, end));
        }
    }

    public override int Read(Span<byte> buffer)
    {
        if (_position >= Length || buffer.IsEmpty)
            return 0;
        var block = _position / _blockSize;
        var inside = (int)(_position % _blockSize);
        var wanted = (int)Math.Min(_blockSize, Length - block * _blockSize);
        var count = Math.Min(buffer.Length, wanted - inside);
        buffer = buffer[..count];
        if (block >= _blocks)
            Tail(wanted).Slice(inside, count).CopyTo(buffer);
        else if (Load(block, wanted) is { } data)
            data.AsSpan(inside, count).CopyTo(buffer);
        else
            buffer.Clear();
        _position += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (_data is { } data)
            ArrayPool<byte>.Shared.Return(data);
        _data = null;
        base.Dispose(disposing);
    }

    private ReadOnlySpan<byte> Tail(int length)
    {
        var fragment = _fileSystem.ReadFragment(_inode.Fragment);
        return _inode.Offset <= fragment.Length - length
            ? fragment.Slice((int)_inode.Offset, length)
            : throw SquashfsCorrupt.Because($"the end of inode {_inode.Number} is not in its fragment.");
    }

    // Null: a hole.
    private byte[]? Load(long block, int wanted)
    {
        if (_dataBlock == block)
            return _isHole ? null : _data;
        if (block < _nextBlock)
            (_sizes, _nextBlock, _nextAt) = (_inode.BlockSizes!.Copy(), 0, _inode.Start);
        for (; _nextBlock < block; _nextBlock++)
            _nextAt += OnDisk(_sizes.U32());
        var word = _sizes.U32();
        var at = _nextAt;
        _nextBlock++;
        _nextAt += OnDisk(word);
        _isHole = word == 0;
        _dataBlock = -1;
        if (!_isHole)
        {
            _data ??= ArrayPool<byte>.Shared.Rent(_blockSize);
            var length = _fileSystem.ReadBlock(at, word, _data.AsSpan(0, _blockSize));
            if (length != wanted)
                throw SquashfsCorrupt.At("data block", at, $"{length} bytes come out of it instead of {wanted}");
        }

        _dataBlock = block;
        return _isHole ? null : _data;
    }

    private static uint OnDisk(uint word) => word & 0xFFFFFF;
}
