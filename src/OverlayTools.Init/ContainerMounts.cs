using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Mounts what the plan shows in the container. Destinations are resolved inside the tree: a link in the image
/// never leads a mount outside.</summary>
internal sealed class ContainerMounts(ContainerPlan plan, SafeFileHandle root, Stage stage)
{
    private const Mount.Flags KernelFlags = Mount.Flags.NoSetUserId | Mount.Flags.NoDevices;
    private const uint DirectoryMode = 0b111_101_101;
    private const uint FileMode = 0b110_100_100;

    private bool _marked;
    private readonly Dictionary<string, string> _destinations = new(StringComparer.Ordinal);

    /// <summary>Makes all mounts.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.ContainerStartFailed"/>: one that the user needs cannot be made.</exception>
    public void Make()
    {
        foreach (var mount in plan.Mounts)
        {
            if (Refusal(mount) is not { } reason)
                continue;
            if (mount.IfMissing == MissingAction.Fail)
                throw new EngineException(ErrorIds.ContainerStartFailed, reason);
            if (mount.IfMissing == MissingAction.Warn)
                StatusChannel.Warn(reason);
        }
    }

    // Makes one mount, or says why not.
    private string? Refusal(MountPlan mount)
    {
        using var target = FindTarget(mount, out var missing);
        if (target is null)
            return $"'{mount.Destination}' {missing} in the container; {Describe(mount)} is not shown there.";

        // A link in the image may lead to its root: bound there, the host's directory would hide the whole container.
        var place = TreePath.OfHandle(target)!;
        if (place == TreePath.OfHandle(root))
            return $"'{mount.Destination}' is the root directory in the container; {Describe(mount)} is not shown there.";
        // Two of our own places may be one in the image (a link from /var/tmp to /tmp): the first is what it shows.
        if (mount.IfMissing != MissingAction.Fail && _destinations.TryGetValue(place, out var earlier) && earlier != mount.Destination)
            return null;
        if (mount.SkipIfSame && IsSame(mount.Source, target))
            return null;

        if (!_marked && mount.IsDirectory && mount.Kind is MountKind.Bind or MountKind.Staged)
            _marked = Mark(target);
        var errno = Attach(mount, target);
        if (errno != 0)
            return $"{Describe(mount)} is not shown at '{mount.Destination}' in the container: {new LinuxException("mount", errno).Message}";
        _destinations[place] = mount.Destination;
        Restrict(mount);
        return null;
    }

    // Processes whose supervisor was killed are found by the session's path in their mount table: this mount has it for its
    // source, and the one made next at the same place covers it.
    private bool Mark(SafeFileHandle target) =>
        Mount.Try(plan.SessionDirectory, TreePath.InProc(target), "tmpfs", KernelFlags | Mount.Flags.ReadOnly, "size=4k") == 0;

    private SafeFileHandle? FindTarget(MountPlan mount, out string reason)
    {
        var target = Openat2.TryInRoot(root, mount.Destination, Open.PathOnly | (mount.CoversLink ? Open.NoFollow : 0), out var errno);
        reason = errno == Errno.ENOENT ? "does not exist" : "cannot be reached";
        if (target is not null || errno != Errno.ENOENT || mount.Kind == MountKind.Account
            || TreePath.Resolve(root, mount.Destination) is not { Exists: false } place
            || TreePath.DeviceAbove(root, place.Path) != stage.Device)
        {
            return target;
        }

        // In a directory that was made for this container nothing of anybody's is changed by what is added.
        var isDirectory = mount.Kind == MountKind.Image ? DataImages.IsDirectory(plan, mount) : mount.IsDirectory;
        TreePath.Make(root, place.Path, isDirectory, DirectoryMode, FileMode);
        return Openat2.TryInRoot(root, mount.Destination, Open.PathOnly, out _);
    }

    private int Attach(MountPlan mount, SafeFileHandle target)
    {
        var path = TreePath.InProc(target);
        switch (mount.Kind)
        {
            case MountKind.Bind:
                if (mount.Mode is { } mode)
                    MakeSource(mount.Source, mode);
                return Bind(mount.Source, path);
            case MountKind.Image:
                using (var source = DataImages.Find(plan, mount))
                    return Bind(TreePath.InProc(source), path);
            case MountKind.Staged:
                return Bind(stage.Make(mount), path);
            case MountKind.Account:
                return stage.MakeAccount(root, mount, plan.Account!) is { } staged ? Bind(staged, path) : 0;
            case MountKind.Tmpfs:
                return Mount.Try("tmpfs", path, "tmpfs", KernelFlags, stage.Options(mount.Options));
            case MountKind.Proc:
                return Mount.Try("proc", path, "proc", KernelFlags) is var errno and not 0 ? HostProcesses(path, errno) : 0;
            case MountKind.Sysfs:
                return Mount.Try("sysfs", path, "sysfs", KernelFlags);
            case MountKind.DevPts:
                return Mount.Try("devpts", path, "devpts", Mount.Flags.NoSetUserId | Mount.Flags.NoExecute, mount.Options);
            case MountKind.MessageQueue:
                return Mount.Try("mqueue", path, "mqueue", KernelFlags);
            default:
                throw new InvalidOperationException($"No mount {mount.Kind}.");
        }
    }

    // The kernel shows processes in a user namespace only where nothing of the host's /proc is covered.
    private static int HostProcesses(string path, int errno)
    {
        StatusChannel.Warn($"The container's own processes cannot be shown in /proc ({new LinuxException("mount", errno).Message}): "
            + "it is the host's.");
        return Bind("/proc", path);
    }

    private static int Bind(string source, string path) =>
        Mount.Try(source, path, null, Mount.Flags.Bind | Mount.Flags.Recursive);

    private static void MakeSource(string path, uint mode)
    {
        if (Directory.Exists(path))
            return;
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, (UnixFileMode)mode);
    }

    // Restrictions are only ever added: in a user namespace, those of the host's mounts cannot be taken away.
    private void Restrict(MountPlan mount)
    {
        if (mount.Kind is not (MountKind.Bind or MountKind.Image or MountKind.Staged or MountKind.Account))
            return;
        // The handle names what is below the new mount; opened again, the path leads to the mount itself.
        using var mounted = Openat2.TryInRoot(root, mount.Destination, Open.PathOnly, out var errno);
        if (mounted is null)
            throw new LinuxException("openat2", errno, mount.Destination);
        var attributes = MountAttributes.NoSetUserId
            | (mount.AllowDevices ? 0 : MountAttributes.NoDevices)
            | (mount.ReadOnly ? MountAttributes.ReadOnly : 0);
        errno = MountAttributes.TryAdd(TreePath.InProc(mounted), attributes);
        if (errno != 0 && mount.ReadOnly)
            throw new LinuxException("mount_setattr", errno, mount.Destination);
    }

    private static bool IsSame(string source, SafeFileHandle target)
    {
        using var original = Open.TryFile(source, Open.PathOnly, 0, out _);
        if (original is null)
            return false;
        var (here, there) = (Statx.Of(original), Statx.Of(target));
        return here.Inode == there.Inode && here.Device == there.Device;
    }

    private string Describe(MountPlan mount) => mount.Kind switch
    {
        MountKind.Bind => $"'{mount.Source}'",
        MountKind.Image => $"'{mount.Source}' of '{plan.DataImages[mount.Image].Path}'",
        MountKind.Staged => mount.IsDirectory ? "a directory for this container" : "a file for this container",
        _ => mount.Kind.ToString().ToLowerInvariant(),
    };
}
