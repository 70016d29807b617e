using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// An overlay to look around in, and to change file by file. To be read, it is opened for each call, so that it is in
/// nobody's way between them; to be changed, it stays open and locked. Each change is a transaction of its own.
/// </summary>
public sealed class OverlayVolume : IDisposable
{
    private readonly LockedImage? _locked;

    private OverlayVolume(string path, uint? id, LockedImage? locked) => (Path, Id, _locked) = (path, id, locked);

    /// <summary>The image, or the directory that the overlay is.</summary>
    public string Path { get; }

    /// <summary>The partition of a SIF image; null for an overlay of its own.</summary>
    public uint? Id { get; }

    /// <summary>Whether it can be changed.</summary>
    public bool IsWritable => _locked is not null;

    private LockedImage Locked => _locked ?? throw new EngineException(ErrorIds.OverlayNotWritable,
        $"The overlay '{Path}' was opened read-only.", "Make the drive with New-PSDrive -Writable.", Path);

    /// <summary>Told of what the user should know; nothing by default.</summary>
    public Action<string> Warn { get; set; } = static _ => { };

    /// <summary>Opens an overlay.</summary>
    /// <param name="path">An overlay image, a SIF image, or, to be read, a directory with <c>upper</c>.</param>
    /// <param name="id">The partition of a SIF image that has several.</param>
    /// <param name="writable">Whether it is to be changed: it is locked until it is disposed of.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OverlayInUse"/>, <see cref="ErrorIds.OverlayCorrupt"/>, <see cref="ErrorIds.OptionConflict"/>,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>, <see cref="ErrorIds.OverlayNotWritable"/> for a directory that is to
    /// be changed.</exception>
    public static OverlayVolume Open(string path, uint? id, bool writable, CancellationToken token = default)
    {
        if (writable && Directory.Exists(path))
            throw new EngineException(ErrorIds.OverlayNotWritable, $"'{path}' is a directory: its 'upper' is changed with the commands for files.",
                "Leave -Writable out to look into it.", path);
        using (OverlayContent.OpenOne(path, id, static _ => { }, token))
        {
            // What is no overlay is refused now, not at the first look.
        }

        if (!writable)
            return new OverlayVolume(path, id, null);
        var locked = LockedImage.ToChange(path, id);
        try
        {
            _ = ImageContent.Single(locked.Locations, path);
            return new OverlayVolume(path, id, locked);
        }
        catch
        {
            locked.Dispose();
            throw;
        }
    }

    /// <summary>The item of a path; null when there is none. Links are not followed.</summary>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="token">Stops the work.</param>
    public OverlayItem? Find(string itemPath, CancellationToken token = default)
    {
        using var content = Look(token);
        return Entry(content, itemPath, token) is { } entry ? OverlayItemReader.Describe(content, entry) : null;
    }

    /// <summary>What is in a directory, in the order of the names; nothing when the path is none.</summary>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="token">Stops the work.</param>
    public IEnumerable<OverlayItem> List(string itemPath, CancellationToken token = default)
    {
        using var content = Look(token);
        if (Entry(content, itemPath, token) is not { Type: ExtFileType.Directory } directory)
            yield break;
        foreach (var entry in content.List(directory))
        {
            token.ThrowIfCancellationRequested();
            yield return OverlayItemReader.Describe(content, entry);
        }
    }

    /// <summary>What a regular file holds. The overlay is open, and locked against writers, until the stream is disposed
    /// of.</summary>
    /// <param name="itemPath">As in the container.</param>
    /// <param name="token">Stops the opening.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayItemNotFound"/>,
    /// <see cref="ErrorIds.OverlayWrongFileType"/>, <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public Stream OpenRead(string itemPath, CancellationToken token = default)
    {
        var content = Look(token);
        try
        {
            var entry = Entry(content, itemPath, token) ?? throw new OverlayPath(itemPath).NotFound(Path);
            if (entry.Type != ExtFileType.RegularFile)
                throw new EngineException(ErrorIds.OverlayWrongFileType, $"'{entry.ItemPath}' is no regular file.",
                    "Links are not followed: name the file itself.", entry.ItemPath);
            return new OwningStream(content.Read(entry, token).Content.Open(), content);
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    /// <summary>Makes sure that it can be changed.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotWritable"/> when it was opened to be
    /// read.</exception>
    public void RequireWritable() => _ = Locked;

    /// <summary>Changes the overlay, in one transaction where its journal holds it.</summary>
    /// <param name="work">The work; it may be done a second time, on the overlay as it was.</param>
    /// <param name="token">Stops the work: the overlay is as it was.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotWritable"/> when it was opened to be read; or what
    /// the work raises.</exception>
    internal void Change(Action<ExtEditor> work, CancellationToken token)
    {
        var window = Locked.Locations[0].Open(Locked.File);
        OverlayEditing.Run(window, 0, work, text => Warn($"'{Path}': {text}"), null, token);
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose() => _locked?.Dispose();

    // Who has the lock reads through the same open file: another one would be refused.
    private OverlayContent Look(CancellationToken token) => _locked is null
        ? OverlayContent.OpenOne(Path, Id, Warn, token)
        : ImageContent.InWindow(_locked.Locations[0].Open(_locked.File), Path, _locked.Locations[0].Id, token);

    private static OverlayEntry? Entry(OverlayContent content, string itemPath, CancellationToken token)
    {
        try
        {
            return new OverlayPath(itemPath).Resolve(content, token).FirstOrDefault();
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayItemNotFound)
        {
            return null;
        }
    }
}
