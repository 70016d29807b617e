using System.Management.Automation;
using System.Management.Automation.Provider;
using OverlayTools.Overlays;

namespace OverlayTools.Provider;

/// <summary>
/// Shows what is in an overlay as a drive: <c>New-PSDrive ov OverlayImage ./overlay.img</c>. What its image has is not in
/// it; marks of deletions are hidden, as other hidden items, until <c>-Force</c> is given.
/// </summary>
[CmdletProvider("OverlayImage", ProviderCapabilities.ShouldProcess)]
[OutputType(typeof(OverlayImageDrive), ProviderCmdlet = "New-PSDrive")]
[OutputType(typeof(OverlayItem), ProviderCmdlet = "Get-Item")]
[OutputType(typeof(OverlayItem), ProviderCmdlet = "Get-ChildItem")]
[OutputType(typeof(OverlayItem), ProviderCmdlet = "New-Item")]
[OutputType(typeof(bool), ProviderCmdlet = "Test-Path")]
public sealed partial class OverlayImageProvider : NavigationCmdletProvider, IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    private List<OverlayImageDrive> AllDrives => ((OverlayImageProviderInfo)ProviderInfo).AllDrives;

    /// <inheritdoc/>
    protected override ProviderInfo Start(ProviderInfo providerInfo) => new OverlayImageProviderInfo(providerInfo);

    /// <inheritdoc/>
    protected override object NewDriveDynamicParameters() => new OverlayImageDriveParameters();

    /// <inheritdoc/>
    protected override PSDriveInfo? NewDrive(PSDriveInfo drive)
    {
        ArgumentNullException.ThrowIfNull(drive);
        var made = drive as OverlayImageDrive;
        if (made is null)
            Do(drive.Root, () => made = Open(drive));
        if (made is not null)
            AllDrives.Add(made);
        return made;
    }

    /// <inheritdoc/>
    protected override PSDriveInfo RemoveDrive(PSDriveInfo drive)
    {
        if (drive is OverlayImageDrive removed)
        {
            AllDrives.Remove(removed);
            removed.Volume.Dispose();
        }

        return drive;
    }

    /// <inheritdoc/>
    protected override void StopProcessing() => _stop.Cancel();

    /// <inheritdoc/>
    public void Dispose() => _stop.Dispose();

    /// <inheritdoc/>
    protected override bool IsValidPath(string path) => !string.IsNullOrEmpty(path) && !path.Contains('\0');

    /// <inheritdoc/>
    protected override bool ItemExists(string path) => Try(path, false, place => Shown(place.Find(_stop.Token)) is not null);

    /// <inheritdoc/>
    protected override bool IsItemContainer(string path) =>
        Try(path, false, place => place.Find(_stop.Token)?.ItemType == OverlayItemType.Directory);

    /// <inheritdoc/>
    protected override bool HasChildItems(string path) =>
        Try(path, false, place => place.Volume.List(place.ItemPath, _stop.Token).Any(item => Shown(item) is not null));

    /// <inheritdoc/>
    protected override void GetItem(string path) => Do(path, () =>
    {
        var place = At(path);
        Write(path, Shown(place.Find(_stop.Token)) ?? throw NotFound(place));
    });

    /// <inheritdoc/>
    protected override void GetChildItems(string path, bool recurse) =>
        GetChildItems(path, recurse, recurse ? uint.MaxValue : 0);

    /// <inheritdoc/>
    protected override void GetChildItems(string path, bool recurse, uint depth) => Do(path, () =>
    {
        var place = At(path);
        if (place.Find(_stop.Token) is not { } start)
            throw NotFound(place);
        if (start.ItemType != OverlayItemType.Directory)
        {
            Write(path, start);
            return;
        }

        WriteBelow(place, path, recurse ? depth : 0);
    });

    /// <inheritdoc/>
    protected override void GetChildNames(string path, ReturnContainers returnContainers) => Do(path, () =>
    {
        var place = At(path);
        foreach (var item in place.Volume.List(place.ItemPath, _stop.Token))
        {
            if (Shown(item) is not null)
                WriteItemObject(item.Name, MakePath(path, item.Name), item.ItemType == OverlayItemType.Directory);
        }
    });

    private OverlayImageDrive Open(PSDriveInfo drive)
    {
        // A path without a drive is meant as everywhere else: in the current directory.
        var root = SessionState.Path.GetUnresolvedProviderPathFromPSPath(drive.Root, out var provider, out _);
        if (provider.Name != "FileSystem")
            root = Path.GetFullPath(drive.Root, SessionState.Path.CurrentFileSystemLocation.ProviderPath);
        var parameters = DynamicParameters as OverlayImageDriveParameters ?? new OverlayImageDriveParameters();
        return new OverlayImageDrive(drive,
            OverlayVolume.Open(Path.TrimEndingDirectorySeparator(root), parameters.Id, parameters.Writable, _stop.Token));
    }

    private void WriteBelow(Place place, string path, uint depth)
    {
        // What a directory holds is listed, and closed, before what is below it is looked at.
        foreach (var item in place.Volume.List(place.ItemPath, _stop.Token).ToList())
        {
            if (Shown(item) is null)
                continue;
            var below = MakePath(path, item.Name);
            Write(below, item);
            if (depth > 0 && item.ItemType == OverlayItemType.Directory)
                WriteBelow(place with { ItemPath = item.ItemPath }, below, depth - 1);
        }
    }

    private void Write(string path, OverlayItem item) =>
        WriteItemObject(item, path, item.ItemType == OverlayItemType.Directory);

    // Deleted is deleted, but for who wants to see it.
    private OverlayItem? Shown(OverlayItem? item) =>
        item is null || (!Force && item.Meaning is OverlayItemMeaning.Whiteout or OverlayItemMeaning.OpaqueMark) ? null : item;

    private Place At(string path)
    {
        var drive = PSDriveInfo as OverlayImageDrive
            ?? AllDrives.Where(drive => IsBelow(path, drive.Root)).MaxBy(drive => drive.Root.Length)
            ?? throw new EngineException(ErrorIds.OverlayItemNotFound, $"'{path}' is on no drive.",
                "Make one first: New-PSDrive -Name ov -PSProvider OverlayImage -Root ./overlay.img", path);
        var inside = path;
        // Of an item that is not there yet, PowerShell asks with the root before the root.
        for (var rest = path.TrimStart('/'); IsBelow(rest, drive.Root); rest = inside.TrimStart('/'))
            inside = rest[drive.Root.Length..];
        return new Place(drive.Volume, inside.Length == 0 ? "/" : inside);
    }

    private static bool IsBelow(string path, string root) =>
        path.StartsWith(root, StringComparison.Ordinal) && (path.Length == root.Length || path[root.Length] == '/');

    private static EngineException NotFound(Place place) => new(ErrorIds.OverlayItemNotFound,
        $"There is no '{place.ItemPath}' in the overlay '{place.Volume.Path}'.",
        "Get-ChildItem lists what there is: what a container changed, not what its image has. -Force shows what was deleted.", place.ItemPath);

    private T Try<T>(string path, T otherwise, Func<Place, T> look)
    {
        try
        {
            return look(At(path));
        }
        catch (EngineException error) when (error.ErrorId is ErrorIds.OverlayItemNotFound or ErrorIds.InvalidDirectoryName)
        {
            return otherwise;
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            WriteError(ErrorMapping.ToErrorRecord(error, path));
            return otherwise;
        }
    }

    // Of what a method that returns something reports, PowerShell keeps only an exception; from this one it takes the
    // record with the id.
    private T Get<T>(string target, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            throw new RuntimeException(error.Message, error, ErrorMapping.ToErrorRecord(error, target));
        }
    }

    private void Do(string target, Action work)
    {
        try
        {
            work();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            WriteError(ErrorMapping.ToErrorRecord(error, target));
        }
    }

    /// <summary>A path in the overlay of a drive.</summary>
    private sealed record Place(OverlayVolume Volume, string ItemPath)
    {
        public OverlayItem? Find(CancellationToken token) => Volume.Find(ItemPath, token);
    }
}
