using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>Finds the file system that is meant in a file.</summary>
internal static class LayerLocation
{
    /// <summary>Where it is, and what it is.</summary>
    /// <exception cref="EngineException">As <see cref="LayerReading.Open"/>.</exception>
    public static (OverlayLocation Location, SifFileSystem FileSystem) Find(
        SafeFileHandle file, string path, uint? id, LayerRole role, SifFileSystem? wanted)
    {
        switch (ImageFormats.Recognize(file, path))
        {
            case ImageFormat.Sif:
                return InSif(file, path, id, role, wanted);
            case ImageFormat.Squashfs:
                return (Whole(file, path, id), SifFileSystem.Squashfs);
            case ImageFormat.Ext3:
                return (Whole(file, path, id), SifFileSystem.Ext3);
            default:
                throw new EngineException(ErrorIds.ImageNotRecognized, $"'{path}' is no ext3, squashfs or SIF image.",
                    role == LayerRole.Base ? "Name an image that can be run." : "Name an overlay.", path);
        }
    }

    /// <summary>The layers that an argument means: of a SIF image without an id, all of its overlays, bottom to
    /// top.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/> when it has none.</exception>
    public static IReadOnlyList<OverlayLayer> Overlays(OverlayLayer named)
    {
        if (named.Id is not null || Directory.Exists(named.Path) || !OverlayCreator.IsSif(named.Path))
            return [named];
        using var sif = SifImage.Open(named.Path);
        var found = sif.Overlays.Select(overlay => named with { Id = overlay.Id }).ToList();
        return found.Count > 0 ? found : throw new EngineException(ErrorIds.OverlayNotExt3, $"'{named.Path}' has no overlay partition.",
            "Get-SifDescriptor lists what there is.", named.Path);
    }

    /// <summary>The error for an id where there are no objects.</summary>
    public static EngineException NoObjects(string path) =>
        new(ErrorIds.OptionConflict, $"'{path}' is no SIF image, so that it has no objects with ids.", "Leave -Id out.", path);

    private static OverlayLocation Whole(SafeFileHandle file, string path, uint? id) =>
        id is null ? new OverlayLocation(null, 0, RandomAccess.GetLength(file)) : throw NoObjects(path);

    private static (OverlayLocation Location, SifFileSystem FileSystem) InSif(
        SafeFileHandle file, string path, uint? id, LayerRole role, SifFileSystem? wanted)
    {
        using var sif = SifImage.Open(new FileWindow(file), path);
        var found = (role, id) switch
        {
            (_, { } number) => sif.Find(number),
            (LayerRole.Base, _) => Primary(sif, path),
            _ => Single(sif, path, wanted),
        };
        if (found.Fault is not null || found.Partition?.FileSystem is not (SifFileSystem.Ext3 or SifFileSystem.Squashfs))
            throw new EngineException(ErrorIds.ImageNotRecognized,
                $"Object {found.Id} of '{path}' is no partition with ext3 or squashfs.", "Get-SifDescriptor lists what there is.", path);
        return (new OverlayLocation(found.Id, found.Offset, found.SizeBytes), found.Partition!.FileSystem);
    }

    private static SifObject Primary(SifImage sif, string path)
    {
        if (sif.IsEncrypted)
            throw new EngineException(ErrorIds.SifEncrypted, $"The root file system of '{path}' is encrypted.",
                "Name an image that is not.", path);
        return sif.PrimaryPartition ?? throw new EngineException(ErrorIds.SifNoPrimaryPartition,
            $"'{path}' has no root file system.", "Get-SifDescriptor lists what there is.", path);
    }

    private static SifObject Single(SifImage sif, string path, SifFileSystem? wanted)
    {
        var all = sif.Overlays.ToList();
        var writable = all.Where(found => found.Partition?.FileSystem == (wanted ?? SifFileSystem.Ext3)).ToList();
        var meant = writable.Count > 0 || wanted is not null ? writable : all;
        if (meant.Count == 1)
            return meant[0];
        throw meant.Count == 0
            ? new EngineException(ErrorIds.OverlayNotExt3,
                $"'{path}' has no overlay partition{(wanted is null ? "" : $" with {wanted}")}.", "Get-SifDescriptor lists what there is.", path)
            : new EngineException(ErrorIds.OptionConflict,
                $"'{path}' has {meant.Count} overlay partitions: {string.Join(", ", meant.Select(found => found.Id))}.",
                "Say with -Id which one is meant.", path);
    }
}
