using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// Which owner of a file in an overlay is which in the base. An overlay in a directory that an ordinary user writes has the
/// numbers of the host: the user's for root's files, and those of his range for all others; and one that is written without a
/// root mapping has the user's for everybody's.
/// </summary>
internal sealed class OwnerMap
{
    private readonly Side _users;
    private readonly Side _groups;

    private OwnerMap(Side users, Side groups) => (_users, _groups) = (users, groups);

    /// <param name="Own">Who owns <c>upper</c>; null where that is who owns the base's root.</param>
    /// <param name="Range">His subordinate ids.</param>
    private readonly record struct Side(uint? Own, (uint Start, uint Count)? Range)
    {
        public bool IsSame(uint here, uint below) =>
            here == below || here == Own
            || (Range is { } range && here >= range.Start && here - range.Start < range.Count && here - range.Start + 1 == below);
    }

    public static OwnerMap Of(OverlayContent overlay, OverlayContent? lower)
    {
        if (lower is null)
            return new OwnerMap(default, default);
        var (root, below) = (overlay.Root, lower.Root);
        var isMapped = overlay is DirectoryContent && root.UserId != 0 && root.UserId != below.UserId;
        var name = isMapped ? PasswordEntry.Find(root.UserId)?.Name ?? "" : "";
        return new OwnerMap(
            new Side(root.UserId == below.UserId ? null : root.UserId,
                isMapped ? SubordinateIds.Read("/etc/subuid", name, root.UserId) : null),
            new Side(root.GroupId == below.GroupId ? null : root.GroupId,
                isMapped ? SubordinateIds.Read("/etc/subgid", name, root.UserId) : null));
    }

    public bool IsSame(OverlayEntry here, OverlayEntry below) =>
        _users.IsSame(here.UserId, below.UserId) && _groups.IsSame(here.GroupId, below.GroupId);
}
