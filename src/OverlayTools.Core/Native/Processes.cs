using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>Calls about processes (<c>waitpid(2)</c>, <c>kill(2)</c>, <c>setpgid(2)</c>, <c>signal(2)</c>, <c>execve(2)</c>).</summary>
internal static unsafe partial class Processes
{
    public const int Interrupt = 2;
    public const int Quit = 3;
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int HangUp = 1;
    public const int ChildEnded = 17;
    public const int TerminalStop = 20;
    public const int BrokenPipe = 13;
    public const int TerminalInput = 21;
    public const int TerminalOutput = 22;

    private const nint Ignored = 1;
    private const int DoNotBlock = 1;

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int processId, out int status, int options);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static partial int WaitId(int kind, uint id, byte* information, int options);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "setpgid", SetLastError = true)]
    private static partial int SetProcessGroup(int processId, int group);

    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    private static partial nint SetSignal(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true)]
    private static partial int ExecVe(byte* path, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    private static partial int SetSession();

    /// <summary>Leaves the session, and with it the terminal.</summary>
    public static void LeaveSession() => _ = SetSession();

    /// <summary>Waits for a child.</summary>
    /// <param name="processId">Which, or -1 for any.</param>
    /// <param name="block">Whether to wait until one ends.</param>
    /// <returns>The child and its exit status as a shell shows it (128 + signal when a signal ended it); null when
    /// there is none, or, without blocking, when none has ended.</returns>
    public static (int ProcessId, int ExitCode)? Wait(int processId, bool block)
    {
        while (true)
        {
            var child = WaitPid(processId, out var status, block ? 0 : DoNotBlock);
            if (child > 0)
                return (child, ExitCodeOf(status));
            if (child == 0)
                return null;
            var errno = Marshal.GetLastPInvokeError();
            if (errno == Errno.ECHILD)
                return null;
            if (errno != Errno.EINTR)
                throw new LinuxException("waitpid", errno);
        }
    }

    /// <summary>Whether this process has any child, running or ended, that nobody has waited for.</summary>
    public static bool HasChildren()
    {
        const int all = 0; // P_ALL
        const int look = 1 | 4 | 0x01000000; // WNOHANG, WEXITED, WNOWAIT: nothing is taken
        var information = stackalloc byte[128]; // siginfo_t
        return WaitId(all, 0, information, look) == 0 || Marshal.GetLastPInvokeError() != Errno.ECHILD;
    }

    /// <summary>Sends a signal; a process that is gone is no failure.</summary>
    public static void Signal(int processId, int signal) => _ = SendSignal(processId, signal);

    /// <summary>Ignores a signal in this process.</summary>
    public static void Ignore(int signal) => _ = SetSignal(signal, Ignored);

    /// <summary>Lets a signal do what it does to a program that does not care.</summary>
    public static void Restore(int signal) => _ = SetSignal(signal, 0);

    /// <summary>Leaves the process group, so that signals of the terminal do not reach this process.</summary>
    public static void LeaveProcessGroup() => _ = SetProcessGroup(0, 0);

    /// <summary>Replaces this process by another program.</summary>
    /// <returns>The error number; only a failed call returns.</returns>
    public static int Execute(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment)
    {
        using var nativeArguments = new NativeStringArray(arguments);
        using var nativeEnvironment = new NativeStringArray(environment);
        using var nativePath = new NativeStringArray([path]);
        _ = ExecVe(nativePath.Pointer[0], nativeArguments.Pointer, nativeEnvironment.Pointer);
        return Marshal.GetLastPInvokeError();
    }

    private static int ExitCodeOf(int status)
    {
        var signal = status & 0x7f;
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal;
    }
}
