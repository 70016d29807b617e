using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>
/// Opens what a request names: recognises formats, chooses the partitions of a SIF as Apptainer does, and takes the
/// locks that Apptainer takes (ext3 only: exclusive to write, shared to read, on exactly the file system's bytes).
/// </summary>
internal static class ImageOpener
{
    /// <summary>Opens the root file system and the overlays of a request.</summary>
    /// <param name="request">What the user asked for.</param>
    /// <param name="set">Takes the open files, and warnings.</param>
    /// <exception cref="EngineException">Naming the image and what is wrong with it.</exception>
    public static LayerStack Open(ContainerRequest request, ImageSet set)
    {
        var root = OpenRoot(request, set, out var embedded);
        var overlays = new List<LayerSource>(embedded);
        foreach (var argument in DuplicateOverlays.Remove(request.Overlays))
            overlays.AddRange(OpenOverlay(argument, request.Ephemeral, set));
        CheckOneWriter(overlays);
        return new LayerStack(root, overlays);
    }

    private static LayerSource OpenRoot(ContainerRequest request, ImageSet set, out IReadOnlyList<LayerSource> embedded)
    {
        embedded = [];
        var path = request.ImagePath;
        if (Directory.Exists(path))
            return new LayerSource { Kind = LayerKind.Directory, Path = path, ReadOnly = !request.Writable };

        var file = OpenFile(path, set, write: false);
        switch (ImageFormats.Recognize(file.Handle, path))
        {
            case ImageFormat.Squashfs:
                if (request.Writable)
                    throw NotWritableImage(path, "A squashfs image is read-only by nature.");
                return Whole(LayerKind.Squashfs, file, set, readOnly: true);
            case ImageFormat.Ext3:
                return Whole(LayerKind.Ext3, request.Writable ? OpenFile(path, set, write: true) : file, set, !request.Writable);
            case ImageFormat.Sif:
                return OpenSif(request, file, set, out embedded);
            default:
                throw NotRecognized(path);
        }
    }

    private static LayerSource OpenSif(
        ContainerRequest request, OpenImage file, ImageSet set, out IReadOnlyList<LayerSource> embedded)
    {
        var path = request.ImagePath;
        using var sif = SifImage.Open(new FileWindow(file.Handle), path);
        var primary = sif.PrimaryPartition
            ?? throw new EngineException(ErrorIds.SifNoPrimaryPartition, $"'{path}' has no root file system.",
                "Its partition of type PrimarySystem is what a container runs; Get-SifDescriptor lists what there is.", path);
        if (sif.IsEncrypted)
            throw new EngineException(ErrorIds.SifEncrypted, $"The root file system of '{path}' is encrypted.",
                "Run it with Apptainer, which asks for the key.", path);
        CheckArchitecture(path, primary);

        embedded = EmbeddedOverlays(request, sif, file, set);
        return Partition(primary, file, readOnly: true, set) ?? throw NotRecognized(path);
    }

    private static List<LayerSource> EmbeddedOverlays(
        ContainerRequest request, SifImage sif, OpenImage file, ImageSet set)
    {
        var overlays = new List<LayerSource>();
        var needsWriter = request.Writable;
        foreach (var partition in sif.Overlays)
        {
            var isExt3 = partition.Partition?.FileSystem == SifFileSystem.Ext3;
            if (needsWriter && isExt3)
            {
                // Only the first takes the changes; any further one is a lower layer.
                needsWriter = false;
                overlays.Add(Writer(partition, file.Path, request.Ephemeral, set)!);
            }
            else if (Partition(partition, file, readOnly: true, set) is { } layer)
            {
                overlays.Add(layer);
            }
        }

        if (needsWriter)
            throw NotWritableImage(request.ImagePath, "It has no ext3 overlay partition in the group of its root file system.");
        return overlays;
    }

    private static IEnumerable<LayerSource> OpenOverlay(OverlayArgument argument, bool ephemeral, ImageSet set)
    {
        var path = argument.Path;
        if (Directory.Exists(path))
            return [DirectoryOverlays.Open(argument, ephemeral, set)];

        var file = OpenFile(path, set, write: false);
        switch (ImageFormats.Recognize(file.Handle, path))
        {
            case ImageFormat.Squashfs:
                if (!argument.ReadOnly)
                    set.Warnings.Add($"The overlay '{path}' is squashfs, which is read-only.");
                return [Whole(LayerKind.Squashfs, file, set, readOnly: true)];
            case ImageFormat.Ext3:
                var open = argument.ReadOnly || ephemeral ? file : OpenFile(path, set, write: true);
                var layer = Whole(LayerKind.Ext3, open, set, argument.ReadOnly || ephemeral);
                return [argument.ReadOnly || !ephemeral ? Ext3Layers.Prepare(layer, open, set) : EphemeralLayers.Open(layer, open, set)];
            case ImageFormat.Sif:
                return SifOverlays(argument, ephemeral, file, set);
            default:
                throw NotRecognized(path);
        }
    }

    private static List<LayerSource> SifOverlays(OverlayArgument argument, bool ephemeral, OpenImage file, ImageSet set)
    {
        using var sif = SifImage.Open(new FileWindow(file.Handle), argument.Path);
        var partitions = (argument.Id is { } id ? sif.Objects.Where(o => o.Id == id && o.IsPartition(SifPartitionType.Overlay)) : sif.Overlays)
            .ToList();
        if (partitions.Count == 0)
            throw new EngineException(ErrorIds.OverlayNotExt3,
                argument.Id is { } wanted ? $"Object {wanted} of '{argument.Path}' is no overlay partition."
                    : $"'{argument.Path}' has no overlay partition.",
                "Give an overlay image, or add a partition with New-OverlayImage.", argument.Path);

        // Squashfs alone cannot be written: that is no reason to fail, as for a squashfs file of its own.
        var writer = argument.ReadOnly ? null : partitions.Find(p => p.Partition?.FileSystem == SifFileSystem.Ext3);
        var layers = new List<LayerSource>();
        foreach (var partition in partitions)
        {
            var layer = ReferenceEquals(partition, writer)
                ? Writer(partition, argument.Path, ephemeral, set)
                : Partition(partition, file, readOnly: true, set);
            if (layer is not null)
                layers.Add(layer);
        }

        return layers;
    }

    // The partition that takes the changes.
    private static LayerSource? Writer(SifObject partition, string path, bool ephemeral, ImageSet set)
    {
        if (!ephemeral)
            return Partition(partition, OpenFile(path, set, write: true), readOnly: false, set);
        var file = OpenFile(path, set, write: false);
        return PlainPartition(partition, file, readOnly: true, set) is { } layer ? EphemeralLayers.Open(layer, file, set) : null;
    }

    private static LayerSource? Partition(SifObject partition, OpenImage file, bool readOnly, ImageSet set)
    {
        var layer = PlainPartition(partition, file, readOnly, set);
        return layer is { Kind: LayerKind.Ext3 } && partition.IsPartition(SifPartitionType.Overlay)
            ? Ext3Layers.Prepare(layer, file, set)
            : layer;
    }

    private static LayerSource? PlainPartition(SifObject partition, OpenImage file, bool readOnly, ImageSet set)
    {
        if (partition.Fault is { } fault)
            throw new EngineException(ErrorIds.SifCorrupt, $"Object {partition.Id} of '{file.Path}' is damaged: {fault}", null, file.Path);
        LayerKind? kind = partition.Partition?.FileSystem switch
        {
            SifFileSystem.Squashfs => LayerKind.Squashfs,
            SifFileSystem.Ext3 => LayerKind.Ext3,
            _ => null,
        };
        if (kind is null)
            return null;

        var layer = new LayerSource
        {
            Kind = kind.Value,
            Path = file.Path,
            File = file.Index,
            Offset = partition.Offset,
            Length = partition.SizeBytes,
            ReadOnly = readOnly,
        };
        if (kind == LayerKind.Ext3)
            LockRange(file, !readOnly, layer.Offset, layer.Length, set);
        return layer;
    }

    private static LayerSource Whole(LayerKind kind, OpenImage file, ImageSet set, bool readOnly)
    {
        if (kind == LayerKind.Ext3)
            LockRange(file, !readOnly, 0, 0, set);
        return new LayerSource
        {
            Kind = kind,
            Path = file.Path,
            File = file.Index,
            Length = RandomAccess.GetLength(file.Handle),
            ReadOnly = readOnly,
        };
    }

    private static void LockRange(OpenImage file, bool exclusive, long offset, long length, ImageSet set)
    {
        if (!RangeLock.Acquire(file.Handle, file.Path, exclusive, offset, length, set.NamesHolders))
            set.Warnings.Add($"The file system that holds '{file.Path}' knows no locks: make sure that nobody else uses the image, "
                + "or it will be damaged.");
        if (!OverlayFile.IsNamed(file.Handle, file.Path))
            throw new EngineException(ErrorIds.OverlayInUse, $"'{file.Path}' was replaced by another file just now.",
                "Try again.", file.Path);
    }

    private static void CheckOneWriter(List<LayerSource> overlays)
    {
        var writable = overlays.Where(layer => !layer.ReadOnly).ToList();
        if (writable.Count > 1)
            throw new EngineException(ErrorIds.TooManyWritableOverlays,
                $"Only one overlay can be writable; '{writable[0].Path}' and '{writable[1].Path}' both are.",
                $"Give the others read-only: '{writable[1].Path}:ro'.", writable[1].Path);
    }

    private static void CheckArchitecture(string path, SifObject primary)
    {
        var architecture = primary.Partition?.Architecture ?? SifArchitecture.Unknown;
        if (!RunsHere(architecture))
            throw new EngineException(ErrorIds.ArchitectureMismatch,
                $"'{path}' was made for {architecture.ToName()}; this machine is {SifArchitectures.Host.ToName()}.",
                "Use an image for this machine's architecture.", path);
    }

    private static bool RunsHere(SifArchitecture architecture) =>
        architecture == SifArchitecture.Unknown || architecture == SifArchitectures.Host
        || (architecture, SifArchitectures.Host) is (SifArchitecture.I386, SifArchitecture.Amd64)
            or (SifArchitecture.Arm, SifArchitecture.Arm64);

    /// <summary>Opens a file, and adds it to the set.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayNotWritable"/>.</exception>
    internal static OpenImage OpenFile(string path, ImageSet set, bool write)
    {
        var handle = Native.Open.TryFile(path, write ? Native.Open.ReadWrite : Native.Open.ReadOnly, 0, out var errno)
            ?? throw OpenFailure(path, write, errno);
        return set.Add(handle, path);
    }

    private static Exception OpenFailure(string path, bool write, int errno) => errno switch
    {
        Errno.ENOENT or Errno.ENOTDIR => new EngineException(ErrorIds.OverlayFileNotFound, $"'{path}' does not exist.",
            "Check the path.", path),
        Errno.EACCES or Errno.EPERM or Errno.EROFS when write => new EngineException(ErrorIds.OverlayNotWritable,
            $"'{path}' is not writable by the current user.", $"Open it read-only with '{path}:ro', or change its permissions.", path),
        _ => new LinuxException("open", errno, path),
    };

    private static EngineException NotWritableImage(string path, string why) =>
        new(ErrorIds.OverlayNotWritable, $"'{path}' cannot be written. {why}",
            "Add an overlay with New-OverlayImage, or give one with -Overlay.", path);

    private static EngineException NotRecognized(string path) =>
        new(ErrorIds.ImageNotRecognized, $"'{path}' is neither a SIF, squashfs or ext3 image nor a directory.",
            "Check that the file is complete.", path);
}
