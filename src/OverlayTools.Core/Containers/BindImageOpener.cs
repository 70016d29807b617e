using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>Opens the images of which a part is bound, for reading: a squashfs or ext3 image, or a data partition of a
/// SIF image.</summary>
internal static class BindImageOpener
{
    /// <summary>Opens one image for each bind that shows a part of one, in their order.</summary>
    /// <exception cref="EngineException">Naming the image and what is wrong with it.</exception>
    public static IReadOnlyList<LayerSource> Open(ContainerRequest request, ImageSet set) =>
        [.. request.Binds.Where(bind => bind.IsImage).Select(bind => Open(bind, set))];

    private static LayerSource Open(BindArgument bind, ImageSet set)
    {
        var path = bind.Source;
        if (Directory.Exists(path))
            throw new EngineException(ErrorIds.ImageNotRecognized, $"'{path}' is a directory, not an image to bind from.",
                "Bind the directory itself, without image-src and id.", path);
        var file = ImageOpener.OpenFile(path, set, write: false);
        var length = RandomAccess.GetLength(file.Handle);
        return ImageFormats.Recognize(file.Handle, path) switch
        {
            ImageFormat.Squashfs => Source(LayerKind.Squashfs, file, 0, length),
            ImageFormat.Ext3 => Locked(Source(LayerKind.Ext3, file, 0, length), file, 0, set),
            ImageFormat.Sif => Partition(bind, file, set),
            _ => throw new EngineException(ErrorIds.ImageNotRecognized, $"'{path}' is neither a SIF, squashfs nor ext3 image.",
                "Check that the file is complete.", path),
        };
    }

    private static LayerSource Partition(BindArgument bind, OpenImage file, ImageSet set)
    {
        using var sif = SifImage.Open(new FileWindow(file.Handle), file.Path);
        var partition = bind.Id is { } id
            ? sif.Objects.FirstOrDefault(o => o.Id == id)
            : sif.Objects.FirstOrDefault(o => o.IsPartition(SifPartitionType.Data));
        if (partition?.Partition is null)
            throw new EngineException(ErrorIds.SifDescriptorNotFound,
                $"'{file.Path}' has no {(bind.Id is { } wanted ? $"partition {wanted}" : "data partition")}.",
                "Get-SifDescriptor lists what there is.", file.Path);
        if (partition.Fault is { } fault)
            throw new EngineException(ErrorIds.SifCorrupt, $"Object {partition.Id} of '{file.Path}' is damaged: {fault}", null, file.Path);
        return partition.Partition.FileSystem switch
        {
            SifFileSystem.Squashfs => Source(LayerKind.Squashfs, file, partition.Offset, partition.SizeBytes),
            SifFileSystem.Ext3 => Locked(
                Source(LayerKind.Ext3, file, partition.Offset, partition.SizeBytes), file, partition.SizeBytes, set),
            var other => throw new EngineException(ErrorIds.ImageNotRecognized,
                $"Partition {partition.Id} of '{file.Path}' has no file system that can be bound from: {other}.", null, file.Path),
        };
    }

    private static LayerSource Source(LayerKind kind, OpenImage file, long offset, long length) =>
        new() { Kind = kind, Path = file.Path, File = file.Index, Offset = offset, Length = length, ReadOnly = true };

    // As Apptainer: an image that somebody writes to is not read, nor the other way round.
    private static LayerSource Locked(LayerSource source, OpenImage file, long lockLength, ImageSet set)
    {
        if (!RangeLock.Acquire(file.Handle, file.Path, exclusive: false, source.Offset, lockLength))
            set.Warnings.Add($"The file system that holds '{file.Path}' knows no locks: make sure that nobody writes to the image.");
        return source;
    }
}
