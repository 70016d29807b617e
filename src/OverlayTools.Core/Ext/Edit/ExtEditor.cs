using System.Text;
using OverlayTools.Ext.Edit;
using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>
/// Changes files in an ext2/ext3 file system that has a journal. Operations are collected until <see cref="Commit"/>,
/// which makes all of them durable in one transaction of the image's own journal: after a crash at any point, whoever
/// mounts or checks the image finds all of them or none. An operation that fails changes nothing, and the ones before
/// it can still be committed. What is not committed is discarded.
/// </summary>
/// <remarks>
/// Files are named by inode number; <see cref="Find(string, bool)"/> and <see cref="Split"/> turn paths into them.
/// Owners and permissions are taken as they are given: there is no umask, no inheritance from the directory, and
/// changing an owner keeps the set-id bits. While an editor is open nothing else may use the image.
/// </remarks>
public sealed partial class ExtEditor : IDisposable
{
    private readonly Window _window;
    private readonly JournalTransaction _journal;
    private readonly EditState _state;
    private readonly FileContent _content;
    private readonly AttributeEditor _attributes;
    private readonly InodeEditor _inodes;
    private readonly NameEditor _names;
    private ExtTime? _time;
    private bool _isOver;

    private ExtEditor(Window window, ExtFileSystem fileSystem)
    {
        _window = window;
        _journal = JournalTransaction.Open(fileSystem);
        _state = new EditState(window, fileSystem, _journal.Log);
        _content = new FileContent(_state);
        _attributes = new AttributeEditor(_state);
        _inodes = new InodeEditor(_state, _content, _attributes);
        _names = new NameEditor(_state, _inodes);
    }

    /// <summary>The inode of the root directory.</summary>
    public static uint Root => ExtInode.Root;

    /// <summary>Whether an operation first commits the ones before it when together they may become more than the
    /// journal holds. A crash then leaves the state after one of the commits.</summary>
    public bool CommitsWhenLarge { get; set; }

    /// <summary>The time that operations set, up to the year 2310; null for the clock's.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Inodes cannot hold it.</exception>
    public ExtTime? Time
    {
        get => _time;
        set
        {
            if (value is { } time)
                _inodes.RequireTime(time);
            _time = value;
        }
    }

    /// <summary>Whether there are changes that were not committed.</summary>
    public bool HasChanges => _state.Stage.HasChanges;

    /// <summary>Bytes in free blocks; what changes freed can be used again after they were committed.</summary>
    public long FreeBytes => (long)_state.Groups.FreeBlocks * _state.BlockSize;

    /// <summary>The file system as it will be after a commit of the changes so far. Take a new one after each
    /// operation.</summary>
    public ExtFileSystem FileSystem
    {
        get
        {
            RequireOpen();
            if (HasChanges)
                _state.UpdateSuperblock();
            return ExtFileSystem.Open(_state.Stage);
        }
    }

    /// <summary>Opens a file system that was not unmounted cleanly, or that was: first its journal is replayed, and
    /// files that wait to be deleted are, as a mount would do it.</summary>
    /// <param name="window">The file system, for reading and writing.</param>
    /// <param name="progress">Told of the replay.</param>
    /// <param name="cancellation">Stops the recovery, which then still has to be done.</param>
    /// <exception cref="EngineException">As <see cref="Open"/>, but for
    /// <see cref="ErrorIds.OverlayDirtyJournal"/>.</exception>
    public static ExtEditor OpenRecovered(
        Window window, IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        ExtRecovery.Run(window, progress, cancellation);
        return Open(window);
    }

    /// <summary>Opens a file system for changing; nothing is written yet.</summary>
    /// <param name="window">The file system, for reading and writing.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.OverlayDirtyJournal"/> when it was not
    /// unmounted cleanly, <see cref="ErrorIds.OverlayCorrupt"/> also when errors were recorded.</exception>
    public static ExtEditor Open(Window window)
    {
        var fileSystem = ExtFileSystem.Open(window);
        ExtResizer.RequireChangeable(fileSystem.Superblock);
        if (fileSystem.Superblock.LastOrphan != 0)
            throw new EngineException(ErrorIds.OverlayDirtyJournal,
                "The file system was not unmounted cleanly: there are files that wait to be deleted or cut.",
                "Run: Repair-OverlayImage IMAGE (or mount and unmount the image), then try again.");
        return new ExtEditor(window, fileSystem);
    }

    /// <summary>Finds a file by its path from the root, component by component.</summary>
    /// <param name="path">For example <c>/upper/etc</c>; <c>.</c> and doubled slashes are ignored, <c>..</c> at the
    /// root stays there.</param>
    /// <param name="followLinks">Whether symbolic links are followed, inside the file system; else one in the middle is
    /// not found.</param>
    /// <returns>The inode, or null when there is no such file.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public uint? Find(string path, bool followLinks = false)
    {
        RequireOpen();
        var pending = new Stack<byte[]>();
        ExtFileSystem.Push(pending, Encoding.UTF8.GetBytes(path));
        var trail = new List<uint> { Root };
        var followed = 0;
        while (pending.TryPop(out var component))
        {
            var directory = trail[^1];
            if (_state.ReadInode(directory).FileType != ExtFileType.Directory)
                return null;
            if (component is [(byte)'.', (byte)'.'])
            {
                trail.RemoveRange(Math.Max(1, trail.Count - 1), trail.Count > 1 ? 1 : 0);
                continue;
            }

            if (component.Length > ExtName.MaxLength || component.Contains((byte)0)
                || _names.Find(directory, new ExtName(component)) is not { } inode)
                return null;
            if (!followLinks || _state.ReadInode(inode).FileType != ExtFileType.SymbolicLink)
            {
                trail.Add(inode);
                continue;
            }

            if (++followed > ExtFileSystem.MaxLinksFollowed)
                return null;
            var target = _state.View.ReadLink(inode);
            if (target is [(byte)'/', ..])
                trail.RemoveRange(1, trail.Count - 1);
            ExtFileSystem.Push(pending, target);
        }

        return trail[^1];
    }

    /// <summary>The inode that a name in a directory leads to, or null.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayWrongFileType"/> when it is no directory,
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public uint? Find(uint directory, ExtName name)
    {
        RequireOpen();
        return _names.Find(directory, name);
    }

    /// <summary>The directory that a path leads into, and the name of the file in it, which need not exist.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/> when the directory does not exist,
    /// <see cref="ErrorIds.InvalidDirectoryName"/> when the path does not end with a name.</exception>
    public (uint Parent, ExtName Name) Split(string path, bool followLinks = false)
    {
        var trimmed = path.TrimEnd('/');
        var cut = trimmed.LastIndexOf('/') + 1;
        var name = new ExtName(trimmed[cut..]);
        var parent = Find(trimmed[..cut], followLinks)
            ?? throw new EngineException(ErrorIds.OverlayFileNotFound,
                $"'{trimmed[..cut]}' does not exist.", null, path);
        return (parent, name);
    }

    /// <summary>Makes all changes so far durable, in one transaction.</summary>
    /// <returns>Whether there was something to do.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayChangeTooLarge"/> when it is more than the journal
    /// holds. Nothing was written then that anything leads to, and the changes are still there; they can only be
    /// discarded. <see cref="CommitIfLarge"/> between operations, or <see cref="CommitsWhenLarge"/>, avoids
    /// it.</exception>
    /// <exception cref="IOException">Writing failed. The image is as before or as after, maybe only after its journal
    /// was replayed; this editor can only be disposed of.</exception>
    public bool Commit()
    {
        RequireOpen();
        if (!HasChanges)
            return false;
        _state.Begin(Now());
        _state.UpdateSuperblock();
        _state.Stage.Spill(_state.Groups.IsFresh);
        if (!_journal.Fits(_state.Stage.ChangedCount))
            throw new EngineException(ErrorIds.OverlayChangeTooLarge,
                $"The changes are in {_state.Stage.ChangedCount} blocks, more than the image's journal holds at once.",
                "Make the changes in several steps.");
        _isOver = true;
        _journal.Commit(_state.Stage.Changed());
        _state.Clear();
        _isOver = false;
        return true;
    }

    /// <summary>Commits when the changes so far take half of the journal. Called between operations that need not be
    /// made together, it keeps any number of them from becoming too large.</summary>
    /// <returns>Whether it committed.</returns>
    /// <inheritdoc cref="Commit"/>
    public bool CommitIfLarge()
    {
        RequireOpen();
        if (_journal.Fits(2 * _state.Stage.ChangedCount))
            return false;
        _state.Begin(Now());
        _state.Stage.Spill(_state.Groups.IsFresh);
        return !_journal.Fits(2 * _state.Stage.ChangedCount) && Commit();
    }

    /// <summary>Discards what was not committed.</summary>
    public void Dispose()
    {
        _isOver = true;
        _state.Clear();
    }

    /// <summary>An editor of a file system in which files may wait to be deleted, and whose state nobody looked at; its
    /// journal was replayed.</summary>
    internal static ExtEditor OpenWithOrphans(Window window)
    {
        var fileSystem = ExtFileSystem.Open(window);
        ExtResizer.RequireFeatures(fileSystem.Superblock);
        return new ExtEditor(window, fileSystem);
    }

    /// <summary>Blocks that one transaction can change.</summary>
    internal int Capacity => _journal.Capacity;

    internal (EditState State, InodeEditor Inodes) Parts => (_state, _inodes);

    /// <summary>Does one operation wholly or not at all.</summary>
    internal T Do<T>(Func<T> operation)
    {
        Begin();
        try
        {
            return operation();
        }
        catch
        {
            _state.Rollback();
            throw;
        }
    }

    internal void Do(Action operation) => Do(() =>
    {
        operation();
        return true;
    });

    private void Begin()
    {
        RequireOpen();
        if (CommitsWhenLarge)
            CommitIfLarge();
        _state.Begin(Now());
    }

    private ExtTime Now() => Time ?? ExtTime.From(DateTimeOffset.UtcNow);

    private void RequireOpen() => ObjectDisposedException.ThrowIf(_isOver, this);
}
