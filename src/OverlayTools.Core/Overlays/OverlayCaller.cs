using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>The ways to run a container that can write an overlay.</summary>
[Flags]
public enum OverlayWriteMode
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>As the caller, an ordinary user.</summary>
    Plain = 1,

    /// <summary>With <c>-FakeRoot</c>.</summary>
    FakeRoot = 2,

    /// <summary>As the real root, whom nothing hinders.</summary>
    Root = 4,
}

/// <summary>The user who asks what can write an overlay.</summary>
/// <param name="UserId">Effective user id.</param>
/// <param name="GroupId">Effective group id.</param>
/// <param name="SubordinateUsers">How many subordinate user ids there are; 0 without any.</param>
/// <param name="SubordinateGroups">How many subordinate group ids there are; 0 without any.</param>
public sealed record OverlayCaller(uint UserId, uint GroupId, uint SubordinateUsers, uint SubordinateGroups)
{
    /// <summary>Who runs this process.</summary>
    public static OverlayCaller Current()
    {
        var user = User.EffectiveId();
        var name = PasswordEntry.Find(user)?.Name ?? user.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new OverlayCaller(user, User.EffectiveGroupId(),
            SubordinateIds.Read("/etc/subuid", name, user)?.Count ?? 0,
            SubordinateIds.Read("/etc/subgid", name, user)?.Count ?? 0);
    }

    /// <summary>The modes in which this user can write what belongs to an owner. The ids in an image are those of the
    /// container: the kernel refuses every write below a directory whose owner or group has no name there.</summary>
    /// <param name="owner">The owner in the image.</param>
    public OverlayWriteMode ModesFor(OverlayOwner owner)
    {
        if (UserId == 0)
            return OverlayWriteMode.Root | OverlayWriteMode.Plain | OverlayWriteMode.FakeRoot;
        var modes = owner == new OverlayOwner(UserId, GroupId) ? OverlayWriteMode.Plain : OverlayWriteMode.None;
        // Subordinate ids follow the root's; without a range of both kinds, root is all there is.
        var mapsMany = SubordinateUsers > 0 && SubordinateGroups > 0;
        var isMapped = mapsMany
            ? owner.UserId <= SubordinateUsers && owner.GroupId <= SubordinateGroups
            : owner == OverlayOwner.Root;
        return isMapped ? modes | OverlayWriteMode.FakeRoot : modes;
    }
}
