using System.Runtime.InteropServices;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// The first process of a process namespace: starts the command, passes signals on to it, and takes in orphans. The
/// kernel gives a first process no signal that it has no handler for, so that the command had better not be it.
/// </summary>
internal static class FirstProcess
{
    private static readonly PosixSignal[] s_forwarded =
    [
        PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGCONT, PosixSignal.SIGWINCH,
        (PosixSignal)10, (PosixSignal)12, // SIGUSR1 and SIGUSR2
    ];

    // A terminal sends these to all processes of the group: the command has them already.
    private static readonly PosixSignal[] s_terminals = [PosixSignal.SIGINT, PosixSignal.SIGQUIT];

    /// <summary>Runs the command.</summary>
    /// <param name="command">The command and its arguments.</param>
    /// <param name="environment">Its environment.</param>
    /// <param name="exitCode">The command's exit code, or 128 + signal, when it could be started.</param>
    /// <returns>0 or the error number of the start.</returns>
    public static int Run(IReadOnlyList<string> command, IReadOnlyList<string> environment, out int exitCode)
    {
        var child = 0;
        exitCode = 0;
        var hasTerminal = !Console.IsInputRedirected;
        var registrations = s_forwarded.Concat(s_terminals)
            .Select(signal => PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                if (Volatile.Read(ref child) is var target and not 0 && !(hasTerminal && s_terminals.Contains(context.Signal)))
                    Processes.Signal(target, Number(context.Signal));
            }))
            .ToList();
        var errno = CommandSearch.Find(command, environment, (file, arguments) =>
        {
            try
            {
                Volatile.Write(ref child, Spawn.Program(file, arguments, environment, []));
                return 0;
            }
            catch (LinuxException error)
            {
                return error.ErrorNumber;
            }
        });
        if (errno != 0)
            return errno;

        while (Processes.Wait(-1, block: true) is { } ended)
        {
            if (ended.ProcessId == child)
            {
                exitCode = ended.ExitCode;
                break;
            }
        }

        registrations.ForEach(registration => registration.Dispose());
        return 0;
    }

    private static int Number(PosixSignal signal) => signal switch
    {
        PosixSignal.SIGHUP => Processes.HangUp,
        PosixSignal.SIGINT => Processes.Interrupt,
        PosixSignal.SIGQUIT => Processes.Quit,
        PosixSignal.SIGTERM => Processes.Terminate,
        PosixSignal.SIGCONT => 18,
        PosixSignal.SIGWINCH => 28,
        var raw => (int)raw,
    };
}
