using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>Puts an overlay into a SIF image, where the runtime finds it: in the group of the root file system.</summary>
internal static class SifDestination
{
    /// <summary>Refuses an image that an overlay cannot be put into.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifNoPrimaryPartition"/>,
    /// <see cref="ErrorIds.SifEncrypted"/>, <see cref="ErrorIds.SifSigned"/>, <see cref="ErrorIds.SifOverlayExists"/>
    /// for a second writable one.</exception>
    public static void Check(SifImage image, SifFileSystem fileSystem, uint? replaced)
    {
        var path = image.Path;
        var primary = image.PrimaryPartition
            ?? throw new EngineException(ErrorIds.SifNoPrimaryPartition, $"'{path}' has no root file system.",
                "An overlay belongs to the root file system of its image; Get-SifDescriptor lists what there is.", path);
        if (image.IsEncrypted)
            throw new EngineException(ErrorIds.SifEncrypted, $"The root file system of '{path}' is encrypted.",
                "Make an overlay in a file of its own.", path);
        if (image.IsGroupSigned(primary.GroupId ?? SifNewObject.DefaultGroup))
            throw new EngineException(ErrorIds.SifSigned, $"'{path}' is signed, and its signature would no longer be valid.",
                "Make an overlay in a file of its own, or put it into an unsigned copy of the image.", path);
        if (fileSystem == SifFileSystem.Ext3
            && image.Overlays.FirstOrDefault(o => o.Partition?.FileSystem == SifFileSystem.Ext3 && o.Id != replaced) is { } existing)
            throw new EngineException(ErrorIds.SifOverlayExists,
                $"'{path}' already has a writable overlay, object {existing.Id}.", "Make an overlay in a file of its own.", path);
        if (replaced is { } id)
            image.RefuseSigned(image.Find(id));
    }

    /// <summary>The partition as it will be.</summary>
    public static SifNewObject Describe(SifImage image, SifContent content, SifFileSystem fileSystem)
    {
        var primary = image.PrimaryPartition!;
        var architecture = primary.Partition?.Architecture ?? SifArchitecture.Unknown;
        return new SifNewObject
        {
            DataType = SifDataType.Partition,
            Content = content,
            GroupId = primary.GroupId ?? SifNewObject.DefaultGroup,
            Metadata = new SifPartitionMetadata(fileSystem, SifPartitionType.Overlay,
                architecture == SifArchitecture.Unknown ? SifArchitectures.Host : architecture),
        };
    }

    /// <summary>Adds the partition, and then removes the one that it replaces. The new one is on the disk before the
    /// old one goes: with both, a stack shows what it shows with one of them, so that after a crash at any moment the
    /// image reads as before or as after.</summary>
    /// <param name="file">The image, held open and locked as a whole.</param>
    /// <param name="path">Its path.</param>
    /// <param name="content">The file system.</param>
    /// <param name="fileSystem">Its kind.</param>
    /// <param name="replaced">The partition to remove; null for none.</param>
    /// <param name="options">As of <see cref="SifEditor"/>.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; once the partition is added, all is done.</param>
    public static SifObject Put(
        Window file, string path, SifContent content, SifFileSystem fileSystem, uint? replaced, SifChangeOptions options,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        SifNewObject added;
        using (var image = SifImage.Open(file, path, token))
        {
            Check(image, fileSystem, replaced);
            added = Describe(image, content, fileSystem);
        }

        var placed = SifEditor.Add(file, path, added, options, progress, token);
        if (replaced is { } id)
            SifEditor.Remove(file, path, [id], new SifRemoveOptions { Zero = true }, CancellationToken.None);
        return placed;
    }
}
