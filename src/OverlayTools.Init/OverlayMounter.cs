using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Stacks the layers with the kernel's overlayfs or with fuse-overlayfs.</summary>
internal static class OverlayMounter
{
    /// <summary>Mounts with the kernel.</summary>
    /// <returns>0 or the error number.</returns>
    public static int TryKernel(ContainerPlan plan, string target)
    {
        var options = Directories(plan) + Append(plan.Stack.KernelOptions);
        var flags = Mount.Flags.NoDevices | (plan.Stack.Upper is null ? Mount.Flags.ReadOnly : 0);
        // Stable inode numbers need xino; a kernel that cannot says EINVAL. An upper that was used with other lowers
        // before says ESTALE unless its index is off. Each is tried once.
        var withXino = plan.Stack.Upper is null ? options : options + ",xino=on";
        var errno = Mount.Try("overlay", target, "overlay", flags, withXino);
        if (errno == Errno.EINVAL)
            errno = Mount.Try("overlay", target, "overlay", flags, options);
        if (errno == Errno.ESTALE)
            errno = Mount.Try("overlay", target, "overlay", flags, options + ",index=off");
        return errno;
    }

    /// <summary>The command line of fuse-overlayfs.</summary>
    public static IReadOnlyList<string> FuseCommand(ContainerPlan plan, string target)
    {
        var program = plan.Stack.FuseProgram ?? throw new InvalidOperationException("fuse-overlayfs has no path.");
        var readOnly = plan.Stack.Upper is null ? ",ro" : string.Empty;
        // noacl: without it, uppers on a file system that has no ACLs fail.
        var options = $"allow_other,noacl{readOnly},{Directories(plan)}{Append(plan.Stack.FuseOptions)}";
        return [program, "-f", "-o", options, target];
    }

    // overlayfs takes the topmost lower first; the bind points come last, below the root file system.
    private static string Directories(ContainerPlan plan)
    {
        var lowers = plan.Stack.Lowers.Reverse().Select(index => SessionLayout.Content(plan, index))
            .Append(SessionLayout.Skeleton(plan));
        if (Directory.Exists(SessionLayout.Top(plan)))
            lowers = lowers.Prepend(SessionLayout.Top(plan));
        var result = "lowerdir=" + string.Join(':', lowers);
        return plan.Stack.Upper is { } upper
            ? $"{result},upperdir={SessionLayout.Upper(plan, upper)},workdir={SessionLayout.Work(plan, upper)}"
            : result;
    }

    private static string Append(string options) => options.Length > 0 ? "," + options : string.Empty;
}
