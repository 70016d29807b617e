using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools.Overlays;

/// <summary>Opens what a container's root file system is made of, whatever it is stored in.</summary>
internal static class Layers
{
    /// <summary>Opens a base: the root file system of a SIF image, a squashfs or ext3 image, or a directory.</summary>
    /// <param name="path">The image or directory.</param>
    /// <param name="id">The partition of a SIF image; null for the primary one.</param>
    /// <param name="warn">Told when somebody writes it meanwhile.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.ImageNotRecognized"/>, <see cref="ErrorIds.SifNoPrimaryPartition"/>,
    /// <see cref="ErrorIds.SifEncrypted"/>, <see cref="ErrorIds.SifDescriptorNotFound"/>,
    /// <see cref="ErrorIds.SifCorrupt"/>, <see cref="ErrorIds.SquashfsCorrupt"/>,
    /// <see cref="ErrorIds.SquashfsUnsupported"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OptionConflict"/> for an id in something that is no SIF image.</exception>
    public static OverlayContent OpenBase(string path, uint? id, Action<string> warn, CancellationToken token)
    {
        if (Directory.Exists(path))
            return id is null ? DirectoryContent.OpenRoot(path) : throw NoObjects(path);
        return OpenFile(path, id, (file, place) => ImageContent.OpenRoot(file, place, path, warn, token));
    }

    /// <summary>Opens an overlay of any kind: as <see cref="OverlayContent.OpenOne"/>, and squashfs and directories without
    /// <c>upper</c>, which are read-only.</summary>
    /// <inheritdoc cref="OpenBase"/>
    public static OverlayContent OpenOverlay(string path, uint? id, Action<string> warn, CancellationToken token)
    {
        if (Directory.Exists(path) && id is null && !Directory.Exists(Path.Join(path, "upper")))
            return DirectoryContent.OpenRoot(path);
        if (Directory.Exists(path) || (OverlayCreator.IsSif(path) && id is null))
            return OverlayContent.OpenOne(path, id, warn, token);
        return OpenFile(path, id, (file, _) =>
        {
            file.Dispose();
            return OverlayContent.OpenOne(path, id, warn, token);
        });
    }

    /// <summary>Where the root file system lies in a file.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its path.</param>
    /// <param name="id">The partition of a SIF image; null for the primary one.</param>
    /// <returns>The place, and the identity of the SIF image.</returns>
    public static (OverlayLocation Place, Guid? SifId) FindRoot(SafeFileHandle file, string path, uint? id)
    {
        if (!OverlayCreator.IsSif(path))
            return id is null ? (new OverlayLocation(null, 0, RandomAccess.GetLength(file)), null) : throw NoObjects(path);
        using var sif = SifImage.Open(new FileWindow(file), path);
        var found = id is { } wanted ? sif.Find(wanted) : sif.PrimaryPartition ?? throw new EngineException(ErrorIds.SifNoPrimaryPartition,
            $"'{path}' has no primary system partition.", "Say with an id which partition is meant.", path);
        if (found.Fault is { } fault)
            throw new EngineException(ErrorIds.SifCorrupt, $"Object {found.Id} of '{path}' is damaged: {fault}", null, path);
        return found.Partition?.FileSystem switch
        {
            SifFileSystem.Squashfs or SifFileSystem.Ext3 => (new OverlayLocation(found.Id, found.Offset, found.SizeBytes), sif.Id),
            SifFileSystem.EncryptedSquashfs => throw new EngineException(ErrorIds.SifEncrypted,
                $"The root file system of '{path}' is encrypted.", "Unpack it with Apptainer, and name the directory.", path),
            _ => throw new EngineException(ErrorIds.ImageNotRecognized,
                $"Object {found.Id} of '{path}' is no partition with squashfs or ext3.", "Get-SifDescriptor lists what there is.", path),
        };
    }

    private static OverlayContent OpenFile(string path, uint? id, Func<SafeFileHandle, OverlayLocation, OverlayContent> openExt)
    {
        var file = OverlayFile.OpenExisting(path, Native.Open.ReadOnly);
        try
        {
            var (place, _) = FindRoot(file, path, id);
            var window = place.Open(file);
            return SifFileSystems.Detect(window) == SifFileSystem.Squashfs ? new SquashfsContent(file, window, path, place.Id) : openExt(file, place);
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayNotExt3 && !OverlayCreator.IsSif(path))
        {
            file.Dispose();
            throw new EngineException(ErrorIds.ImageNotRecognized, $"'{path}' is neither a SIF, squashfs or ext3 image nor a directory.",
                "Check that the file is complete.", path, error);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static EngineException NoObjects(string path) => new(ErrorIds.OptionConflict,
        $"'{path}' is no SIF image, so that it has no objects with ids.", "Leave the id out.", path);
}
