using System.Runtime.InteropServices;
using System.Text;

namespace OverlayTools.Native;

/// <summary>Calls that change what this thread sees (<c>unshare(2)</c>, <c>pivot_root(2)</c>, <c>chdir(2)</c>).</summary>
internal static partial class Namespaces
{
    /// <summary>Mounts.</summary>
    public const int Mounts = 0x20000;

    /// <summary>Host name.</summary>
    public const int HostNames = 0x04000000;

    /// <summary>Shared memory, semaphores, message queues.</summary>
    public const int Ipc = 0x08000000;

    /// <summary>Network devices.</summary>
    public const int Networks = 0x40000000;

    private const int Processes = 0x20000000;

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "sethostname", SetLastError = true)]
    private static partial int SetHostName(ReadOnlySpan<byte> name, nuint length);

    [LibraryImport("libc", EntryPoint = "pivot_root", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PivotRoot(string newRoot, string putOld);

    [LibraryImport("libc", EntryPoint = "chdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeDirectoryTo(string path);

    /// <summary>Gives the calling thread namespaces of its own; a user namespace would need a process with one thread.</summary>
    /// <param name="kinds">Which, combined.</param>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Leave(int kinds)
    {
        if (Unshare(kinds) != 0)
            throw LinuxException.Last("unshare");
    }

    /// <summary>The calling thread's next child is the first process of a new pid namespace. The thread itself can start no
    /// thread from here on (<c>pid_namespaces(7)</c>).</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void UnshareProcesses() => Leave(Processes);

    /// <summary>Sets the host name of this namespace.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void NameHost(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        if (SetHostName(bytes, (nuint)bytes.Length) != 0)
            throw LinuxException.Last("sethostname", name);
    }

    /// <summary>Makes the directory, which must be a mount, the root, and drops the old root.</summary>
    /// <remarks>Both arguments may be the same directory: the old root is then stacked on the new one and detached
    /// (<c>pivot_root(2)</c>, notes).</remarks>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void EnterRoot(string directory)
    {
        ChangeDirectory(directory);
        if (PivotRoot(".", ".") != 0)
            throw LinuxException.Last("pivot_root", directory);
        var errno = Unmount.Detach(".");
        if (errno != 0)
            throw new LinuxException("umount2", errno, directory);
        ChangeDirectory("/");
    }

    /// <summary>Changes the working directory.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void ChangeDirectory(string path)
    {
        var errno = TryChangeDirectory(path);
        if (errno != 0)
            throw new LinuxException("chdir", errno, path);
    }

    /// <summary>Changes the working directory, or returns the error number.</summary>
    public static int TryChangeDirectory(string path) =>
        ChangeDirectoryTo(path) == 0 ? 0 : Marshal.GetLastPInvokeError();
}
