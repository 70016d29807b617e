using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Items to remove from an overlay, or entries of the base to hide.</summary>
public sealed record OverlayItemRemoval
{
    /// <summary>The image, a SIF image, or a directory with <c>upper</c>.</summary>
    public required string Path { get; init; }

    /// <summary>The partition of a SIF image that has several.</summary>
    public uint? Id { get; init; }

    /// <summary>Paths as in the container.</summary>
    public required IReadOnlyList<string> ItemPaths { get; init; }

    /// <summary>As of <see cref="OverlayItemQuery.Pattern"/>.</summary>
    public Func<string, Predicate<string>?>? Pattern { get; init; }

    /// <summary>Whether directories are removed with all that is in them.</summary>
    public bool Recurse { get; init; }

    /// <summary>Whether what the base has under the name is hidden then.</summary>
    public bool Whiteout { get; init; }

    /// <summary>Removes all of it, in one transaction where the journal holds it; from a directory, one item after the
    /// other, each at once. The name of what a whiteout hides means the whiteout, too.</summary>
    /// <param name="warn">Told when it takes several transactions.</param>
    /// <param name="progress">Told of the files done.</param>
    /// <param name="token">Stops the work: the image is as it was, or of several transactions some are done.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayItemNotFound"/>,
    /// <see cref="ErrorIds.OverlayDirectoryNotEmpty"/>, <see cref="ErrorIds.OverlayWrongFileType"/>,
    /// <see cref="ErrorIds.InvalidDirectoryName"/>, <see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public void Run(
        Action<string>? warn = null, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var paths = ItemPaths.Select(path => new OverlayPath(path, Pattern)).ToList();
        if (paths.Exists(path => path.IsRoot))
            throw new EngineException(ErrorIds.InvalidDirectoryName, "The overlay itself cannot be removed.",
                "Give '/*' with -Recurse for all that is in it.", "/");
        warn ??= _ => { };
        if (Directory.Exists(Path))
            new DirectoryItemRemoval(this, warn, progress, token).Run(paths);
        else
            OverlayEditing.Run(Path, Id, 0, editor => Apply(editor, paths, progress, token), warn, progress, token);
    }

    /// <summary>Removes all of it from an image that is open.</summary>
    internal void RunIn(ExtEditor editor, CancellationToken token) =>
        Apply(editor, [.. ItemPaths.Select(path => new OverlayPath(path, Pattern))], null, token);

    private void Apply(ExtEditor editor, List<OverlayPath> paths, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var (upper, owner) = OverlayEditing.Upper(editor, Path);
        var gone = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in paths)
        {
            token.ThrowIfCancellationRequested();
            // A directory that was piped here goes with what was listed after it.
            if (Recurse && !path.HasPattern && path.Above.Any(gone.Contains))
                continue;
            var content = ImageContent.Of(editor.FileSystem, Path, Id);
            var found = Found(content, path, token);
            foreach (var entry in found)
            {
                Remove(editor, content, entry, progress, token);
                gone.Add(entry.ItemPath);
            }

            if (Whiteout && !path.HasPattern)
                Hide(editor, upper, owner, [.. path.Directories], path.LastName);
            else if (Whiteout)
            {
                foreach (var entry in found)
                    editor.MakeNode((uint)entry.Parent!.Number, entry.Name, ExtFileType.CharacterDevice,
                        OverlayMarks.WhiteoutPermissions, owner.UserId, owner.GroupId);
            }
        }
    }

    /// <summary>What a path stands for; nothing where only something of the base is to be hidden.</summary>
    internal List<OverlayEntry> Found(OverlayContent content, OverlayPath path, CancellationToken token)
    {
        try
        {
            return [.. path.Resolve(content, token)];
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayItemNotFound)
        {
            if (Mark(content, path) is { } mark)
                return [mark];
            if (!Whiteout)
                throw;
            return [];
        }
    }

    // What a file .wh.NAME hides is named by what it hides.
    private static OverlayEntry? Mark(OverlayContent content, OverlayPath path)
    {
        var at = content.Root;
        foreach (var name in path.Directories)
        {
            if (content.Find(at, name) is not { Type: ExtFileType.Directory } next)
                return null;
            at = next;
        }

        return OverlayMarks.FileFor(path.LastName) is { } mark && content.Find(at, mark) is { Type: not ExtFileType.Directory } found
            ? found
            : null;
    }

    private void Remove(
        ExtEditor editor, OverlayContent content, OverlayEntry entry, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var parent = (uint)entry.Parent!.Number;
        if (entry.Type != ExtFileType.Directory)
            editor.Unlink(parent, entry.Name);
        else if (Recurse)
            editor.RemoveTree(parent, entry.Name, progress, token);
        else if (content.List(entry).Any())
            throw NotEmpty(entry);
        else
            editor.RemoveDirectory(parent, entry.Name);
    }

    internal static EngineException NotEmpty(OverlayEntry directory) => new(ErrorIds.OverlayDirectoryNotEmpty,
        $"'{directory.ItemPath}' is a directory with files in it.", "Give -Recurse to remove it with all that is in it.", directory.ItemPath);

    private static void Hide(ExtEditor editor, uint upper, OverlayOwner owner, IReadOnlyList<ExtName> directories, ExtName name)
    {
        var inserter = new NodeInserter(editor, upper, owner, keepOwners: false, replace: false, null, CancellationToken.None);
        var parent = inserter.Directory(directories);
        editor.MakeNode(parent, name, ExtFileType.CharacterDevice, OverlayMarks.WhiteoutPermissions, owner.UserId, owner.GroupId);
    }
}
