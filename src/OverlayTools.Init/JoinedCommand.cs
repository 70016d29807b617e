using System.Globalization;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Runs a command in a container that is already there, and waits for it.</summary>
internal static class JoinedCommand
{
    private const int PollMilliseconds = 10;

    // The user namespace gives the capabilities that the others ask for; the mount namespace takes /proc away.
    private static readonly (string Name, int Kind)[] s_namespaces =
    [
        ("user", 0x10000000), ("ipc", 0x08000000), ("uts", 0x04000000), ("net", 0x40000000), ("pid", 0x20000000),
        ("mnt", 0x00020000),
    ];

    private static readonly Lock s_gate = new();
    private static int s_command;

    public static int Run()
    {
        Processes.Ignore(Processes.Interrupt);
        Processes.Ignore(Processes.Quit);
        Processes.Ignore(Processes.HangUp);
        // What the command leaves in the background must not keep the engine waiting for the end of a pipe.
        Descriptors.CloseOnExecFrom(InitProtocol.PlanDescriptor);
        var exitCode = InitProtocol.FailureExitCode;
        try
        {
            var plan = PlanFile.ReadJoin();
            using (plan.Container.TakesTerminal ? Supervisor.TakeTerminal() : null)
                exitCode = Run(plan);
        }
        catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
        {
            StatusChannel.Fail(error);
        }

        StatusChannel.Send(InitProtocol.Ended, exitCode.ToString(CultureInfo.InvariantCulture));
        return exitCode;
    }

    private static int Run(JoinPlan join)
    {
        var plan = join.Container;
        var process = string.Create(CultureInfo.InvariantCulture, $"/proc/{join.ProcessId}");
        // With these files open, what they lead to stays; only now is it certain whose they are.
        using var root = Open.TryFile($"{process}/root", Open.PathOnly | Open.Directory, 0, out var failure) ?? throw HasEnded(failure);
        using var entry = EntryOf(plan, process);
        using var scripts = EntryOf(plan, process);
        if (ProcessFacts.StartTimeOf(join.ProcessId) != join.StartTime)
            throw HasEnded(Errno.ESRCH);
        if (ActionCommand.Resolve(plan, path => IsProgram(root, path)) is not { } command)
            return 0;
        var required = plan.WorkingDirectoryRequired ? plan.WorkingDirectories[0] : null;
        var directory = required is null
            ? plan.WorkingDirectories.FirstOrDefault(path => Exists(root, path)) ?? "/"
            : TreePath.Resolve(root, required)?.Path ?? required;
        var environment = ContainerEnvironment.Merge(plan.Environment, ImageVariables(plan, root, scripts), directory);
        foreach (var path in required is null ? plan.WorkingDirectories.Append("/") : [required])
            entry.AddDirectory(path);
        _ = CommandSearch.Execute(command, environment, (path, arguments, _) =>
        {
            entry.AddCandidate(path, arguments);
            return Errno.ENOENT;
        });
        try
        {
            lock (s_gate)
                s_command = entry.Start(environment);
        }
        catch (LinuxException error) when (error.Function == "execve")
        {
            return Entrance.ReportFailure(error.ErrorNumber, command[0]);
        }
        catch (LinuxException error) when (error.Function == "chdir")
        {
            throw Entrance.CannotEnter(directory, error.ErrorNumber);
        }

        StatusChannel.Send(InitProtocol.Started, s_command.ToString(CultureInfo.InvariantCulture));
        StatusChannel.Send(InitProtocol.Entered);
        ControlPipe.Follow(End);
        var ended = Processes.Wait(s_command, block: true);
        lock (s_gate)
            s_command = 0;
        return ended?.ExitCode ?? InitProtocol.FailureExitCode;
    }

    private static ForkedEntry EntryOf(ContainerPlan plan, string process)
    {
        var entry = new ForkedEntry
        {
            NeedsDirectory = plan.WorkingDirectoryRequired,
            ForbidsNewPrivileges = plan.NoPrivileges || plan.Identity.Kind is IdentityKind.CurrentUser or IdentityKind.SubordinateIds,
            DropsCapabilities = plan.NoPrivileges || plan.Identity.Kind == IdentityKind.CurrentUser,
        };
        try
        {
            foreach (var (name, kind) in s_namespaces)
            {
                if (new FileInfo($"{process}/ns/{name}").LinkTarget == new FileInfo($"/proc/self/ns/{name}").LinkTarget)
                    continue;
                var file = Open.TryFile($"{process}/ns/{name}", Open.ReadOnly, 0, out var errno) ?? throw HasEnded(errno);
                entry.Namespaces.Add((file, kind));
            }

            return entry;
        }
        catch
        {
            entry.Dispose();
            throw;
        }
    }

    // The image's scripts run in the container, as for a container of its own.
    private static IReadOnlyDictionary<string, string>? ImageVariables(ContainerPlan plan, SafeFileHandle root, ForkedEntry entry)
    {
        if (ImageEnvironment.Command(path => Exists(root, path)) is not { } command)
            return null;
        entry.AddDirectory("/");
        entry.AddCandidate(command[0], command);
        var (reader, writer) = Descriptors.Pipe();
        using var result = reader;
        int shell;
        using (writer)
        {
            // The plan was read; its descriptor is the one that the scripts write to.
            Descriptors.DuplicateTo(writer.DangerousGetHandle().ToInt32(), ImageEnvironment.ResultDescriptor);
            shell = entry.Start(ImageEnvironment.Variables(plan.Environment));
            Descriptors.Close(ImageEnvironment.ResultDescriptor, ImageEnvironment.ResultDescriptor);
        }

        return ImageEnvironment.Parse(result, () => Processes.Wait(shell, block: true)?.ExitCode);
    }

    private static void Signal(int signal)
    {
        lock (s_gate)
        {
            if (s_command != 0)
                Processes.Signal(s_command, signal);
        }
    }

    private static void End(int signal, int graceMilliseconds)
    {
        Signal(signal);
        for (var waited = 0; waited < graceMilliseconds && s_command != 0; waited += PollMilliseconds)
            Thread.Sleep(PollMilliseconds);
        Signal(Processes.Kill);
    }

    private static bool IsProgram(SafeFileHandle root, string path)
    {
        using var file = Openat2.TryInRoot(root, path, Open.PathOnly, out _);
        if (file is null || Statx.Of(file, path).FileType != Statx.RegularFile)
            return false;
        return FileSystemStatus.Check($"/proc/self/fd/{file.DangerousGetHandle()}", FileSystemStatus.Execute) == 0;
    }

    private static bool Exists(SafeFileHandle root, string path)
    {
        using var file = Openat2.TryInRoot(root, path, Open.PathOnly, out _);
        return file is not null;
    }

    private static EngineException HasEnded(int errno) => errno is Errno.EACCES or Errno.EPERM
        ? new EngineException(ErrorIds.AccessDenied, "The instance is another user's.")
        : new EngineException(ErrorIds.InstanceNotFound, "The instance has ended.");
}
