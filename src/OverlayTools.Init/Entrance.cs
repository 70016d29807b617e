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
            if (Descriptors.HasEnded(InitProtocol.LifeDescriptor))
                return InitProtocol.FailureExitCode; // it had ended before we asked to die with it
            var plan = PlanFile.Read();
            Namespaces.UnshareMounts();
            Mount.Do(null, "/", null, Mount.Flags.Slave | Mount.Flags.Recursive);
            HostBinds.Mount(plan);
            if (plan.PidNamespace)
                ShowOwnProcesses(plan);
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

    // Where the host hides parts of its own /proc, the kernel makes no new one in a user namespace.
    private static void ShowOwnProcesses(ContainerPlan plan)
    {
        using var root = Open.File(SessionLayout.FinalTree(plan), Open.PathOnly | Open.Directory);
        using var target = Openat2.TryInRoot(root, "/proc", Open.PathOnly | Open.Directory, out _);
        if (target is null)
            return;
        var errno = Mount.Try("proc", $"/proc/self/fd/{target.DangerousGetHandle()}", "proc",
            Mount.Flags.NoSetUserId | Mount.Flags.NoDevices);
        if (errno != 0)
            StatusChannel.Note($"The container sees the host's /proc: {new LinuxException("mount", errno).Message}");
    }

    private static bool IsProgram(string path) =>
        File.Exists(path) && FileSystemStatus.Check(path, FileSystemStatus.Execute) == 0;

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
        if (ActionCommand.Resolve(plan, IsProgram) is not { } command)
            return ContainerInit.Stay();
        var name = command[0];
        command = WithEnvironmentScripts(plan, command, Path.Exists);
        IReadOnlyList<string> environment = [.. plan.Environment, .. plan.EnvironmentOverrides];
        if (!plan.PidNamespace)
            StatusChannel.Send(InitProtocol.Entered);
        return ReportFailure(
            CommandSearch.Execute(command, environment, plan.PidNamespace
                ? (path, arguments, variables) => ContainerInit.Start(plan.StaysAlive, path, arguments, variables)
                : Processes.Execute),
            name);
    }

    /// <summary>The command, behind the image's scripts that set variables.</summary>
    /// <param name="plan">Whose overrides come after the scripts.</param>
    /// <param name="command">The command.</param>
    /// <param name="exists">Whether a path is in the container.</param>
    public static IReadOnlyList<string> WithEnvironmentScripts(
        ContainerPlan plan, IReadOnlyList<string> command, Func<string, bool> exists) =>
        exists(EnvironmentScripts) && exists("/bin/sh")
            ? ["/bin/sh", "-c", SourceScript, "sh", plan.EnvironmentOverrides.Count.ToString(CultureInfo.InvariantCulture),
                .. plan.EnvironmentOverrides, .. command]
            : command;

    /// <summary>Says that the command could not be executed.</summary>
    /// <returns>The exit code.</returns>
    public static int ReportFailure(int errno, string name)
    {
        var notFound = errno is Errno.ENOENT or Errno.ENOTDIR;
        StatusChannel.Fail(
            notFound ? ErrorIds.ContainerCommandNotFound : ErrorIds.ContainerStartFailed,
            notFound
                ? $"The command '{name}' does not exist in the container, or its interpreter or a library it needs is missing."
                : new LinuxException("execve", errno, name).Message);
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
