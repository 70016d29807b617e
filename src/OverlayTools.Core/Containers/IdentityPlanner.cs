namespace OverlayTools.Containers;

/// <summary>Decides who the container's processes are.</summary>
internal static class IdentityPlanner
{
    /// <summary>The identity, and the helper programs that it needs.</summary>
    public static IdentityPlan Plan(bool fakeRoot, MachineFacts facts)
    {
        if (facts.UserId == 0)
            return new IdentityPlan(IdentityKind.Root, 0, 0, [], []);

        var self = new IdMapping(fakeRoot ? 0 : facts.UserId, facts.UserId, 1);
        var selfGroup = new IdMapping(fakeRoot ? 0 : facts.GroupId, facts.GroupId, 1);
        if (!fakeRoot)
            return new IdentityPlan(IdentityKind.CurrentUser, facts.UserId, facts.GroupId, [self], [selfGroup]);

        if (facts.SubordinateUserIds is not { } users || facts.SubordinateGroupIds is not { } groups)
            return new IdentityPlan(IdentityKind.RootMapped, 0, 0, [self], [selfGroup]);

        return new IdentityPlan(IdentityKind.SubordinateIds, 0, 0,
            [self, new IdMapping(1, users.Start, users.Count)],
            [selfGroup, new IdMapping(1, groups.Start, groups.Count)]);
    }
}
