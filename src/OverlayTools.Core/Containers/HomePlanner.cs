namespace OverlayTools.Containers;

/// <summary>Decides what the home directory is, and where.</summary>
internal static class HomePlanner
{
    private const uint KeptMode = 0b111_000_000;
    private const uint StagedMode = 0b111_101_101;

    /// <summary>Where the home directory is in the container: the value of <c>HOME</c>.</summary>
    public static string Inside(ContainerRequest request, IdentityPlan identity, MachineFacts facts) =>
        request.Home?.Destination ?? (identity.UserId == 0 ? "/root" : facts.Home ?? "/");

    /// <summary>The mount; null when the container goes without.</summary>
    public static MountPlan? Mount(ContainerRequest request, IdentityPlan identity, MachineFacts facts, List<string> warnings)
    {
        if (request.NoHome || MountPlanner.Without(request, NoMountNames.Home))
            return null;
        var source = request.Home?.Source ?? facts.Home;
        var destination = Inside(request, identity, facts);
        if (source is null)
            return null;
        if (destination == "/")
        {
            warnings.Add("The home directory is '/': it is not shown in the container.");
            return null;
        }

        var mount = new MountPlan
        {
            Kind = MountKind.Bind, Source = source, Destination = destination, IfMissing = MissingAction.Fail,
        };
        if (request.Home is not null)
            return facts.IsDirectory(source) == true
                ? mount
                : throw new EngineException(ErrorIds.OverlayFileNotFound, $"The home directory '{source}' is no directory.",
                    "Check the path.", source);
        if (request is { Contain: true, ContainDirectory: { } directory })
            return mount with { Source = directory + "/home", Mode = KeptMode };
        return request.Contain || source == "/" || facts.IsDirectory(source) != true
            ? mount with { Kind = MountKind.Staged, Source = "home", Mode = StagedMode }
            : mount;
    }
}
