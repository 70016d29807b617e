using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>Calls that change what this thread sees (<c>unshare(2)</c>, <c>pivot_root(2)</c>, <c>chdir(2)</c>).</summary>
internal static partial class Namespaces
{
    private const int NewMountNamespace = 0x20000;
    private const int NewPidNamespace = 0x20000000;

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "pivot_root", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PivotRoot(string newRoot, string putOld);

    [LibraryImport("libc", EntryPoint = "chdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeDirectoryTo(string path);

    /// <summary>Gives the calling thread a mount namespace of its own; a user namespace would need a process with one thread.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void UnshareMounts()
    {
        if (Unshare(NewMountNamespace) != 0)
            throw LinuxException.Last("unshare");
    }

    /// <summary>The calling thread's next child is the first process of a new pid namespace. The thread itself can start no
    /// thread from here on (<c>pid_namespaces(7)</c>).</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void UnshareProcesses()
    {
        if (Unshare(NewPidNamespace) != 0)
            throw LinuxException.Last("unshare");
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
