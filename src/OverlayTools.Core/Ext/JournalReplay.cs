using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>
/// The replay of the journal of a file system that was not unmounted cleanly: seen in memory, or written. What
/// e2fsck and the kernel do, they do with the same result.
/// </summary>
public sealed class JournalReplay
{
    private readonly Window _window;
    private readonly ExtFileSystem _fileSystem;
    private readonly JournalLog _log;
    private readonly JournalScan _scan;

    private JournalReplay(ExtFileSystem fileSystem, CancellationToken cancellation)
    {
        _window = fileSystem.Window;
        _fileSystem = fileSystem;
        _log = JournalLog.Open(fileSystem);
        _scan = JournalScan.Run(fileSystem, _log, cancellation);
        View = MakeView();
    }

    /// <summary>Transactions in the log that are complete.</summary>
    public int Transactions => (int)_scan.Transactions;

    /// <summary>Blocks of the file system that the log has newer content for.</summary>
    public int Blocks => _scan.Blocks.Count;

    /// <summary>Blocks in the log that are not replayed, because they were freed and used for something else
    /// since.</summary>
    public int RevokedBlocks => _scan.RevokedBlocks;

    /// <summary>The file system as it is after the replay; it cannot be written, and reads the image's bytes.</summary>
    public Window View { get; }

    private uint SuperblockBlock => _fileSystem.Geometry.FirstDataBlock;

    private int SuperblockAt => (int)(ExtSuperblock.Size - _fileSystem.Geometry.OffsetOf(SuperblockBlock));

    /// <summary>Reads the journal of a file system that needs it replayed.</summary>
    /// <param name="window">The file system; it is only read.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The replay, or null when the file system is marked as having no use for one.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// or <see cref="ErrorIds.OverlayFeatureUnsupported"/> for a journal in a form of ext4.</exception>
    public static JournalReplay? Find(Window window, CancellationToken cancellation = default)
    {
        var fileSystem = ExtFileSystem.Open(window);
        return fileSystem.Superblock.NeedsRecovery ? new JournalReplay(fileSystem, cancellation) : null;
    }

    /// <summary>
    /// Writes it all. Until the end the log stays valid and marked, so that after a crash, or when stopped, it is
    /// replayed again; everything is durable when the call returns.
    /// </summary>
    /// <exception cref="OperationCanceledException">The journal still has to be replayed.</exception>
    public void Apply(IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        const string activity = "Replaying the journal";
        var block = new byte[_fileSystem.Geometry.BlockSize];
        var done = 0L;
        foreach (var (target, copy) in _scan.Blocks.OrderBy(pair => pair.Key))
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new EngineProgress(activity, done++, _scan.Blocks.Count, "blocks"));
            if (target == SuperblockBlock)
                continue;
            ReplayedWindow.ReadCopy(_window, copy, block);
            _window.Write(_fileSystem.Geometry.OffsetOf(target), block);
        }

        _window.Flush();
        if (_scan.Blocks.TryGetValue(SuperblockBlock, out var superblock))
        {
            // The mark stays until the log is empty; and a larger size counts only when its descriptors are there.
            ReplayedWindow.ReadCopy(_window, superblock, block);
            var marked = new ExtSuperblock(block.AsSpan(SuperblockAt)) { NeedsRecovery = true };
            marked.Raw.CopyTo(block.AsSpan(SuperblockAt));
            _window.Write(_fileSystem.Geometry.OffsetOf(SuperblockBlock), block);
            _window.Flush();
        }

        var (after, journal) = Finished();
        // An aborted journal's mark moves to the file system before it goes.
        if (after.HasErrors)
        {
            after.NeedsRecovery = true;
            _window.Write(ExtSuperblock.Size, after.Raw);
            _window.Flush();
            after.NeedsRecovery = false;
        }

        _window.Write(_log.SuperblockOffset, journal.Raw);
        _window.Flush();
        _window.Write(ExtSuperblock.Size, after.Raw);
        _window.Flush();
        progress?.Report(new EngineProgress(activity, _scan.Blocks.Count, _scan.Blocks.Count, "blocks"));
    }

    private (ExtSuperblock FileSystem, JournalSuperblock Journal) Finished()
    {
        var journal = new JournalSuperblock(_log.Superblock.Raw)
        {
            Start = 0,
            // As e2fsck: one is left out, so that no leftover of the log is taken for the next transaction.
            Sequence = _scan.EndSequence + 1,
            Errno = 0,
        };
        var superblock = new ExtSuperblock(_fileSystem.Superblock.Raw);
        if (_scan.Blocks.TryGetValue(SuperblockBlock, out var copy))
        {
            var block = new byte[_fileSystem.Geometry.BlockSize];
            ReplayedWindow.ReadCopy(_window, copy, block);
            superblock = new ExtSuperblock(block.AsSpan(SuperblockAt));
        }

        superblock.NeedsRecovery = false;
        if (_log.Superblock.Errno != 0)
            superblock.State |= ExtSuperblock.StateErrors;
        return (superblock, journal);
    }

    private ReplayedWindow MakeView()
    {
        var view = new ReplayedWindow(_window, _fileSystem.Geometry.BlockSize, _scan.Blocks);
        var (superblock, journal) = Finished();
        view.Patch(ExtSuperblock.Size, superblock.Raw);
        view.Patch(_log.SuperblockOffset, journal.Raw);
        return view;
    }
}
