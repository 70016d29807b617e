using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Removes files of this machine, and directories with all that is in them, through no link.</summary>
internal static class TreeRemover
{
    /// <summary>Removes what can be removed.</summary>
    public static void Try(SafeFileHandle parent, ReadOnlySpan<byte> name)
    {
        try
        {
            Remove(parent, name.ToArray(), CancellationToken.None);
        }
        catch (IOException)
        {
            // what made it necessary is the error that counts
        }
    }

    /// <summary>Removes a name in a directory, and all below it.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Remove(SafeFileHandle parent, byte[] name, CancellationToken token, string? describe = null)
    {
        var errno = Unlinkat.Try(parent, name, isDirectory: false);
        if (errno is 0 or Errno.ENOENT)
            return;
        if (errno != Errno.EISDIR)
            throw new LinuxException("unlinkat", errno, describe);
        var pending = new Stack<(byte[] Path, bool IsEmpty)>([(name, false)]);
        while (pending.TryPop(out var next))
        {
            token.ThrowIfCancellationRequested();
            if (next.IsEmpty)
            {
                Unlinkat.Remove(parent, next.Path, isDirectory: true, describe);
                continue;
            }

            pending.Push((next.Path, true));
            using var directory = Openat2.Beneath(parent, next.Path, Open.ReadOnly | Open.Directory, describe);
            foreach (var child in Getdents.Names(directory, describe))
            {
                errno = Unlinkat.Try(directory, child, isDirectory: false);
                if (errno == Errno.EISDIR)
                    pending.Push(([.. next.Path, (byte)'/', .. child], false));
                else if (errno is not 0 and not Errno.ENOENT)
                    throw new LinuxException("unlinkat", errno, describe);
            }
        }
    }
}
