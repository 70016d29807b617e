using Microsoft.Win32.SafeHandles;
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

    private static readonly Lock s_gate = new();
    private static bool s_stopping;
    private static int s_command;

    public static int Run()
    {
        // The terminal's signals are for the command; our turn comes when it has ended.
        Processes.Ignore(Processes.Interrupt);
        Processes.Ignore(Processes.Quit);
        Processes.Ignore(Processes.HangUp);
        var plan = PlanFile.Read();
        var session = new Session(plan);
        var exitCode = InitProtocol.FailureExitCode;
        try
        {
            Privileges.BecomeSubreaper();
            if (plan.Identity.InUserNamespace && !WaitForMaps())
                return exitCode;

            WatchForStop();
            session.Assemble();
            exitCode = RunCommand(plan, session);
            EndStragglers(session);
        }
        catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
        {
            StatusChannel.Fail(error);
        }
        finally
        {
            session.TearDown();
        }

        StatusChannel.Send(InitProtocol.Ended, exitCode.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return exitCode;
    }

    private static bool WaitForMaps()
    {
        StatusChannel.Send(InitProtocol.NamespacesReady);
        return ReadControl() >= 0;
    }

    private static int ReadControl()
    {
        using var stream = new FileStream(
            new SafeFileHandle(InitProtocol.ControlDescriptor, ownsHandle: false), FileAccess.Read, bufferSize: 0);
        return stream.ReadByte();
    }

    // The engine never writes again: the end of the pipe means that it wants the container gone, or is gone itself.
    private static void WatchForStop() => new Thread(() =>
    {
        _ = ReadControl();
        int command;
        lock (s_gate)
        {
            s_stopping = true;
            command = s_command;
        }

        if (command == 0)
            return;
        Processes.Signal(command, Processes.Terminate);
        Thread.Sleep(GraceMilliseconds);
        Processes.Signal(command, Processes.Kill);
    })
    { IsBackground = true }.Start();

    private static int RunCommand(ContainerPlan plan, Session session)
    {
        var self = Environment.ProcessPath ?? throw new InvalidOperationException("This program has no path.");
        lock (s_gate)
        {
            if (s_stopping)
                return 128 + Processes.Terminate;
            int Start() => Spawn.Program(self, [self, InitProtocol.EnterMode], [],
                [(InitProtocol.PlanDescriptor, InitProtocol.PlanDescriptor),
                 (InitProtocol.StatusDescriptor, InitProtocol.StatusDescriptor)]);
            s_command = plan.Namespaces.Processes ? Namespaces.StartFirstProcess(Start) : Start();
        }

        StatusChannel.Send(InitProtocol.Started);
        while (Processes.Wait(-1, block: true) is { } ended)
        {
            if (ended.ProcessId == s_command)
            {
                lock (s_gate)
                    s_command = 0;
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
