using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Binds parts of the host into the final tree. Destinations are resolved inside it: a link in the image
/// never leads a mount outside.</summary>
internal static class HostBinds
{
    public static void Mount(ContainerPlan plan)
    {
        using var root = Open.File(SessionLayout.FinalTree(plan), Open.PathOnly | Open.Directory);
        foreach (var bind in plan.Binds)
            MountOne(root, bind);
        if (plan.PasswordLine is { } user)
            MountWithLine(plan, root, "/etc/passwd", user, "passwd");
        if (plan.GroupLine is { } group)
            MountWithLine(plan, root, "/etc/group", group, "group");
    }

    private static void MountOne(SafeFileHandle root, BindPlan bind)
    {
        using var target = Openat2.TryInRoot(root, bind.Destination, Open.PathOnly, out _);
        if (target is null)
        {
            if (!bind.Quiet)
                StatusChannel.Warn($"'{bind.Destination}' does not exist in the container; '{bind.Source}' is not shown there.");
            return;
        }

        // A link in the image may lead to its root: bound there, the host's directory would hide the whole container.
        if (PathOf(target) == PathOf(root))
        {
            StatusChannel.Warn($"'{bind.Destination}' is the root directory in the container; '{bind.Source}' is not shown there.");
            return;
        }

        var path = $"/proc/self/fd/{target.DangerousGetHandle()}";
        var errno = Native.Mount.Try(bind.Source, path, null, Native.Mount.Flags.Bind | Native.Mount.Flags.Recursive);
        if (errno != 0)
        {
            if (!bind.Quiet)
                StatusChannel.Warn($"'{bind.Source}' is not shown in the container: {new LinuxException("mount", errno).Message}");
            return;
        }

        // The handle names what is below the new mount; opened again, the path leads to the mount itself.
        using var mounted = Openat2.TryInRoot(root, bind.Destination, Open.PathOnly, out errno);
        if (mounted is null)
            throw new LinuxException("openat2", errno, bind.Destination);
        var attributes = MountAttributes.NoSetUserId
            | (bind.AllowDevices ? 0 : MountAttributes.NoDevices)
            | (bind.ReadOnly ? MountAttributes.ReadOnly : 0);
        errno = MountAttributes.TryAdd($"/proc/self/fd/{mounted.DangerousGetHandle()}", attributes);
        if (errno != 0 && bind.ReadOnly)
            throw new LinuxException("mount_setattr", errno, bind.Destination);
    }

    private static string? PathOf(SafeFileHandle handle) =>
        File.ResolveLinkTarget($"/proc/self/fd/{handle.DangerousGetHandle()}", returnFinalTarget: false)?.FullName;

    // The image's file, and one line for a user that it does not know.
    private static void MountWithLine(ContainerPlan plan, SafeFileHandle root, string destination, string line, string name)
    {
        using var file = Openat2.TryInRoot(root, destination, Open.ReadOnly, out _);
        if (file is null)
            return;

        using var stream = new FileStream(file, FileAccess.Read, bufferSize: 0);
        var text = new StreamReader(stream).ReadToEnd();
        var id = line.Split(':')[2];
        var others = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(known => known.Split(':').ElementAtOrDefault(2) != id);
        var staged = SessionLayout.Staged(plan, name);
        // A tmpfs of its own: the session's is unbindable.
        Directory.CreateDirectory(staged);
        Native.Mount.Do("tmpfs", staged, "tmpfs", Native.Mount.Flags.NoSetUserId | Native.Mount.Flags.NoDevices, "mode=0755");
        File.WriteAllText($"{staged}/{name}", string.Join('\n', others.Append(line)) + "\n");
        MountOne(root, new BindPlan { Source = $"{staged}/{name}", Destination = destination, IsDirectory = false, Quiet = true });
    }
}
