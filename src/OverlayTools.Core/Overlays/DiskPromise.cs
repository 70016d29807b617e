namespace OverlayTools.Overlays;

/// <summary>What a sparse file may still take from its disk, and what the disk has.</summary>
/// <param name="PromisedBytes">Bytes of the file that have no disk space yet.</param>
/// <param name="AvailableBytes">Bytes that the disk has left for this user.</param>
public readonly record struct DiskPromise(long PromisedBytes, long AvailableBytes)
{
    /// <summary>Whether the disk is full before the file is.</summary>
    public bool IsBroken => PromisedBytes > AvailableBytes;

    /// <summary>The promise that a file makes, on its own; other sparse files there make theirs.</summary>
    /// <param name="path">The file.</param>
    /// <param name="allocatedBytes">Disk space that it takes now.</param>
    public static DiskPromise Of(string path, long allocatedBytes) =>
        new(Math.Max(0, new FileInfo(path).Length - allocatedBytes), new DriveInfo(path).AvailableFreeSpace);
}
