using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>
/// What a forked child may call. The runtime's other threads do not exist in it: without a transition, nothing looks whether a
/// collection is going on, and the calls are bound when the program is linked.
/// </summary>
internal static unsafe partial class RawCalls
{
    public const int SignalOnEnd = 17; // SIGCHLD
    public const nuint SameParent = 0x8000; // CLONE_PARENT
    public const int SetParentDeathSignal = 1;
    public const int SetNoNewPrivileges = 38;
    public const int SetSeccomp = 22;
    public const int SeccompFilter = 2;

    // System calls of the architectures that the module is built for (asm/unistd_64.h, asm-generic/unistd.h).
    private static nint CloneNumber => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 56 : 220;

    [LibraryImport("libc", EntryPoint = "syscall")]
    [SuppressGCTransition]
    private static partial nint Clone(nint number, nuint flags, nint stack, nint parentId, nint childId, nint storage);

    [LibraryImport("libc", EntryPoint = "prctl")]
    [SuppressGCTransition]
    public static partial int Prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport("libc", EntryPoint = "execve")]
    [SuppressGCTransition]
    public static partial int ExecVe(byte* path, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "write")]
    [SuppressGCTransition]
    public static partial nint WriteTo(int file, void* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "dup2")]
    [SuppressGCTransition]
    public static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    [SuppressGCTransition]
    private static partial int Control(int file, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "setpgid")]
    [SuppressGCTransition]
    public static partial int SetProcessGroup(int process, int group);

    [LibraryImport("libc", EntryPoint = "getppid")]
    [SuppressGCTransition]
    public static partial int ParentId();

    [LibraryImport("libc", EntryPoint = "_exit")]
    [SuppressGCTransition]
    public static partial void Exit(int code);

    [LibraryImport("libc", EntryPoint = "__errno_location")]
    [SuppressGCTransition]
    public static partial int* ErrorNumber();

    [LibraryImport("libc", EntryPoint = "signal")]
    [SuppressGCTransition]
    private static partial nint SetSignal(int signal, nint handler);

    /// <summary>Forks.</summary>
    /// <param name="flags"><see cref="SameParent"/>, or 0.</param>
    /// <returns>The child's process id; 0 in the child.</returns>
    public static int Fork(nuint flags) => (int)Clone(CloneNumber, flags | SignalOnEnd, 0, 0, 0, 0);

    /// <summary>Keeps a file open in the program that is executed next.</summary>
    public static int KeepOpen(int file) => Control(file, 2, 0); // F_SETFD

    /// <summary>Kernel and runtime have ignored or handled signals; a program expects none of that.</summary>
    public static void RestoreSignals()
    {
        for (var signal = 1; signal < 65; signal++)
            _ = SetSignal(signal, 0);
    }
}
