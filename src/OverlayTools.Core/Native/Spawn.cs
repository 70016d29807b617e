using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>
/// <c>posix_spawn(3)</c>: starts a program without running managed code in a forked child, which a runtime with
/// several threads cannot do safely.
/// </summary>
internal static unsafe partial class Spawn
{
    // Larger than the structures of any C library that .NET runs on (glibc: 80, 336 and 128 bytes).
    private const int OpaqueSize = 1024;
    private const short SetSignalMask = 8;
    private const short SetSignalDefaults = 4;
    private const short SetProcessGroup = 2;

    [LibraryImport("libc", EntryPoint = "posix_spawn")]
    private static partial int PosixSpawn(
        out int processId, byte* path, byte* fileActions, byte* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int FileActionsInit(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int FileActionsDestroy(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int FileActionsAddDup2(byte* actions, int from, int to);

    // In glibc since 2.29, in musl since 1.1.24; needed only where a working directory is given.
    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addchdir_np")]
    private static partial int FileActionsAddChangeDirectory(byte* actions, byte* path);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int AttributesInit(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int AttributesDestroy(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int AttributesSetFlags(byte* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int AttributesSetSignalMask(byte* attributes, byte* set);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int AttributesSetSignalDefaults(byte* attributes, byte* set);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    private static partial int EmptySet(byte* set);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    private static partial int FillSet(byte* set);

    /// <summary>Starts a program with signals as a shell would leave them: none ignored, none blocked.</summary>
    /// <param name="path">The program file.</param>
    /// <param name="arguments">Its arguments, the first being its name.</param>
    /// <param name="environment"><c>NAME=value</c> strings.</param>
    /// <param name="descriptors">What the child gets at which descriptor. Sources must be close-on-exec, and none may be
    /// a number that is also a target, except of itself.</param>
    /// <param name="ownProcessGroup">Whether the child leaves our process group.</param>
    /// <param name="workingDirectory">Where the child starts; null for where we are.</param>
    /// <returns>The process id.</returns>
    /// <exception cref="LinuxException">With the error number, for example ENOENT.</exception>
    public static int Program(
        string path,
        IReadOnlyList<string> arguments,
        IReadOnlyList<string> environment,
        IReadOnlyList<(int From, int To)> descriptors,
        bool ownProcessGroup = false,
        string? workingDirectory = null)
    {
        var actions = stackalloc byte[OpaqueSize];
        var attributes = stackalloc byte[OpaqueSize];
        var signals = stackalloc byte[OpaqueSize];
        _ = FileActionsInit(actions);
        _ = AttributesInit(attributes);
        try
        {
            _ = EmptySet(signals);
            _ = AttributesSetSignalMask(attributes, signals);
            _ = FillSet(signals);
            _ = AttributesSetSignalDefaults(attributes, signals);
            var flags = SetSignalMask | SetSignalDefaults | (ownProcessGroup ? SetProcessGroup : 0);
            _ = AttributesSetFlags(attributes, (short)flags);
            foreach (var (from, to) in descriptors)
                _ = FileActionsAddDup2(actions, from, to);

            using var nativeDirectory = new NativeStringArray([workingDirectory ?? "."]);
            if (workingDirectory is not null)
                _ = FileActionsAddChangeDirectory(actions, nativeDirectory.Pointer[0]);

            using var nativePath = new NativeStringArray([path]);
            using var nativeArguments = new NativeStringArray(arguments);
            using var nativeEnvironment = new NativeStringArray(environment);
            var errno = PosixSpawn(
                out var processId, nativePath.Pointer[0], actions, attributes, nativeArguments.Pointer, nativeEnvironment.Pointer);
            return errno == 0 ? processId : throw new LinuxException("posix_spawn", errno, path);
        }
        finally
        {
            _ = FileActionsDestroy(actions);
            _ = AttributesDestroy(attributes);
        }
    }
}
