namespace OverlayTools.Containers;

/// <summary>Decides which parts of the host show in the container (Apptainer's defaults).</summary>
internal static class BindPlanner
{
    // A working directory below these is the container's own business.
    private static readonly string[] s_containerDirectories =
        ["/", "/etc", "/bin", "/mnt", "/usr", "/var", "/opt", "/sbin", "/lib", "/lib64"];

    private static readonly string[] s_kernelDirectories = ["/sys", "/proc", "/dev"];

    /// <summary>The binds in the order in which they are made.</summary>
    public static IReadOnlyList<BindPlan> Plan(MachineFacts facts, IdentityPlan identity, string currentDirectory)
    {
        var binds = new List<BindPlan>
        {
            new() { Source = "/dev", Destination = "/dev", IsDirectory = true, AllowDevices = true },
            new() { Source = "/proc", Destination = "/proc", IsDirectory = true },
            new() { Source = "/sys", Destination = "/sys", IsDirectory = true },
        };
        if (facts.Home is { Length: > 1 } home && facts.IsDirectory(home) == true)
            binds.Add(new BindPlan { Source = home, Destination = HomeInside(facts, identity), IsDirectory = true });
        foreach (var path in new[] { "/tmp", "/var/tmp" })
            AddIfPresent(binds, facts, path, path, quiet: false);
        foreach (var path in new[] { "/etc/hosts", "/etc/localtime", "/etc/resolv.conf" })
            AddIfPresent(binds, facts, path, path, quiet: true);
        if (IsMountedAsCurrent(currentDirectory))
            AddIfPresent(binds, facts, currentDirectory, currentDirectory, quiet: true);
        return binds;
    }

    /// <summary>Where the home directory is in the container.</summary>
    public static string HomeInside(MachineFacts facts, IdentityPlan identity) =>
        identity.UserId == 0 ? "/root" : facts.Home ?? "/";

    private static void AddIfPresent(
        List<BindPlan> binds, MachineFacts facts, string source, string destination, bool quiet)
    {
        if (facts.IsDirectory(source) is { } isDirectory && binds.TrueForAll(bind => bind.Destination != destination))
            binds.Add(new BindPlan { Source = source, Destination = destination, IsDirectory = isDirectory, Quiet = quiet });
    }

    private static bool IsMountedAsCurrent(string directory) =>
        !s_containerDirectories.Contains(directory)
        && !s_kernelDirectories.Any(kernel =>
            directory == kernel || directory.StartsWith(kernel + "/", StringComparison.Ordinal));
}
