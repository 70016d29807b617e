using System.Management.Automation;
using System.Text;
using OverlayTools.Overlays;

namespace OverlayTools.Provider;

/// <content>What changes the overlay.</content>
public sealed partial class OverlayImageProvider
{
    /// <inheritdoc/>
    protected override void NewItem(string path, string itemTypeName, object newItemValue) => Do(path, () =>
    {
        var place = At(path);
        var kind = KindOf(itemTypeName);
        if (!ShouldProcess(path, $"Create {kind}"))
            return;
        switch (kind)
        {
            case "Directory":
                if (!Force || place.Find(_stop.Token)?.ItemType != OverlayItemType.Directory)
                    place.Volume.MakeDirectory(place.ItemPath, _stop.Token);
                break;
            case "SymbolicLink":
                var target = newItemValue?.ToString() is { Length: > 0 } given ? given : throw new EngineException(
                    ErrorIds.OptionConflict, "A symbolic link needs a target.", "Give it with -Value.", path);
                place.Volume.MakeLink(place.ItemPath, target, Force, _stop.Token);
                break;
            default:
                using (var content = new MemoryStream(ContentOf(newItemValue)))
                    place.Volume.MakeFile(place.ItemPath, content, Force, _stop.Token);
                break;
        }

        Write(path, place.Find(_stop.Token)!);
    });

    /// <inheritdoc/>
    protected override void RemoveItem(string path, bool recurse) => Do(path, () =>
    {
        var place = At(path);
        if (ShouldProcess(path, recurse ? "Remove with all that is in it" : "Remove"))
            place.Volume.Remove(place.ItemPath, recurse, _stop.Token);
    });

    /// <inheritdoc/>
    protected override void RenameItem(string path, string newName) => Do(path, () =>
    {
        if (newName.Contains('/'))
            throw new EngineException(ErrorIds.InvalidDirectoryName, $"'{newName}' is no name: it has a slash.",
                "Use Move-Item to put it into another directory.", newName);
        MoveTo(path, MakePath(GetParentPath(path, null), newName), $"Rename to '{newName}'");
    });

    /// <inheritdoc/>
    protected override void MoveItem(string path, string destination) =>
        Do(path, () => MoveTo(path, Into(path, destination), $"Move to '{destination}'"));

    /// <inheritdoc/>
    protected override void CopyItem(string path, string copyPath, bool recurse) => Do(path, () =>
    {
        var target = Into(path, copyPath);
        var (from, to) = (At(path), At(target));
        if (!ReferenceEquals(from.Volume, to.Volume))
            throw OtherDrive(copyPath);
        if (!ShouldProcess(path, $"Copy to '{target}'"))
            return;
        from.Volume.Copy(from.ItemPath, to.ItemPath, recurse, Force, _stop.Token);
        Write(target, to.Find(_stop.Token)!);
    });

    private void MoveTo(string path, string target, string action)
    {
        var (from, to) = (At(path), At(target));
        if (!ReferenceEquals(from.Volume, to.Volume))
            throw OtherDrive(target);
        if (!ShouldProcess(path, action))
            return;
        from.Volume.Move(from.ItemPath, to.ItemPath, Force, _stop.Token);
        Write(target, to.Find(_stop.Token)!);
    }

    // What is moved or copied to a directory goes into it.
    private string Into(string path, string destination) =>
        IsItemContainer(destination) ? MakePath(destination, GetChildName(path)) : destination;

    private static EngineException OtherDrive(string destination) => new(ErrorIds.OptionConflict,
        $"'{destination}' is in another overlay.", "Copy it out and in again with Copy-OverlayItem.", destination);

    private static string KindOf(string? itemType)
    {
        var kinds = new[] { "File", "Directory", "SymbolicLink" };
        if (string.IsNullOrEmpty(itemType))
            return kinds[0];
        return Array.Find(kinds, kind => kind.StartsWith(itemType, StringComparison.OrdinalIgnoreCase))
            ?? throw new EngineException(ErrorIds.OptionConflict, $"An item of type '{itemType}' cannot be made.",
                "Give File, Directory or SymbolicLink.", itemType);
    }

    private static byte[] ContentOf(object? value) => value switch
    {
        null => [],
        PSObject { BaseObject: byte[] bytes } => bytes,
        byte[] bytes => bytes,
        _ => Encoding.UTF8.GetBytes(LanguagePrimitives.ConvertTo<string>(value)),
    };
}
