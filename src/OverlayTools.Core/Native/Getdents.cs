using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Native;

/// <summary><c>getdents64(2)</c>: names as bytes, which .NET's own enumeration would decode and so lose.</summary>
internal static partial class Getdents
{
    private const int NameOffset = 19;

    [LibraryImport("libc", EntryPoint = "getdents64", SetLastError = true)]
    private static partial nint Read(SafeFileHandle directory, Span<byte> buffer, nint size);

    /// <summary>All names in a directory but <c>.</c> and <c>..</c>, sorted by their bytes.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static List<byte[]> Names(SafeFileHandle directory, string? describe = null)
    {
        var names = new List<byte[]>();
        var buffer = new byte[32 * 1024];
        while (true)
        {
            var count = (int)Read(directory, buffer, buffer.Length);
            if (count < 0)
                throw LinuxException.Last("getdents64", describe);
            if (count == 0)
                break;
            for (var at = 0; at < count; at += BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(at + 16)))
            {
                var name = buffer.AsSpan(at + NameOffset);
                name = name[..name.IndexOf((byte)0)];
                if (name is not ([(byte)'.'] or [(byte)'.', (byte)'.']))
                    names.Add(name.ToArray());
            }
        }

        names.Sort(static (left, right) => left.AsSpan().SequenceCompareTo(right));
        return names;
    }
}
