namespace OverlayTools.Containers;

/// <summary>Decides how what the user binds is mounted: nearer to the root first, so that a bind below another shows.</summary>
internal static class UserBindPlanner
{
    /// <summary>The mounts in order.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>: the host has no such source.</exception>
    public static IEnumerable<MountPlan> Plan(ContainerRequest request, MachineFacts facts, List<string> warnings)
    {
        var mounts = new List<MountPlan>();
        var image = 0;
        foreach (var bind in request.Binds)
        {
            var index = bind.IsImage ? image++ : -1;
            if (mounts.Exists(mount => mount.Destination == bind.Destination))
                warnings.Add($"'{bind.Destination}' is bound twice; '{bind.Source}' is not shown there.");
            else if (bind is not { Source: "/dev", Destination: "/dev" })
                mounts.Add(bind.IsImage ? OfImage(bind, index) : OfHost(bind, facts));
        }

        return mounts.OrderBy(mount => mount.Destination.Count(character => character == '/'))
            .ThenBy(mount => mount.Destination.Length);
    }

    private static MountPlan OfHost(BindArgument bind, MachineFacts facts) => new()
    {
        Kind = MountKind.Bind,
        Source = bind.Source,
        Destination = bind.Destination,
        ReadOnly = bind.ReadOnly,
        IfMissing = MissingAction.Fail,
        // A device can be used only under its own name.
        AllowDevices = bind.Source == bind.Destination && bind.Source.StartsWith("/dev/", StringComparison.Ordinal),
        IsDirectory = facts.IsDirectory(bind.Source) ?? throw new EngineException(ErrorIds.OverlayFileNotFound,
            $"'{bind.Source}', which is to be bound, does not exist.", "Check the path.", bind.Source),
    };

    private static MountPlan OfImage(BindArgument bind, int index) => new()
    {
        Kind = MountKind.Image,
        Source = bind.ImageSource!,
        Destination = bind.Destination,
        ReadOnly = true,
        Image = index,
        IfMissing = MissingAction.Fail,
    };
}
