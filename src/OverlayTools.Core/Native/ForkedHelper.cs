namespace OverlayTools.Native;

/// <summary>
/// Starts a program that gets SIGTERM when the thread that started it ends, has a process group of its own, and may be kept from some
/// system calls. <c>posix_spawn(3)</c> knows none of the first and last; a program of ours in between would take longer to
/// start than the program itself. So a forked child does it, with system calls only, from memory that was laid out before.
/// </summary>
internal static unsafe class ForkedHelper
{
    /// <summary>Starts it; when it cannot be executed, its standard error says so, and it ends with exit code 127.</summary>
    /// <param name="path">The program file.</param>
    /// <param name="arguments">Its arguments, the first being its name.</param>
    /// <param name="environment"><c>NAME=value</c> strings.</param>
    /// <param name="descriptors">As for <see cref="Spawn.Program"/>.</param>
    /// <param name="filter">A classic BPF system call filter; empty for none. It gains no privileges then.</param>
    /// <returns>The process id.</returns>
    /// <exception cref="LinuxException">There can be no more processes.</exception>
    public static int Start(
        string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, IReadOnlyList<(int From, int To)> descriptors,
        ReadOnlySpan<FilterInstruction> filter)
    {
        using var nativePath = new NativeStringArray([path]);
        using var nativeArguments = new NativeStringArray(arguments);
        using var nativeEnvironment = new NativeStringArray(environment);
        var pairs = stackalloc int[2 * descriptors.Count];
        for (var i = 0; i < descriptors.Count; i++)
            (pairs[2 * i], pairs[(2 * i) + 1]) = descriptors[i];
        fixed (FilterInstruction* first = filter)
        fixed (byte* complaint = "The program cannot be executed.\n"u8)
        {
            var program = new FilterProgram { Length = (ushort)filter.Length, Instructions = first };
            var parent = Environment.ProcessId;
            var child = RawCalls.Fork(0);
            if (child == 0)
            {
                Become(nativePath.Pointer[0], nativeArguments.Pointer, nativeEnvironment.Pointer, pairs, descriptors.Count, &program, parent);
                _ = RawCalls.WriteTo(2, complaint, 32);
                RawCalls.Exit(127);
            }

            return child > 0 ? child : throw new LinuxException("clone", *RawCalls.ErrorNumber());
        }
    }

    // In the child: returns only when something failed.
    private static void Become(
        byte* path, byte** arguments, byte** environment, int* descriptors, int count, FilterProgram* filter, int parent)
    {
        _ = RawCalls.SetProcessGroup(0, 0);
        RawCalls.RestoreSignals();
        for (var i = 0; i < count; i++)
        {
            var (from, to) = (descriptors[2 * i], descriptors[(2 * i) + 1]);
            if ((from == to ? RawCalls.KeepOpen(from) : RawCalls.Duplicate(from, to)) < 0)
                return;
        }

        if (RawCalls.Prctl(RawCalls.SetParentDeathSignal, Processes.Terminate, 0, 0, 0) != 0 || RawCalls.ParentId() != parent)
            return; // it had ended before we asked to die with it
        if (filter->Length > 0 && (RawCalls.Prctl(RawCalls.SetNoNewPrivileges, 1, 0, 0, 0) != 0
            || RawCalls.Prctl(RawCalls.SetSeccomp, RawCalls.SeccompFilter, (nuint)filter, 0, 0) != 0))
        {
            return;
        }

        _ = RawCalls.ExecVe(path, arguments, environment);
    }
}
