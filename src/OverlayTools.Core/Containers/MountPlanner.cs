namespace OverlayTools.Containers;

/// <summary>Decides what is mounted in the container, in Apptainer's order: devices, files that the host shares, the
/// kernel's file systems, home, temporary directories, what the user binds, and the working directory.</summary>
internal static class MountPlanner
{
    private const uint OpenToAll = 0b001_111_111_111;
    private const uint ScratchMode = 0b111_101_000;
    private const uint StagedMode = 0b111_101_101;

    private const string LocalHosts = """
        127.0.0.1 localhost
        ::1 localhost ip6-localhost ip6-loopback
        fe00::0 ip6-localnet
        ff02::1 ip6-allnodes

        """;

    // A working directory below these is the container's own business.
    private static readonly string[] s_containerDirectories =
        ["/", "/etc", "/bin", "/mnt", "/usr", "/var", "/opt", "/sbin", "/lib", "/lib64"];

    private static readonly string[] s_kernelDirectories = ["/sys", "/proc", "/dev"];

    /// <summary>The mounts in the order in which they are made.</summary>
    /// <param name="request">What the user asked for.</param>
    /// <param name="identity">Who the container's processes are.</param>
    /// <param name="facts">The user and the machine.</param>
    /// <param name="withAccount">Whether the user is put into the account files.</param>
    /// <param name="warnings">Takes what the user should know.</param>
    public static List<MountPlan> Plan(
        ContainerRequest request, IdentityPlan identity, MachineFacts facts, bool withAccount, List<string> warnings)
    {
        foreach (var name in request.NoMount.Where(name => !NoMountNames.All.Contains(name) && !name.StartsWith('/')))
            warnings.Add($"There is no mount '{name}' to leave out; there are: {string.Join(", ", NoMountNames.All)}.");

        var mounts = new List<MountPlan>(DevicePlanner.Plan(request, identity, facts));
        AddSharedFiles(mounts, request, facts);
        AddKernel(mounts, request, identity);
        var home = HomePlanner.Mount(request, identity, facts, warnings);
        var beforeTemporary = mounts.Count;
        AddTemporary(mounts, request, facts);
        // One of the user's choice may be below a temporary directory, which would hide it.
        if (home is not null)
            mounts.Insert(request.Home is null ? beforeTemporary : mounts.Count, home);
        mounts.AddRange(request.Scratch.Select(path => Scratch(request, path)));
        AddFiles(mounts, request, facts, withAccount);
        mounts.AddRange(UserBindPlanner.Plan(request, facts, warnings));
        if (!request.Contain && !Without(request, NoMountNames.Cwd) && IsMountedAsCurrent(request.CurrentDirectory)
            && facts.IsDirectory(request.CurrentDirectory) == true)
        {
            mounts.Add(Bind(request.CurrentDirectory) with { SkipIfSame = true });
        }

        return mounts;
    }

    /// <summary>Whether the user does without a mount.</summary>
    public static bool Without(ContainerRequest request, string name) => request.NoMount.Contains(name);

    private static void AddSharedFiles(List<MountPlan> mounts, ContainerRequest request, MachineFacts facts)
    {
        if (Without(request, NoMountNames.BindPaths))
            return;
        const string localTime = "/etc/localtime";
        foreach (var path in new[] { localTime, "/etc/hosts" })
        {
            if (Without(request, path))
                continue;
            if (path == "/etc/hosts" && request is { Contain: true, NetworkNone: true })
                mounts.Add(StagedFile("hosts", path, LocalHosts));
            // A host without the file has nothing to share.
            else if (facts.IsDirectory(path) == false)
                mounts.Add(Bind(path, isDirectory: false) with { CoversLink = path == localTime });
        }
    }

    private static void AddKernel(List<MountPlan> mounts, ContainerRequest request, IdentityPlan identity)
    {
        if (!Without(request, NoMountNames.Proc))
            mounts.Add(request.PidNamespace ? new MountPlan { Kind = MountKind.Proc, Destination = "/proc" } : Bind("/proc"));
        // A user namespace may mount sysfs only together with a network namespace of its own.
        if (!Without(request, NoMountNames.Sys))
            mounts.Add(identity.InUserNamespace ? Bind("/sys") : new MountPlan { Kind = MountKind.Sysfs, Destination = "/sys" });
    }

    private static void AddTemporary(List<MountPlan> mounts, ContainerRequest request, MachineFacts facts)
    {
        if (Without(request, NoMountNames.Tmp))
            return;
        foreach (var path in new[] { "/tmp", "/var/tmp" })
        {
            var name = path[1..].Replace('/', '_');
            if (!request.Contain)
            {
                if (facts.IsDirectory(path) == true)
                    mounts.Add(Bind(path));
            }
            else
            {
                mounts.Add(request.ContainDirectory is { } directory
                    ? Bind(path) with { Source = $"{directory}/{name}", Mode = OpenToAll }
                    : new MountPlan { Kind = MountKind.Staged, Source = name, Destination = path, Mode = OpenToAll });
            }
        }
    }

    private static MountPlan Scratch(ContainerRequest request, string path)
    {
        var name = "scratch" + path;
        return request.ContainDirectory is { } directory
            ? Bind(path) with { Source = $"{directory}/{name}", Mode = ScratchMode, IfMissing = MissingAction.Fail }
            : new MountPlan
            {
                Kind = MountKind.Staged, Source = name, Destination = path, Mode = StagedMode, IfMissing = MissingAction.Fail,
            };
    }

    private static void AddFiles(List<MountPlan> mounts, ContainerRequest request, MachineFacts facts, bool withAccount)
    {
        const string resolver = "/etc/resolv.conf";
        if (!Without(request, resolver) && facts.IsDirectory(resolver) == false)
            mounts.Add(Bind(resolver, isDirectory: false));
        if (request.Hostname is { } name)
            mounts.Add(StagedFile("hostname", "/etc/hostname", name + "\n"));
        if (!withAccount)
            return;
        foreach (var file in new[] { "passwd", "group" })
        {
            mounts.Add(new MountPlan
            {
                Kind = MountKind.Account, Source = file, Destination = "/etc/" + file, IsDirectory = false, IfMissing = MissingAction.Pass,
            });
        }
    }

    private static MountPlan StagedFile(string name, string destination, string text) =>
        new() { Kind = MountKind.Staged, Source = name, Destination = destination, IsDirectory = false, Text = text };

    private static MountPlan Bind(string path, bool isDirectory = true) =>
        new() { Kind = MountKind.Bind, Source = path, Destination = path, IsDirectory = isDirectory };

    private static bool IsMountedAsCurrent(string directory) =>
        !s_containerDirectories.Contains(directory)
        && !s_kernelDirectories.Any(kernel =>
            directory == kernel || directory.StartsWith(kernel + "/", StringComparison.Ordinal));
}
