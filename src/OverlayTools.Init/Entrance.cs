using System.Globalization;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// Enters the assembled tree in a mount namespace of its own, binds the host's parts into it, makes it the root, gives
/// up privileges, and becomes the command. The supervisor's namespace keeps only the layers, which it can so unmount.
/// </summary>
internal static class Entrance
{
    private const string EnvironmentScripts = "/.singularity.d/env";

    public static int Run()
    {
        try
        {
            // Without its supervisor the command would run on with nobody to unmount its layers.
            Privileges.DieWithParent(Processes.Kill);
            var plan = PlanFile.Read();
            Namespaces.UnshareMounts();
            Mount.Do(null, "/", null, Mount.Flags.Slave | Mount.Flags.Recursive);
            HostBinds.Mount(plan);
            Namespaces.EnterRoot(SessionLayout.FinalTree(plan));
            EnterWorkingDirectory(plan);
            GiveUpPrivileges(plan.Identity);
            Descriptors.CloseOnExecFrom(InitProtocol.PlanDescriptor);
            return BecomeCommand(plan);
        }
        catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
        {
            StatusChannel.Fail(error);
            return InitProtocol.FailureExitCode;
        }
    }

    private static void EnterWorkingDirectory(ContainerPlan plan)
    {
        if (plan.WorkingDirectories.All(directory => Namespaces.TryChangeDirectory(directory) != 0))
            Namespaces.ChangeDirectory("/");
    }

    private static void GiveUpPrivileges(IdentityPlan identity)
    {
        if (identity.Kind is IdentityKind.CurrentUser or IdentityKind.SubordinateIds)
            Privileges.ForbidNew();
        if (identity.Kind == IdentityKind.CurrentUser)
            Privileges.DropCapabilities();
    }

    private static int BecomeCommand(ContainerPlan plan)
    {
        var command = plan.Command;
        if (Directory.Exists(EnvironmentScripts) && File.Exists("/bin/sh"))
            command = ["/bin/sh", "-c", SourceScript, "sh", plan.EnvironmentOverrides.Count.ToString(CultureInfo.InvariantCulture),
                .. plan.EnvironmentOverrides, .. command];
        IReadOnlyList<string> environment = [.. plan.Environment, .. plan.EnvironmentOverrides];

        var errno = CommandSearch.Execute(command, environment);
        var notFound = errno is Errno.ENOENT or Errno.ENOTDIR;
        StatusChannel.Fail(
            notFound ? ErrorIds.ContainerCommandNotFound : ErrorIds.ContainerStartFailed,
            notFound
                ? $"The command '{plan.Command[0]}' does not exist in the container, or its interpreter or a library it needs is missing."
                : new LinuxException("execve", errno, plan.Command[0]).Message);
        return notFound ? InitProtocol.NotFoundExitCode : InitProtocol.FailureExitCode;
    }

    // The image's own environment first, what the user overrides after it; then the command in place of the shell.
    private const string SourceScript = """
        for overlaytools_file in /.singularity.d/env/*.sh; do
            if [ -f "$overlaytools_file" ]; then . "$overlaytools_file"; fi
        done
        unset overlaytools_file
        overlaytools_count=$1; shift
        while [ "$overlaytools_count" -gt 0 ]; do
            export "$1"; shift; overlaytools_count=$((overlaytools_count - 1))
        done
        unset overlaytools_count
        exec "$@"
        """;
}
