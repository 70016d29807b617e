using System.Globalization;
using System.Text;

namespace OverlayTools.Containers;

/// <summary>A plan in words, for people.</summary>
public static class ContainerPlanText
{
    private const string Indent = "  ";

    /// <summary>All of it, in lines.</summary>
    public static string Describe(ContainerPlan plan)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Run {Words(plan.Command)}\n");
        Append(text, "identity", [Identity(plan.Identity, plan.NoPrivileges)]);
        Append(text, "layers, bottom to top", Layers(plan));
        Append(text, "stack", [Stack(plan.Stack)]);
        Append(text, "mounts", Mounts(plan));
        Append(text, "of its own", [Namespaces(plan.Namespaces)]);
        Append(text, "environment", Environment(plan));
        Append(text, "working directory", [string.Join(", else ", plan.WorkingDirectories)]);
        if (plan.CommandPrefix.Count > 0)
            Append(text, "command", [Words([.. plan.CommandPrefix, .. plan.Command])]);
        return text.ToString().TrimEnd('\n');
    }

    /// <summary>Who the container's processes are.</summary>
    public static string Identity(IdentityPlan identity, bool noPrivileges = false)
    {
        var who = identity.Kind switch
        {
            IdentityKind.Root => "root, no user namespace",
            IdentityKind.CurrentUser => $"user {identity.UserId}, group {identity.GroupId}, in a user namespace",
            IdentityKind.SubordinateIds => "root in a user namespace with subordinate ids ("
                + string.Join(", ", identity.UserMap.Select(run => $"{run.Inside}..{run.Inside + (run.Count - 1)} is {run.Outside}..{run.Outside + (run.Count - 1)}")) + ")",
            _ => "root in a user namespace that knows no other id",
        };
        return noPrivileges ? who + "; no capabilities" : who;
    }

    /// <summary>The layers, bottom to top, a line each.</summary>
    public static IReadOnlyList<string> Layers(ContainerPlan plan) =>
        [.. plan.Layers.Select((layer, index) => $"{index}: {Layer(layer)}{(index == plan.Stack.Upper ? ", takes the changes" : string.Empty)}"),
            .. plan.DataImages.Select(image => "beside: " + Layer(image))];

    /// <summary>How the layers become one tree.</summary>
    public static string Stack(StackPlan stack) => stack.Driver switch
    {
        StackDriver.None => "none, the layer is the tree",
        StackDriver.Kernel => stack.KernelOptions.Length > 0 ? $"overlayfs of the kernel ({stack.KernelOptions})" : "overlayfs of the kernel",
        _ => $"{stack.FuseProgram ?? "fuse-overlayfs"}{(stack.FuseOptions.Length > 0 ? $" ({stack.FuseOptions})" : string.Empty)}",
    } + (stack.Driver != StackDriver.None && stack.Upper is null ? ", read-only" : string.Empty);

    /// <summary>The mounts, in order, a line each.</summary>
    public static IReadOnlyList<string> Mounts(ContainerPlan plan) => [.. plan.Mounts.Select(mount => $"{mount.Destination}: {Mount(plan, mount)}")];

    /// <summary>What the container does not share with the host.</summary>
    public static string Namespaces(NamespacePlan namespaces)
    {
        var own = new List<string> { "mounts" };
        if (namespaces.Processes)
            own.Add("processes");
        if (namespaces.Ipc)
            own.Add("shared memory and message queues");
        if (namespaces.Network)
            own.Add("network (loopback only)");
        if (namespaces.Hostname is { } name)
            own.Add($"host name '{name}'");
        return string.Join(", ", own);
    }

    /// <summary>The environment, <c>NAME=value</c>, as it is unless the image's scripts set a variable.</summary>
    public static IReadOnlyList<string> Environment(ContainerPlan plan) => ContainerEnvironment.Merge(plan.Environment);

    /// <summary>A layer: what it is, how it is mounted, and whether anything may change in it.</summary>
    public static string Layer(LayerPlan layer)
    {
        var driver = layer.Driver switch
        {
            LayerDriver.Bind => "a directory",
            LayerDriver.Tmpfs => "in memory",
            LayerDriver.LoopSquashfs => "squashfs on a loop device",
            LayerDriver.LoopExt3 => "ext3 on a loop device",
            LayerDriver.Squashfuse => $"squashfs by {layer.Program}",
            _ => $"ext3 by {layer.Program}",
        };
        var where = layer.Offset > 0 ? $", {layer.Length} bytes from {layer.Offset}" : string.Empty;
        var limit = layer.SizeBytes is { } size ? $", at most {size} bytes" : string.Empty;
        return $"{layer.Path}: {driver}{where}{limit}, {(layer.ReadOnly ? "read-only" : "writable")}";
    }

    private static string Mount(ContainerPlan plan, MountPlan mount)
    {
        var what = mount.Kind switch
        {
            MountKind.Bind => mount.Source == mount.Destination ? "the host's" : $"the host's {mount.Source}",
            MountKind.Image => $"{mount.Source} of {plan.DataImages[mount.Image].Path}",
            MountKind.Staged => mount.IsDirectory ? "an empty directory in memory" : "a file in memory",
            MountKind.Account => $"the image's, with {plan.Account?.UserName}",
            MountKind.Tmpfs => "tmpfs",
            MountKind.Proc => "proc",
            MountKind.Sysfs => "sysfs",
            MountKind.DevPts => "devpts",
            _ => "mqueue",
        };
        return mount.ReadOnly ? what + ", read-only" : what;
    }

    private static void Append(StringBuilder text, string title, IReadOnlyList<string> lines)
    {
        if (lines.Count == 1)
        {
            text.Append(CultureInfo.InvariantCulture, $"{Indent}{title}: {lines[0]}\n");
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"{Indent}{title}:\n");
        foreach (var line in lines)
            text.Append(CultureInfo.InvariantCulture, $"{Indent}{Indent}{line.ReplaceLineEndings(" ")}\n");
    }

    private static string Words(IEnumerable<string> words) =>
        string.Join(' ', words.Select(word => word.Length > 0 && word.All(c => char.IsLetterOrDigit(c) || "-_./=:,+@%".Contains(c, StringComparison.Ordinal))
            ? word : $"'{word.Replace("'", "''", StringComparison.Ordinal)}'"));
}
