namespace OverlayTools.Ext;

/// <summary>
/// What replaying a log comes to: for each block of the file system that it holds, the newest copy that was not
/// revoked (kernel, <c>fs/jbd2/recovery.c</c>). Nothing is written.
/// </summary>
internal sealed class JournalScan
{
    private readonly ExtFileSystem _fileSystem;
    private readonly JournalLog _log;
    private readonly byte[] _block;
    private readonly CancellationToken _cancellation;
    private readonly List<(uint Sequence, uint Block, uint Logical, bool Escaped)> _tags = [];
    private readonly List<(uint Sequence, uint Block)> _pendingRevokes = [];
    private readonly Dictionary<uint, uint> _revoked = [];

    private JournalScan(ExtFileSystem fileSystem, JournalLog log, CancellationToken cancellation)
    {
        _fileSystem = fileSystem;
        _log = log;
        _block = new byte[fileSystem.Geometry.BlockSize];
        _cancellation = cancellation;
        EndSequence = log.Superblock.Sequence;
        if (log.Superblock.Start != 0)
            Scan();
        Settle();
    }

    /// <summary>The first transaction that is not in the log.</summary>
    public uint EndSequence { get; private set; }

    /// <summary>Transactions that are complete.</summary>
    public uint Transactions { get; private set; }

    /// <summary>Blocks of complete transactions that were revoked later.</summary>
    public int RevokedBlocks { get; private set; }

    /// <summary>Where the newest content of a block is, in bytes, and whether its first four are the journal's
    /// number.</summary>
    public Dictionary<uint, (long Offset, bool Escaped)> Blocks { get; } = [];

    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static JournalScan Run(ExtFileSystem fileSystem, JournalLog log, CancellationToken cancellation) =>
        new(fileSystem, log, cancellation);

    private void Scan()
    {
        var at = _log.Superblock.Start;
        var firstTag = 0;
        // No block is looked at twice: a log that goes round for ever ends here.
        for (long used = 0; used < _log.Length;)
        {
            _cancellation.ThrowIfCancellationRequested();
            _fileSystem.Window.Read(_log.OffsetOf(at), _block);
            if (JournalBlock.Header(_block) is not var (type, sequence) || sequence != EndSequence)
                break;
            var step = 1L;
            if (type == JournalBlock.DescriptorType)
                step += AddTags(at);
            else if (type == JournalBlock.RevokeType)
                AddRevoked(at);
            else if (type == JournalBlock.CommitType)
                firstTag = Commit();
            else
                break;
            used += step;
            at = _log.Wrap(at + step);
        }

        // What has no commit never happened.
        _tags.RemoveRange(firstTag, _tags.Count - firstTag);
    }

    private int AddTags(uint at)
    {
        var tags = JournalBlock.ReadDescriptor(_block);
        for (var i = 0; i < tags.Count; i++)
            _tags.Add((EndSequence, tags[i].Block, _log.Wrap(at + 1L + i), tags[i].Escaped));
        if (_tags.Count > _log.Length)
            throw ExtCorrupt.At("journal", _log.OffsetOf(at), "its descriptors name more blocks than the log has");
        return tags.Count;
    }

    private void AddRevoked(uint at)
    {
        var revoked = JournalBlock.ReadRevoked(_block)
            ?? throw ExtCorrupt.At("journal", _log.OffsetOf(at), "the length of a revoke block is wrong");
        foreach (var block in revoked)
            _pendingRevokes.Add((EndSequence, block));
    }

    private int Commit()
    {
        foreach (var (sequence, block) in _pendingRevokes)
            _revoked[block] = sequence;
        _pendingRevokes.Clear();
        Transactions++;
        EndSequence++;
        return _tags.Count;
    }

    private void Settle()
    {
        foreach (var (sequence, block, logical, escaped) in _tags)
        {
            // Sequences go round; a transaction's own revocation covers its own copies (jbd2_journal_test_revoke).
            if (_revoked.TryGetValue(block, out var last) && (int)(sequence - last) <= 0)
            {
                RevokedBlocks++;
                continue;
            }

            if (block >= _fileSystem.Geometry.BlocksCount)
                throw ExtCorrupt.At("journal", _log.OffsetOf(logical), $"it holds block {block}, outside the file system");
            if (_log.Owns(block))
                throw ExtCorrupt.At("journal", _log.OffsetOf(logical), $"it holds block {block}, which is its own");
            Blocks[block] = (_log.OffsetOf(logical), escaped);
        }

        _tags.Clear();
    }
}
