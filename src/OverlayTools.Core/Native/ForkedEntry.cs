using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary>
/// Enters the namespaces of another process and becomes a program there. The kernel lets only a process with a single
/// thread into a user namespace (<c>setns(2)</c>), so a forked child does it. The runtime's other threads do not exist in the
/// child: everything that it needs is laid out before in memory that no collector moves, and it makes system calls only.
/// </summary>
internal sealed unsafe partial class ForkedEntry : IDisposable
{
    private const int AmbientCapabilities = 47;
    private const int ClearAllAmbient = 4;
    private const int NoExec = 8; // ENOEXEC

    private readonly List<IDisposable> _owned = [];
    private readonly List<(nint Path, nint Arguments)> _candidates = [];
    private readonly List<nint> _directories = [];

    /// <summary>Namespaces to enter, in this order: file and <c>CLONE_NEW*</c>.</summary>
    public List<(SafeFileHandle File, int Kind)> Namespaces { get; } = [];

    /// <summary>Whether it is a failure that none of the directories can be entered.</summary>
    public bool NeedsDirectory { get; init; }

    /// <summary>Whether the program can gain no privileges.</summary>
    public bool ForbidsNewPrivileges { get; init; }

    /// <summary>Whether the program has no capabilities.</summary>
    public bool DropsCapabilities { get; init; }

    [StructLayout(LayoutKind.Sequential)]
    private struct CapabilityHeader
    {
        public uint Version;
        public int ProcessId;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct CapabilitySets
    {
        public uint Effective0, Permitted0, Inheritable0, Effective1, Permitted1, Inheritable1;
    }

    [LibraryImport("libc", EntryPoint = "setns")]
    [SuppressGCTransition]
    private static partial int SetNamespace(int file, int kind);

    [LibraryImport("libc", EntryPoint = "chdir")]
    [SuppressGCTransition]
    private static partial int ChangeDirectory(byte* path);

    [LibraryImport("libc", EntryPoint = "capset")]
    [SuppressGCTransition]
    private static partial int CapSet(CapabilityHeader* header, CapabilitySets* sets);

    /// <summary>Adds a directory to try as the working directory; the first that can be entered is taken.</summary>
    public void AddDirectory(string path) => _directories.Add((nint)Strings([path])[0]);

    /// <summary>Adds a program to try; one without a known format is given to <c>/bin/sh</c>.</summary>
    public void AddCandidate(string path, IReadOnlyList<string> arguments)
    {
        _candidates.Add(((nint)Strings([path])[0], (nint)Strings(arguments)));
        _candidates.Add(((nint)Strings(["/bin/sh"])[0], (nint)Strings(["/bin/sh", path, .. arguments.Skip(1)])));
    }

    /// <summary>Forks, enters, and executes the first candidate that can be executed.</summary>
    /// <param name="environment">The program's environment.</param>
    /// <returns>The program's process, a child of ours. The thread that calls must live as long.</returns>
    /// <exception cref="LinuxException">With the function that failed in the child.</exception>
    public int Start(IReadOnlyList<string> environment)
    {
        var variables = Strings(environment);
        var namespaces = Numbers(Namespaces.SelectMany(space => new[] { space.File.DangerousGetHandle().ToInt32(), space.Kind }));
        var directories = Addresses(_directories);
        var candidates = Addresses(_candidates.SelectMany(candidate => new[] { candidate.Path, candidate.Arguments }));
        var (reader, writer) = Descriptors.Pipe();
        using (reader)
        {
            var pipe = writer.DangerousGetHandle().ToInt32();
            var child = RawCalls.Fork(0);
            if (child == 0)
            {
                Enter(pipe, namespaces, directories, candidates, (byte**)variables);
                RawCalls.Exit(1);
            }

            writer.Dispose();
            if (child < 0)
                throw new LinuxException("clone", *RawCalls.ErrorNumber());
            var report = ReadReport(reader);
            _ = Processes.Wait(child, block: true);
            if (report.Failure == 0)
                return report.ProcessId;
            if (report.ProcessId > 0)
                _ = Processes.Wait(report.ProcessId, block: true);
            throw new LinuxException(s_steps[report.Step], report.Failure);
        }
    }

    private static readonly string[] s_steps = ["", "setns", "clone", "prctl", "capset", "execve", "chdir"];

    public void Dispose() => _owned.ForEach(memory => memory.Dispose());

    // In the child; no allocation, no exception, no call of ours that is not inlined or equally plain.
    private void Enter(int pipe, int* namespaces, nint* directories, nint* candidates, byte** environment)
    {
        var message = stackalloc int[2];
        for (var i = 0; namespaces[i] != -1; i += 2)
        {
            if (SetNamespace(namespaces[i], namespaces[i + 1]) != 0)
                Fail(pipe, message, 1);
        }

        // Only a child is in the pid namespace; made our sibling, it is a child of who waits for it.
        var grandchild = RawCalls.Fork(RawCalls.SameParent);
        if (grandchild < 0)
            Fail(pipe, message, 2);
        if (grandchild > 0)
        {
            message[0] = 0;
            message[1] = grandchild;
            _ = RawCalls.WriteTo(pipe, message, 8);
            RawCalls.Exit(0);
        }

        RawCalls.RestoreSignals();
        if (RawCalls.Prctl(RawCalls.SetParentDeathSignal, Processes.Kill, 0, 0, 0) != 0)
            Fail(pipe, message, 3);
        var directory = 0;
        while (directories[directory] != 0 && ChangeDirectory((byte*)directories[directory]) != 0)
            directory++;
        if (NeedsDirectory && directories[directory] == 0)
            Fail(pipe, message, 6);

        if (ForbidsNewPrivileges && RawCalls.Prctl(RawCalls.SetNoNewPrivileges, 1, 0, 0, 0) != 0)
            Fail(pipe, message, 3);
        if (DropsCapabilities)
        {
            var header = new CapabilityHeader { Version = 0x20080522 };
            var none = default(CapabilitySets);
            if (RawCalls.Prctl(AmbientCapabilities, ClearAllAmbient, 0, 0, 0) != 0 || CapSet(&header, &none) != 0)
                Fail(pipe, message, 4);
        }

        var result = 2; // ENOENT
        for (var i = 0; candidates[i] != 0; i += 4)
        {
            _ = RawCalls.ExecVe((byte*)candidates[i], (byte**)candidates[i + 1], environment);
            if (*RawCalls.ErrorNumber() == NoExec)
                _ = RawCalls.ExecVe((byte*)candidates[i + 2], (byte**)candidates[i + 3], environment);
            var errno = *RawCalls.ErrorNumber();
            if (errno is not (2 or 20)) // ENOENT, ENOTDIR
                result = errno;
        }

        *RawCalls.ErrorNumber() = result;
        Fail(pipe, message, 5);
    }

    private static void Fail(int pipe, int* message, int step)
    {
        message[0] = step;
        message[1] = *RawCalls.ErrorNumber();
        _ = RawCalls.WriteTo(pipe, message, 8);
        RawCalls.Exit(1);
    }

    private static (int Step, int Failure, int ProcessId) ReadReport(SafeFileHandle reader)
    {
        var result = (Step: 0, Failure: 0, ProcessId: 0);
        using var stream = new FileStream(reader, FileAccess.Read, bufferSize: 0);
        Span<byte> message = stackalloc byte[8];
        while (stream.ReadAtLeast(message, 8, throwOnEndOfStream: false) == 8)
        {
            var words = MemoryMarshal.Cast<byte, int>(message);
            if (words[0] == 0)
                result.ProcessId = words[1];
            else
                (result.Step, result.Failure) = (words[0], words[1]);
        }

        return result.ProcessId == 0 && result.Failure == 0 ? (2, Errno.ESRCH, 0) : result;
    }

    private byte** Strings(IReadOnlyList<string> strings)
    {
        var array = new NativeStringArray(strings);
        _owned.Add(array);
        return array.Pointer;
    }

    private int* Numbers(IEnumerable<int> numbers)
    {
        var block = new NativeBlock([.. numbers.Append(-1).Append(-1).Select(number => (long)number)], sizeof(int));
        _owned.Add(block);
        return (int*)block.Address;
    }

    private nint* Addresses(IEnumerable<nint> addresses)
    {
        var block = new NativeBlock([.. addresses.Append(0).Select(address => (long)address)], sizeof(nint));
        _owned.Add(block);
        return (nint*)block.Address;
    }

    /// <summary>Numbers in memory that stays where it is.</summary>
    private sealed class NativeBlock : IDisposable
    {
        public NativeBlock(long[] values, int size)
        {
            Address = Marshal.AllocHGlobal(values.Length * size);
            for (var i = 0; i < values.Length; i++)
            {
                if (size == sizeof(int))
                    ((int*)Address)[i] = (int)values[i];
                else
                    ((nint*)Address)[i] = (nint)values[i];
            }
        }

        public nint Address { get; }

        public void Dispose() => Marshal.FreeHGlobal(Address);
    }
}
