using System.Globalization;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>What follows from the rest.</summary>
public sealed partial record OverlayImage
{
    /// <summary>Bytes in used blocks, the file system's own included.</summary>
    public long UsedBytes => SizeBytes - FreeBytes;

    /// <summary>Bytes that an ordinary user can still fill.</summary>
    public long AvailableBytes => Math.Max(0, FreeBytes - ReservedBytes);

    /// <summary>Used blocks, in percent of all.</summary>
    public double UsedPercent => Percent(UsedBytes, SizeBytes);

    /// <summary>Inodes in use, the file system's own included.</summary>
    public long UsedInodeCount => InodeCount - FreeInodeCount;

    /// <summary>Inodes in use, in percent of all.</summary>
    public double UsedInodePercent => Percent(UsedInodeCount, InodeCount);

    /// <summary>Bytes that it will still take from the disk when it is filled: its holes.</summary>
    public long PromisedBytes => Math.Max(0, SizeBytes - AllocatedBytes);

    /// <summary>Bytes that it promises and the disk does not have; 0 when the disk has them, null where that is not
    /// known. Other sparse files there promise the same space.</summary>
    public long? OvercommittedBytes => DiskFreeBytes is { } free ? Math.Max(0, PromisedBytes - free) : null;

    /// <summary>The owner and group of <c>upper</c>, as <c>1000:1000</c>.</summary>
    public string Owner => Ids(OwnerUserId, OwnerGroupId);

    /// <summary>The owner and group of <c>work</c>, as <c>1000:1000</c>.</summary>
    public string WorkOwner => Ids(WorkUserId, WorkGroupId);

    /// <summary>Whether somebody uses it, and the first who does, in two words: <c>Writing 4711</c>.</summary>
    public string UseSummary => Use switch
    {
        null => string.Empty,
        OverlayUse.Free => "-",
        OverlayUse.HeldElsewhere => "Elsewhere",
        _ => $"{Use} {Short(ImageUser.Principals(Users).OrderByDescending(user => user.Access).First())}",
    };

    /// <summary>Who uses it, in words; empty when nobody does.</summary>
    public string UseText => Use switch
    {
        OverlayUse.HeldElsewhere => $"locked by {RangeLock.Unseen}"
            + (WriterMark is { } mark ? $"; its last writer left a mark: {mark}" : string.Empty),
        null or OverlayUse.Free => WriterMark is { IsStale: true } left ? $"nobody; a stale mark: {left}" : string.Empty,
        _ => string.Join("; ", ImageUser.Principals(Users)),
    };

    private static string Short(ImageUser user) => user.ProcessId?.ToString(CultureInfo.InvariantCulture) ?? System.IO.Path.GetFileName(user.Device) ?? "?";

    private static double Percent(long part, long all) =>
        all == 0 ? 0 : Math.Round(100.0 * part / all, 1);

    private static string Ids(uint? user, uint? group) =>
        user is null ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"{user}:{group}");
}
