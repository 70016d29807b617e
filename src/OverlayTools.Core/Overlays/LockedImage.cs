using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Sif;

namespace OverlayTools.Overlays;

/// <summary>
/// An image file that is open and locked as Apptainer locks it, and that nobody uses without a lock either: a mount by
/// hand takes none. What is locked is what the path names: between opening and locking another may have put a new file
/// in its place, or moved a partition.
/// </summary>
internal sealed class LockedImage : IDisposable
{
    private const int MostAttempts = 5;

    // Who only reads another part of it, as a container its root file system on a loop device, is not disturbed.
    private static readonly (long Offset, long Length, Predicate<ImageUser>? Hinders) s_writersAnywhere =
        (0, 0, user => user.Access == ImageAccess.Write);

    private readonly string _path;

    private LockedImage(SafeFileHandle file, string path, IReadOnlyList<OverlayLocation> locations) =>
        (File, _path, Locations) = (file, path, locations);

    /// <summary>The open file; it has the locks.</summary>
    public SafeFileHandle File { get; }

    /// <summary>The file systems in it that are meant.</summary>
    public IReadOnlyList<OverlayLocation> Locations { get; }

    /// <summary>False where the file system that holds the file knows no locks.</summary>
    public bool IsLocked { get; private set; } = true;

    /// <summary>Opens an image to change it, and keeps everybody else out.</summary>
    /// <param name="path">The file; its own path, when another shall take its place.</param>
    /// <param name="id">The one partition of a SIF image that is meant; null for all ext3 ones.</param>
    /// <param name="whole">Lock all of a SIF image, since more than the partitions changes.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, or as
    /// <see cref="OverlayFile.OpenExisting"/> and <see cref="OverlayLocation.Find"/>.</exception>
    public static LockedImage ToChange(string path, uint? id, bool whole = false) =>
        Open(path, id, image => image.LockToChange(whole));

    /// <summary>Opens an image to read it, and keeps writers out.</summary>
    /// <inheritdoc cref="ToChange"/>
    public static LockedImage ToRead(string path, uint? id) => Open(path, id, image => image.LockToRead(), Native.Open.ReadOnly);

    /// <summary>Locks all of the file, where only partitions were locked.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>.</exception>
    public void LockWhole()
    {
        IsLocked &= RangeLock.Acquire(File, _path, exclusive: true, 0, 0);
        ImageUsers.Refuse(File, _path, [s_writersAnywhere]);
    }

    /// <summary>Gives the locks back; not by closing alone, since a process that is being started just now has a copy of
    /// the file.</summary>
    public void Dispose()
    {
        FileLock.Release(File, 0, 0);
        File.Dispose();
    }

    private static LockedImage Open(string path, uint? id, Action<LockedImage> takeLocks, int access = Native.Open.ReadWrite)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var file = OverlayFile.OpenExisting(path, access);
            try
            {
                var image = new LockedImage(file, path, OverlayLocation.Find(file, path, id));
                takeLocks(image);
                if (image.IsCurrent(id))
                    return image;
            }
            catch
            {
                file.Dispose();
                throw;
            }

            file.Dispose();
        }

        throw new EngineException(ErrorIds.OverlayInUse, $"'{path}' is changed again and again by somebody else.",
            "Wait until that has ended.", path);
    }

    private void LockToChange(bool whole)
    {
        RefuseFaulty();
        if (whole)
            IsLocked &= RangeLock.Acquire(File, _path, exclusive: true, 0, 0);
        else
            foreach (var location in Locations)
                IsLocked &= location.Lock(File, _path, exclusive: true);

        // One look through all processes answers for everything.
        List<(long, long, Predicate<ImageUser>?)> ranges = whole ? [s_writersAnywhere] : [];
        ranges.AddRange(Locations.Select(location => (location.Offset, location.LockLength, (Predicate<ImageUser>?)null)));
        ImageUsers.Refuse(File, _path, ranges);
    }

    // Where objects overlap, what is written into one of them goes into the other.
    private void RefuseFaulty()
    {
        if (Locations[0].Id is null)
            return;
        using var sif = SifImage.Open(new FileWindow(File), _path);
        if (sif.ModificationFault is { } fault)
            throw SifFailure.NotChangeable(_path, fault);
    }

    private void LockToRead()
    {
        foreach (var location in Locations)
        {
            IsLocked &= location.Lock(File, _path, exclusive: false);
            // To look at all processes takes longer than many a check: a mount is what matters.
            if (ImageUsers.HasLoopDevice(File))
                ImageUsers.Refuse(File, _path, location.Offset, location.LockLength, user => user.Access == ImageAccess.Write);
        }
    }

    private bool IsCurrent(uint? id) =>
        OverlayFile.IsNamed(File, _path) && Locations.SequenceEqual(OverlayLocation.Find(File, _path, id));
}
