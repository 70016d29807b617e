namespace OverlayTools.Containers;

/// <summary>What a mount in the container is.</summary>
public enum MountKind
{
    /// <summary>A file or directory of the host, with all that is mounted below it.</summary>
    Bind,

    /// <summary>A file or directory of an image (<see cref="ContainerPlan.DataImages"/>).</summary>
    Image,

    /// <summary>A file or directory made for this container, in memory.</summary>
    Staged,

    /// <summary>The image's <c>/etc/passwd</c> or <c>/etc/group</c> with the user in it, in memory.</summary>
    Account,

    /// <summary>A tmpfs of its own.</summary>
    Tmpfs,

    /// <summary>Processes of the container's own process namespace.</summary>
    Proc,

    /// <summary>The kernel's objects, as the container's own network namespace shows them.</summary>
    Sysfs,

    /// <summary>Terminals of the container's own.</summary>
    DevPts,

    /// <summary>Message queues of the container's own.</summary>
    MessageQueue,
}

/// <summary>What is done when a mount's destination does not exist, and cannot be made.</summary>
public enum MissingAction
{
    /// <summary>The container is not started.</summary>
    Fail,

    /// <summary>A warning says that it is not shown.</summary>
    Warn,

    /// <summary>Nothing.</summary>
    Pass,
}

/// <summary>A mount in the container.</summary>
public sealed record MountPlan
{
    /// <summary>What it is.</summary>
    public required MountKind Kind { get; init; }

    /// <summary>Path on the host or in the image, or the name of what is staged; empty for file systems of the kernel.</summary>
    public string Source { get; init; } = string.Empty;

    /// <summary>Absolute path in the container.</summary>
    public required string Destination { get; init; }

    /// <summary>Whether it is a directory.</summary>
    public bool IsDirectory { get; init; } = true;

    /// <summary>Whether the container sees it read-only.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether device nodes in it work.</summary>
    public bool AllowDevices { get; init; }

    /// <summary>What is done when the destination does not exist.</summary>
    public MissingAction IfMissing { get; init; } = MissingAction.Warn;

    /// <summary>Whether it is left out when the container shows the same file there anyway.</summary>
    public bool SkipIfSame { get; init; }

    /// <summary>Whether a link of the image at the destination is itself covered. What it leads to stays the image's: without
    /// that, a host's time zone would be seen under the name of the image's.</summary>
    public bool CoversLink { get; init; }

    /// <summary>Index into <see cref="ContainerPlan.DataImages"/>.</summary>
    public int Image { get; init; } = -1;

    /// <summary>Permissions of a staged directory, or of a host directory that is made where it does not exist.</summary>
    public uint? Mode { get; init; }

    /// <summary>What is in a staged file.</summary>
    public string? Text { get; init; }

    /// <summary>Symbolic links in a staged directory: name and target.</summary>
    public IReadOnlyDictionary<string, string> Links { get; init; } = new Dictionary<string, string>();

    /// <summary>Options of the file system, as <c>mount(2)</c> takes them.</summary>
    public string Options { get; init; } = string.Empty;
}

/// <summary>What the container does not share with the host besides its mounts.</summary>
/// <param name="Processes">Process ids.</param>
/// <param name="Ipc">Shared memory, semaphores and message queues.</param>
/// <param name="Network">The network: there is a loopback device only.</param>
/// <param name="Hostname">The host name; null for the machine's.</param>
public sealed record NamespacePlan(bool Processes = false, bool Ipc = false, bool Network = false, string? Hostname = null);

/// <summary>A group by id and name.</summary>
/// <param name="Id">Group id.</param>
/// <param name="Name">Its name on the host.</param>
public sealed record GroupName(uint Id, string Name);

/// <summary>Whom the container's account files name.</summary>
/// <param name="UserName">Login name.</param>
/// <param name="UserId">User id in the container.</param>
/// <param name="GroupId">Group id in the container.</param>
/// <param name="FullName">Comment field.</param>
/// <param name="Home">Home directory in the container.</param>
/// <param name="Groups">The groups that get the user as a member, the first one included.</param>
public sealed record AccountPlan(
    string UserName, uint UserId, uint GroupId, string FullName, string Home, IReadOnlyList<GroupName> Groups);
