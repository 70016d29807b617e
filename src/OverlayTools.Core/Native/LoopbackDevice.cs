using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary>The network device of a machine with itself, which a new network namespace has switched off
/// (<c>netdevice(7)</c>).</summary>
internal static partial class LoopbackDevice
{
    private const int InternetFamily = 2;
    private const int Datagrams = 2;
    private const int CloseOnExec = 0x80000;
    private const nuint SetFlags = 0x8914; // SIOCSIFFLAGS
    private const short Up = 1;
    private const short Running = 0x40;

    // struct ifreq: a name of 16 bytes, and a union of which the flags take the first two.
    private const int RequestSize = 40;
    private const int NameSize = 16;

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle socket, nuint request, Span<byte> argument);

    /// <summary>Switches it on.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void SwitchOn()
    {
        var descriptor = Socket(InternetFamily, Datagrams | CloseOnExec, 0);
        if (descriptor < 0)
            throw LinuxException.Last("socket");
        using var socket = new SafeFileHandle(descriptor, ownsHandle: true);
        Span<byte> request = stackalloc byte[RequestSize];
        request.Clear();
        "lo"u8.CopyTo(request);
        BinaryPrimitives.WriteInt16LittleEndian(request[NameSize..], Up | Running);
        if (Ioctl(socket, SetFlags, request) != 0)
            throw LinuxException.Last("ioctl", "lo");
    }
}
