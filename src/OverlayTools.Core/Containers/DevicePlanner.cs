namespace OverlayTools.Containers;

/// <summary>Decides what the container's <c>/dev</c> is: the host's, or a small one of its own.</summary>
internal static class DevicePlanner
{
    private const string Root = "/dev";

    // The group "tty" has this number on every distribution; in a user namespace it means nobody.
    private const string TerminalGroup = ",gid=5";

    private static readonly string[] s_nodes = ["tty", "null", "zero", "random", "urandom"];

    /// <summary>The mounts, <c>/dev</c> first.</summary>
    public static IEnumerable<MountPlan> Plan(ContainerRequest request, IdentityPlan identity, MachineFacts facts)
    {
        if (MountPlanner.Without(request, NoMountNames.Dev))
            return [];
        var bindsAll = request.Binds.Any(bind => bind is { Source: Root, Destination: Root, IsImage: false });
        return request.Contain && !bindsAll
            ? Small(request, identity, facts)
            : [new MountPlan { Kind = MountKind.Bind, Source = Root, Destination = Root, AllowDevices = true }];
    }

    private static IEnumerable<MountPlan> Small(ContainerRequest request, IdentityPlan identity, MachineFacts facts)
    {
        var terminals = !MountPlanner.Without(request, NoMountNames.DevPts);
        yield return new MountPlan { Kind = MountKind.Staged, Source = "dev", Destination = Root, Mode = 0b111_101_101, Links = Links(terminals) };
        yield return new MountPlan { Kind = MountKind.Tmpfs, Destination = "/dev/shm", Options = "mode=1777" };
        if (request.IpcNamespace)
            yield return new MountPlan { Kind = MountKind.MessageQueue, Destination = "/dev/mqueue" };
        if (terminals)
        {
            yield return new MountPlan
            {
                Kind = MountKind.DevPts, Destination = "/dev/pts",
                Options = "mode=0620,newinstance,ptmxmode=0666" + (identity.InUserNamespace ? string.Empty : TerminalGroup),
            };
            if (facts.Terminal is { } terminal)
                yield return Node(terminal, "/dev/console");
        }

        foreach (var name in s_nodes.Where(name => facts.IsDirectory($"/dev/{name}") == false))
            yield return Node($"/dev/{name}", $"/dev/{name}");
    }

    private static MountPlan Node(string source, string destination) =>
        new() { Kind = MountKind.Bind, Source = source, Destination = destination, IsDirectory = false, AllowDevices = true };

    private static Dictionary<string, string> Links(bool terminals)
    {
        var links = new Dictionary<string, string>
        {
            ["fd"] = "/proc/self/fd",
            ["stdin"] = "/proc/self/fd/0",
            ["stdout"] = "/proc/self/fd/1",
            ["stderr"] = "/proc/self/fd/2",
        };
        if (terminals)
            links["ptmx"] = "/dev/pts/ptmx";
        return links;
    }
}
