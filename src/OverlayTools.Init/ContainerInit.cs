using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// The first process of a pid namespace: takes in orphans, and waits. The kernel keeps signals that it does not handle
/// away from it; the supervisor, outside, signals the others, and kills this one, and with it all that are left.
/// </summary>
internal static class ContainerInit
{
    /// <summary>Starts a program, in the place of <see cref="Processes.Execute"/>: only a failure returns.</summary>
    /// <param name="staysAlive">Whether to go on when it has ended.</param>
    /// <param name="path">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Its environment.</param>
    public static int Start(bool staysAlive, string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment)
    {
        if (staysAlive)
            Processes.Ignore(Processes.ChildEnded);
        int command;
        try
        {
            command = Spawn.Program(path, arguments, environment, []);
        }
        catch (LinuxException error)
        {
            return error.ErrorNumber;
        }

        StatusChannel.Send(InitProtocol.Entered);
        StatusChannel.Close();
        if (staysAlive)
            Thread.Sleep(Timeout.Infinite);
        Environment.Exit(WaitFor(command));
        return 0;
    }

    /// <summary>Goes on for ever, without a command.</summary>
    public static int Stay()
    {
        // Whom its parent ignores, the kernel buries.
        Processes.Ignore(Processes.ChildEnded);
        StatusChannel.Send(InitProtocol.Entered);
        StatusChannel.Close();
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    private static int WaitFor(int command)
    {
        while (Processes.Wait(-1, block: true) is { } ended)
        {
            if (ended.ProcessId == command)
                return ended.ExitCode;
        }

        return InitProtocol.FailureExitCode;
    }
}
