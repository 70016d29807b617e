using System.Globalization;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// The first process in the namespaces: assembles the mounts, starts the command, waits for it, ends what it left
/// running, and takes the mounts down in an order in which nothing is lost.
/// </summary>
internal static class Supervisor
{
    private const int GraceMilliseconds = 3000;
    private const int PollMilliseconds = 10;

    public static int Run()
    {
        // The terminal's signals are for the command; our turn comes when it has ended.
        Processes.Ignore(Processes.Interrupt);
        Processes.Ignore(Processes.Quit);
        Processes.Ignore(Processes.HangUp);
        var plan = PlanFile.Read();
        StatusChannel.EndPhase("supervisor");
        var session = new Session(plan);
        var exitCode = InitProtocol.FailureExitCode;
        var command = new SupervisedCommand(plan);
        try
        {
            Privileges.BecomeSubreaper();
            if (!plan.Identity.InUserNamespace)
                LeaveHostMounts();
            if (plan.Identity.InUserNamespace && !WaitForMaps())
                return exitCode;

            StatusChannel.EndPhase("id maps");
            command.FollowControl();
            // Not yet where it gets the terminal: it has to be in the process group that has it.
            if (!plan.TakesTerminal)
                command.Launch();
            session.Assemble();
            StatusChannel.EndPhase("stack");
            using (plan.TakesTerminal ? TakeTerminal() : null)
                exitCode = RunCommand(session, command);
            StatusChannel.EndPhase("command");
            EndStragglers(session);
            StatusChannel.EndPhase("stragglers");
        }
        catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
        {
            StatusChannel.Fail(error);
        }
        finally
        {
            command.Abandon();
            session.TearDown();
        }

        StatusChannel.Send(InitProtocol.Ended, exitCode.ToString(CultureInfo.InvariantCulture));
        return exitCode;
    }

    /// <summary>Makes the terminal's keys and signals the command's: it runs in our process group. Should our caller be
    /// killed, the terminal still gets back its mode, and to whom had it.</summary>
    public static IDisposable? TakeTerminal()
    {
        Processes.LeaveProcessGroup();
        Processes.Ignore(Processes.TerminalStop);
        Processes.Ignore(Processes.TerminalInput);
        Processes.Ignore(Processes.TerminalOutput);
        var before = TerminalMode.ForAnother();
        TerminalMode.GiveTo(Environment.ProcessId);
        return before;
    }

    // On the main thread, before any other that looks at files: threads that it starts come along.
    private static void LeaveHostMounts()
    {
        try
        {
            Namespaces.Leave(Namespaces.Mounts);
        }
        catch (LinuxException error)
        {
            throw new EngineException(ErrorIds.NamespaceUnavailable, $"A mount namespace could not be made: {error.Message}",
                "Root needs the capability CAP_SYS_ADMIN; inside another container it may lack it.", inner: error);
        }

        Mount.Do(null, "/", null, Mount.Flags.Slave | Mount.Flags.Recursive);
    }

    private static bool WaitForMaps()
    {
        StatusChannel.Send(InitProtocol.NamespacesReady);
        return ControlPipe.Read() == InitProtocol.Go;
    }

    private static int RunCommand(Session session, SupervisedCommand command)
    {
        if (command.Start() is not { } processId)
        {
            command.Abandon();
            return 128 + Processes.Terminate;
        }

        StatusChannel.Send(InitProtocol.Started, processId.ToString(CultureInfo.InvariantCulture));
        while (Processes.Wait(-1, block: true) is { } ended)
        {
            if (ended.ProcessId == processId)
            {
                command.HasEnded();
                return ended.ExitCode;
            }

            session.NoteEnd(ended.ProcessId, ended.ExitCode);
        }

        return InitProtocol.FailureExitCode;
    }

    // Background processes of the command are our children now. They keep the overlay busy: they are asked to end, and
    // after a while made to.
    private static void EndStragglers(Session session)
    {
        var helpers = session.HelperProcessIds.ToHashSet();
        for (var waited = 0; ; waited += PollMilliseconds)
        {
            while (Processes.Wait(-1, block: false) is { } ended)
                session.NoteEnd(ended.ProcessId, ended.ExitCode);
            // The usual case, without a look at /proc: what is looked at there has to be forgotten when it ends.
            if (!Processes.HasChildren())
                return;

            var stragglers = ChildProcesses.Of(Environment.ProcessId).Where(child => !helpers.Contains(child)).ToList();
            if (stragglers.Count == 0)
                return;
            if (waited == 0)
                stragglers.ForEach(child => Processes.Signal(child, Processes.Terminate));
            else if (waited >= GraceMilliseconds)
                stragglers.ForEach(child => Processes.Signal(child, Processes.Kill));
            Thread.Sleep(PollMilliseconds);
        }
    }
}
