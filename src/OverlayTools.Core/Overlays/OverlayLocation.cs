using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools.Overlays;

/// <summary>Where the file system of an overlay lies in a file.</summary>
/// <param name="Id">The partition's id in a SIF image; null for a file of its own.</param>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
internal readonly record struct OverlayLocation(uint? Id, long Offset, long Length)
{
    /// <summary>The file systems in a file: itself, or the ext3 partitions of a SIF image.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="id">The one partition that is meant; null for all.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifDescriptorNotFound"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OptionConflict"/> for an id in a file that is no SIF
    /// image, <see cref="ErrorIds.SifCorrupt"/>.</exception>
    public static IReadOnlyList<OverlayLocation> Find(SafeFileHandle file, string path, uint? id)
    {
        if (!OverlayCreator.IsSif(path))
        {
            return id is null
                ? [new OverlayLocation(null, 0, RandomAccess.GetLength(file))]
                : throw new EngineException(ErrorIds.OptionConflict, $"'{path}' is no SIF image, so that it has no objects with ids.",
                    "Leave -Id out.", path);
        }

        using var sif = SifImage.Open(new FileWindow(file), path);
        var found = id is { } wanted ? [sif.Find(wanted)] : sif.Objects.Where(IsExt3).ToList();
        if (found.Count == 0 || !found.TrueForAll(IsExt3))
            throw new EngineException(ErrorIds.OverlayNotExt3,
                id is null ? $"'{path}' has no ext3 partition." : $"Object {id} of '{path}' is no ext3 partition.",
                "Get-SifDescriptor lists what there is.", path);
        return [.. found.Select(item => new OverlayLocation(item.Id, item.Offset, item.SizeBytes))];
    }

    /// <summary>Refuses file systems that a signature covers.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifSigned"/>.</exception>
    public static void RefuseSigned(SafeFileHandle file, string path, IEnumerable<OverlayLocation> locations)
    {
        var ids = locations.Select(location => location.Id).OfType<uint>().ToList();
        if (ids.Count == 0)
            return;
        using var sif = SifImage.Open(new FileWindow(file), path);
        foreach (var id in ids)
            sif.RefuseSigned(sif.Find(id));
    }

    /// <summary>Takes the lock that Apptainer takes for it.</summary>
    /// <returns>False where there are no locks.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>.</exception>
    public bool Lock(SafeFileHandle file, string path, bool exclusive) =>
        RangeLock.Acquire(file, path, exclusive, Offset, LockLength);

    /// <summary>Bytes that are locked; 0 for all that the file will ever have.</summary>
    public long LockLength => Id is null ? 0 : Length;

    /// <summary>A window on it.</summary>
    public Window Open(SafeFileHandle file) => Id is null ? new FileWindow(file) : new FileWindow(file, Offset, Length);

    private static bool IsExt3(SifObject item) => item.Fault is null && item.Partition?.FileSystem == SifFileSystem.Ext3;
}
