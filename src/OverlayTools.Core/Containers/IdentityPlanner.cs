namespace OverlayTools.Containers;

/// <summary>Decides who the container's processes are.</summary>
internal static class IdentityPlanner
{
    /// <summary>The identity that a request asks for.</summary>
    /// <param name="request">Whether root is wanted, and a user namespace.</param>
    /// <param name="facts">The user and the machine.</param>
    public static IdentityPlan Plan(ContainerRequest request, MachineFacts facts)
    {
        if (IsRoot(request, facts.UserId, facts.MayMount))
            return new IdentityPlan(IdentityKind.Root, 0, 0, [], []);

        var root = request.FakeRoot || facts.UserId == 0;
        var self = new IdMapping(root ? 0 : facts.UserId, facts.UserId, 1);
        var selfGroup = new IdMapping(root ? 0 : facts.GroupId, facts.GroupId, 1);
        if (!root)
            return new IdentityPlan(IdentityKind.CurrentUser, facts.UserId, facts.GroupId, [self], [selfGroup]);

        if (!request.FakeRoot || facts.SubordinateUserIds is not { } users || facts.SubordinateGroupIds is not { } groups)
            return new IdentityPlan(IdentityKind.RootMapped, 0, 0, [self], [selfGroup]);

        return new IdentityPlan(IdentityKind.SubordinateIds, 0, 0,
            [self, new IdMapping(1, users.Start, users.Count)],
            [selfGroup, new IdMapping(1, groups.Start, groups.Count)]);
    }

    /// <summary>Whether the container is the real root's. Root without the capability to mount (in a container, say) has
    /// it in a user namespace of its own.</summary>
    public static bool IsRoot(ContainerRequest request, uint userId, bool mayMount) => userId == 0 && mayMount && !request.UserNamespace;

    /// <summary>The command <c>fakeroot</c>, where root is asked for and no other id is mapped: it makes believe that
    /// files have the owners that they were given.</summary>
    public static FakeRootCommand? FakeRoot(ContainerRequest request, IdentityPlan identity, MachineFacts facts) =>
        request.FakeRoot && identity.Kind == IdentityKind.RootMapped && !facts.Environment.ContainsKey("FAKEROOTKEY")
            ? facts.FindFakeRoot()
            : null;
}
