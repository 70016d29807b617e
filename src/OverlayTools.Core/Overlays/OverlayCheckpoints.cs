using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// Keeps copies of an overlay beside it, and goes back to them. A copy shares the blocks of the image where the file
/// system can do that (XFS, btrfs), and else has the same holes.
/// </summary>
public static class OverlayCheckpoints
{
    /// <summary>Makes a checkpoint of an overlay that nobody writes.</summary>
    /// <param name="path">An image file, or a SIF image.</param>
    /// <param name="id">The partition of a SIF image that has several.</param>
    /// <param name="name">Letters, digits, '-' and '_'; null for the time.</param>
    /// <param name="replace">Whether one of the same name is replaced.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing is left of it.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.CheckpointNameInvalid"/>,
    /// <see cref="ErrorIds.OverlayAlreadyExists"/>, or as <see cref="OverlayCloneSource.Open"/>.</exception>
    public static OverlayCheckpoint Make(
        string path, uint? id = null, string? name = null, bool replace = false,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        name ??= CheckpointName.ForNow(DateTimeOffset.Now);
        CheckpointName.Require(name);
        path = OverlayFile.RealPath(path);
        using var source = OverlayCloneSource.Open(path, id);
        var target = CheckpointName.PathOf(path, source.Id, name);
        source.CloneTo(target, OverlayCloneKeep.Uuid, replace, progress, token);
        return Describe(target, path, source.Id, name);
    }

    /// <summary>The checkpoints of an image, the oldest first; the image itself may be gone.</summary>
    /// <param name="path">An image file, or a SIF image.</param>
    /// <param name="id">The one partition of a SIF image that is meant; null for all.</param>
    public static IReadOnlyList<OverlayCheckpoint> List(string path, uint? id = null)
    {
        path = OverlayFile.RealPath(path);
        var directory = Path.GetDirectoryName(path) ?? "/";
        if (!Directory.Exists(directory))
            return [];
        var found = new List<OverlayCheckpoint>();
        foreach (var file in Directory.EnumerateFiles(directory))
        {
            if (PartitionIn(file, path) is var (partition, name) && (id is null || partition == id) && TryDescribe(file, path, partition, name) is { } one)
                found.Add(one);
        }

        return [.. found.OrderBy(checkpoint => checkpoint.Created).ThenBy(checkpoint => checkpoint.Path, StringComparer.Ordinal)];
    }

    /// <summary>Puts the content of a checkpoint in the place of what the overlay has now. The checkpoint stays.</summary>
    /// <param name="checkpoint">The one.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; the overlay is as it was.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, <see cref="ErrorIds.CheckpointNotFound"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/> when the copy is none any more, <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.OverlayHasOtherNames"/>.</exception>
    public static OverlayImage Restore(
        OverlayCheckpoint checkpoint, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        if (!File.Exists(checkpoint.Path))
            throw NotFound(checkpoint.ImagePath, checkpoint.Name);
        using var source = LockedImage.ToRead(checkpoint.Path, null);
        _ = ExtSuperblock.Read(source.Locations[0].Open(source.File));
        if (checkpoint.Id is null && !File.Exists(checkpoint.ImagePath))
        {
            using var lost = OverlayCloneSource.Open(checkpoint.Path);
            return lost.CloneTo(checkpoint.ImagePath, OverlayCloneKeep.Uuid, replace: false, progress, token);
        }

        using var image = LockedImage.ToChange(checkpoint.ImagePath, checkpoint.Id, whole: true);
        OverlayLocation.RefuseSigned(image.File, checkpoint.ImagePath, image.Locations);
        ResizableImage target = checkpoint.Id is { } id
            ? new EmbeddedImage(image.File, checkpoint.ImagePath, id)
            : new ImageFile(image.File, checkpoint.ImagePath, image.IsLocked);
        return target.Replace(source.File, checkpoint.Path, progress, token);
    }

    /// <summary>The checkpoint of that name.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.CheckpointNotFound"/>,
    /// <see cref="ErrorIds.OptionConflict"/> when several partitions have one.</exception>
    public static OverlayCheckpoint Find(string path, uint? id, string name)
    {
        CheckpointName.Require(name);
        var found = List(path, id).Where(checkpoint => checkpoint.Name == name).ToList();
        return found.Count switch
        {
            0 => throw NotFound(path, name),
            1 => found[0],
            _ => throw new EngineException(ErrorIds.OptionConflict,
                $"Several partitions of '{path}' have a checkpoint '{name}': {string.Join(", ", found.Select(one => one.Id))}.",
                "Say with -Id which one is meant.", path),
        };
    }

    private static (uint? Id, string Name)? PartitionIn(string file, string image)
    {
        if (CheckpointName.NameIn(file, image, null) is { } plain)
            return (null, plain);
        if (!file.StartsWith(image + "#", StringComparison.Ordinal))
            return null;
        var number = file[(image.Length + 1)..].Split('.')[0];
        return uint.TryParse(number, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var id)
            && CheckpointName.NameIn(file, image, id) is { } name
                ? (id, name)
                : null;
    }

    // It may be removed while we look.
    private static OverlayCheckpoint? TryDescribe(string file, string image, uint? id, string name)
    {
        try
        {
            return Describe(file, image, id, name);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static OverlayCheckpoint Describe(string file, string image, uint? id, string name)
    {
        using var handle = Open.File(file, Open.PathOnly);
        var status = Statx.Of(handle, file);
        return new OverlayCheckpoint
        {
            Path = file,
            ImagePath = image,
            Id = id,
            Name = name,
            Created = new ExtTime(status.ModifiedSeconds, status.ModifiedNanoseconds).ToDateTimeOffset(),
            SizeBytes = status.Size,
            AllocatedBytes = status.Sectors * 512,
        };
    }

    private static EngineException NotFound(string image, string name) => new(ErrorIds.CheckpointNotFound,
        $"'{image}' has no checkpoint '{name}'.", "Get-OverlayImage -Checkpoint lists what there is.", name);
}
