using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary><c>mount_setattr(2)</c>, Linux 5.12: adds restrictions to a whole tree of mounts.</summary>
internal static partial class MountAttributes
{
    public const ulong ReadOnly = 1;
    public const ulong NoSetUserId = 2;
    public const ulong NoDevices = 4;

    private const nint SystemCall = 442; // the same number on every architecture
    private const int CurrentDirectory = -100;
    private const uint Recursive = 0x8000;

    [StructLayout(LayoutKind.Sequential)]
    private struct Change
    {
        public ulong Set;
        public ulong Clear;
        public ulong Propagation;
        public ulong UserNamespace;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint MountSetAttributes(
        nint number, int directory, string path, uint flags, ref Change change, nuint size);

    /// <summary>Adds attributes to the mount at the path and to all mounts below it; none is ever taken away.</summary>
    /// <returns>0 or the error number.</returns>
    public static int TryAdd(string path, ulong attributes)
    {
        var change = new Change { Set = attributes };
        var size = (nuint)Marshal.SizeOf<Change>();
        return MountSetAttributes(SystemCall, CurrentDirectory, path, Recursive, ref change, size) == 0
            ? 0
            : Marshal.GetLastPInvokeError();
    }
}
