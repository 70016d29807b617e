using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// Enters the assembled tree in namespaces of its own, mounts into it what the plan shows, makes it the root, gives up
/// privileges, and becomes the command. The supervisor's namespace keeps only the layers, which it can so unmount.
/// </summary>
internal static class Entrance
{
    public static int Run()
    {
        try
        {
            // Without its supervisor the command would run on with nobody to unmount its layers.
            Privileges.DieWithParent(Processes.Kill);
            var plan = PlanFile.Read();
            if (!MayEnter())
                return InitProtocol.FailureExitCode; // the supervisor had ended before we asked to die with it, or gives up
            EnterNamespaces(plan.Namespaces);
            // Making everything a slave has made the session bindable: a bind of the directory above would show it.
            Mount.Do(null, plan.SessionDirectory, null, Mount.Flags.Unbindable);
            using (var root = Open.File(SessionLayout.FinalTree(plan), Open.PathOnly | Open.Directory))
                new ContainerMounts(plan, root, new Stage(plan)).Make();
            StatusChannel.EndPhase("mounts in the tree");
            Namespaces.EnterRoot(SessionLayout.FinalTree(plan));
            GiveUpPrivileges(plan);
            FileModeMask.Set(plan.FileModeMask);
            var directory = EnterWorkingDirectory(plan);
            Descriptors.CloseOnExecFrom(InitProtocol.PlanDescriptor);
            return BecomeCommand(plan, directory);
        }
        catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
        {
            StatusChannel.Fail(error);
            return InitProtocol.FailureExitCode;
        }
    }

    // All that could be done before the tree stands is done.
    private static bool MayEnter()
    {
        using var life = new FileStream(new SafeFileHandle(InitProtocol.LifeDescriptor, ownsHandle: false), FileAccess.Read, bufferSize: 0);
        return life.ReadByte() == InitProtocol.Go;
    }

    private static bool IsProgram(string path) =>
        File.Exists(path) && FileSystemStatus.Check(path, FileSystemStatus.Execute) == 0;

    private static void EnterNamespaces(NamespacePlan plan)
    {
        Namespaces.Leave(Namespaces.Mounts
            | (plan.Ipc ? Namespaces.Ipc : 0)
            | (plan.Network ? Namespaces.Networks : 0)
            | (plan.Hostname is not null ? Namespaces.HostNames : 0));
        Mount.Do(null, "/", null, Mount.Flags.Slave | Mount.Flags.Recursive);
        if (plan.Hostname is { } name)
            Namespaces.NameHost(name);
        if (plan.Network)
            LoopbackDevice.SwitchOn();
    }

    private static string EnterWorkingDirectory(ContainerPlan plan)
    {
        foreach (var directory in plan.WorkingDirectories)
        {
            var errno = Namespaces.TryChangeDirectory(directory);
            // One that was asked for is called by its own name, as Apptainer does; the caller's stays what the caller calls it.
            if (errno == 0)
                return plan.WorkingDirectoryRequired ? Environment.CurrentDirectory : directory;
            if (plan.WorkingDirectoryRequired)
                throw CannotEnter(directory, errno);
        }

        Namespaces.ChangeDirectory("/");
        return "/";
    }

    private static void GiveUpPrivileges(ContainerPlan plan)
    {
        var kind = plan.Identity.Kind;
        if (plan.NoPrivileges || kind == IdentityKind.CurrentUser)
        {
            Privileges.DropBounds();
            Privileges.DropCapabilities();
        }

        if (plan.NoPrivileges || kind is IdentityKind.CurrentUser or IdentityKind.SubordinateIds)
            Privileges.ForbidNew();
    }

    // The host's fakeroot needs the host's C library: an image with another one goes without.
    private static IReadOnlyList<string> Prefix(ContainerPlan plan)
    {
        if (plan.CommandPrefix.Count == 0 || plan.CommandPrefixNeeds is null || File.Exists(plan.CommandPrefixNeeds))
            return plan.CommandPrefix;
        StatusChannel.Note($"The image has no '{plan.CommandPrefixNeeds}': the host's fakeroot command cannot run in it, and is not used.");
        return [];
    }

    private static int BecomeCommand(ContainerPlan plan, string directory)
    {
        if (ActionCommand.Resolve(plan, IsProgram) is not { } command)
            return ContainerInit.Stay();
        var environment = ContainerEnvironment.Merge(plan.Environment, ImageEnvironment.Read(plan.Environment), directory);
        StatusChannel.EndPhase("entering");
        var isFirst = plan.Namespaces.Processes;
        if (!isFirst)
        {
            // The runtime of this program ignores it, and what is ignored stays so.
            Processes.Restore(Processes.BrokenPipe);
            StatusChannel.Send(InitProtocol.Entered);
        }

        return ReportFailure(
            CommandSearch.Execute([.. Prefix(plan), .. command], environment, isFirst
                ? (path, arguments, variables) => ContainerInit.Start(plan.StaysAlive, path, arguments, variables)
                : Processes.Execute),
            command[0]);
    }

    /// <summary>The error that the working directory that was asked for cannot be entered.</summary>
    public static EngineException CannotEnter(string directory, int errno) => new(ErrorIds.ContainerStartFailed,
        $"The working directory cannot be entered in the container: {new LinuxException("chdir", errno, directory).Message}");

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
}
