using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <content>Where an overlay keeps it.</content>
public sealed partial record OverlayBase
{
    /// <summary>What an overlay remembers.</summary>
    /// <param name="path">An overlay image, a SIF image, or a directory.</param>
    /// <param name="id">The partition of a SIF image that has several.</param>
    /// <returns>Null when it remembers nothing, or nothing that this module understands.</returns>
    /// <exception cref="EngineException">As <see cref="OverlayInspector.Inspect"/>.</exception>
    public static OverlayBase? Read(string path, uint? id = null)
    {
        if (Directory.Exists(path))
        {
            using var directory = Open.File(path, Open.PathOnly | Open.Directory);
            return ExtendedAttributes.TryGet(directory, AttributeName, MostBytes * 2) is { } value ? FromBytes(value) : null;
        }

        using var file = OverlayFile.OpenExisting(path, Open.ReadOnly);
        var place = ImageContent.Single(OverlayLocation.Find(file, path, id), path);
        return Read(place.Open(file));
    }

    /// <summary>What the overlay in an image remembers; a journal that has to be replayed is seen as replayed.</summary>
    public static OverlayBase? Read(Window window) =>
        Read(ImageContent.AfterReplay(ExtFileSystem.OpenForReading(window), window, isWritten: true, default));

    /// <summary>Makes an overlay remember its base, if it remembers none yet.</summary>
    /// <param name="path">An overlay image, a SIF image, or a directory.</param>
    /// <param name="id">The partition of a SIF image that has several.</param>
    /// <param name="overlayBase">The base.</param>
    /// <returns>Whether it remembers one now; false where there is no room or no right to write it.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/> when somebody writes it.</exception>
    public static bool Record(string path, uint? id, OverlayBase overlayBase)
    {
        if (Directory.Exists(path))
        {
            using var directory = Open.File(path, Open.PathOnly | Open.Directory);
            return ExtendedAttributes.TryGet(directory, AttributeName, MostBytes * 2) is not null
                || ExtendedAttributes.TrySet(directory, AttributeName, overlayBase.ToBytes()) == 0;
        }

        using var image = LockedImage.ToChange(path, id);
        var place = ImageContent.Single(image.Locations, path);
        OverlayLocation.RefuseSigned(image.File, path, [place]);
        return Record(place.Open(image.File), overlayBase);
    }

    /// <summary>Makes the overlay in an image remember its base, if it remembers none yet.</summary>
    /// <param name="window">The file system, open for writing, that nobody else uses: one small transaction.</param>
    /// <param name="overlayBase">The base.</param>
    /// <returns>Whether it remembers one now; false where there is no room, or the file system must not be changed.</returns>
    public static bool Record(Window window, OverlayBase overlayBase)
    {
        try
        {
            if (Read(window) is not null)
                return true;
            using var editor = ExtEditor.OpenRecovered(window);
            editor.SetAttribute(ExtEditor.Root, AttributeName, overlayBase.ToBytes());
            editor.Commit();
            return true;
        }
        catch (EngineException error) when (error.ErrorId is ErrorIds.OverlayFull or ErrorIds.OverlayFeatureUnsupported
            or ErrorIds.OverlayCorrupt or ErrorIds.OverlayChangeTooLarge)
        {
            return false; // to remember is no reason to fail
        }
    }

    internal static OverlayBase? Read(ExtFileSystem fileSystem)
    {
        try
        {
            return fileSystem.ReadAttributes(ExtInode.Root).TryGetValue(AttributeName, out var value) ? FromBytes(value) : null;
        }
        catch (EngineException error) when (error.ErrorId is ErrorIds.OverlayCorrupt or ErrorIds.OverlayFeatureUnsupported)
        {
            return null;
        }
    }
}
