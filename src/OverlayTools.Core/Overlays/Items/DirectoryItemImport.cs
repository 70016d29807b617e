using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Puts files of this machine into an overlay that is a directory. What is new appears under its name when it is
/// complete, with the directories on the way to it.</summary>
/// <param name="import">What is wanted.</param>
/// <param name="warn">Told of what could not be kept.</param>
/// <param name="progress">Told of the bytes done.</param>
/// <param name="token">Stops the work.</param>
internal sealed class DirectoryItemImport(
    OverlayItemImport import, Action<string> warn, IProgress<EngineProgress>? progress, CancellationToken token)
{
    /// <summary>Copies all of it; nothing, when one of the files may not be written.</summary>
    /// <exception cref="EngineException">As <see cref="OverlayItemImport"/> says.</exception>
    public void Run(OverlayPath destination, IReadOnlyList<(ExtName Name, ExtNode Node)> sources)
    {
        DirectoryContent.RefuseId(import.ImagePath, import.Id);
        using var overlay = DirectoryOverlay.Open(import.ImagePath, warn);
        var owner = import.Owner ?? overlay.Owner;
        var writer = new TreeWriter(
            overlay.Upper, overlay.UpperPath,
            new TreeWriting("Copying into the overlay", import.Force, import.KeepOwner ? null : owner, import.Owner is not null, IsLayer: true),
            progress, token);
        Copy(overlay, writer, [.. destination.Names], sources);
        if (writer.LostOwners > 0)
            warn($"{writer.LostOwners} files belong to this user now: only root may give files of '{import.ImagePath}' to others.");
        if (writer.LostAttributes > 0)
            warn($"{writer.LostAttributes} extended attributes could not be kept: this user, or the file system of '{import.ImagePath}', does not allow them.");
    }

    private void Copy(
        DirectoryOverlay overlay, TreeWriter writer, IReadOnlyList<ExtName> destination, IReadOnlyList<(ExtName Name, ExtNode Node)> sources)
    {
        if (!import.Force && sources.GroupBy(source => source.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{OverlayEntry.Show(twice.Key)}' is to be copied twice.",
                "Choose one, or give -Force for the last.", OverlayEntry.Show(twice.Key));
        var (at, missing) = overlay.Walk(destination);
        var rest = sources.ToList();
        if (missing > 0)
        {
            var names = destination.Skip(destination.Count - missing).ToList();
            var (top, last) = NewDirectories(overlay.Owner, names.Skip(1));
            // Of one name only the first can be in what appears at once.
            foreach (var source in sources.DistinctBy(source => source.Name))
            {
                last.Add(source.Name, source.Node);
                rest.Remove(source);
            }

            writer.Write(at, names[0], top);
            (at, _) = overlay.Walk(destination);
        }

        // What would be refused is refused before anything is there.
        foreach (var (name, node) in rest)
            writer.Require(at, name, node);
        foreach (var (name, node) in rest)
            writer.Write(at, name, node);
    }

    /// <summary>Directories that the overlay does not have, one in the other.</summary>
    /// <param name="owner">Who shall own them.</param>
    /// <param name="below">The names of all but the first.</param>
    public static (ExtNode Top, ExtNode Last) NewDirectories(OverlayOwner owner, IEnumerable<ExtName> below)
    {
        var top = Directory();
        return (top, below.Aggregate(top, (parent, name) => parent.Add(name, Directory())));

        ExtNode Directory() => ExtNode.Directory(OverlayTree.DefaultPermissions, owner.UserId, owner.GroupId);
    }
}
