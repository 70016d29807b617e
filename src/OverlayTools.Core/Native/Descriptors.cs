using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary>Calls that make descriptors (<c>pipe2(2)</c>, <c>memfd_create(2)</c>) or decide who inherits them.</summary>
internal static unsafe partial class Descriptors
{
    private const nint CloseRangeCall = 436; // the same number on every architecture
    private const int CloseOnExec = 0x80000;
    private const uint MemoryCloseOnExec = 1;
    private const uint RangeCloseOnExec = 4;
    private const int DuplicateCloseOnExec = 1030;

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static partial int Pipe2(int* descriptors, int flags);

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemFdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteTo(SafeFileHandle file, byte* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Dup2(int descriptor, int target);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint CloseRange(nint number, uint first, uint last, uint flags);

    /// <summary>Two close-on-exec ends of a pipe.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static (SafeFileHandle Reader, SafeFileHandle Writer) Pipe()
    {
        var ends = stackalloc int[2];
        return Pipe2(ends, CloseOnExec) == 0
            ? (new SafeFileHandle(ends[0], true), new SafeFileHandle(ends[1], true))
            : throw LinuxException.Last("pipe2");
    }

    /// <summary>An anonymous file in memory, close-on-exec.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static SafeFileHandle Memory(string name)
    {
        var descriptor = MemFdCreate(name, MemoryCloseOnExec);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, true) : throw LinuxException.Last("memfd_create");
    }

    /// <summary>Writes a few bytes to a pipe (<c>write(2)</c>).</summary>
    /// <exception cref="LinuxException">With the error number, for example EPIPE.</exception>
    public static void Write(SafeFileHandle pipe, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            if (WriteTo(pipe, start, (nuint)bytes.Length) != bytes.Length)
                throw LinuxException.Last("write");
        }
    }

    /// <summary>A close-on-exec duplicate whose number is at least <paramref name="least"/>.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static SafeFileHandle DuplicateAbove(int descriptor, int least)
    {
        var duplicate = Fcntl(descriptor, DuplicateCloseOnExec, least);
        return duplicate >= 0 ? new SafeFileHandle(duplicate, true) : throw LinuxException.Last("fcntl");
    }

    /// <summary>Makes a descriptor lead to what another one does, for programs that are executed too.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void DuplicateTo(int descriptor, int target)
    {
        if (Dup2(descriptor, target) < 0)
            throw LinuxException.Last("dup2");
    }

    /// <summary>Closes whatever is open between two numbers, both included.</summary>
    public static void Close(int first, int last)
    {
        if (CloseRange(CloseRangeCall, (uint)first, (uint)last, 0) != 0)
            throw LinuxException.Last("close_range");
    }

    /// <summary>Whatever is open from <paramref name="first"/> on will not survive the next exec (<c>close_range(2)</c>).</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void CloseOnExecFrom(int first)
    {
        if (CloseRange(CloseRangeCall, (uint)first, uint.MaxValue, RangeCloseOnExec) != 0)
            throw LinuxException.Last("close_range");
    }
}
