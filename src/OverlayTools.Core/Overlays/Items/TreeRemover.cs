using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Removes files of this machine, and directories with all that is in them, through no link.</summary>
internal static class TreeRemover
{
    private const uint OwnRights = 0x1C0; // 0700

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

    /// <summary>Takes a name away at once, and then removes what had it. If that fails it has its name again, with
    /// what could not be removed.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void RemoveAtOnce(SafeFileHandle parent, ExtName name, string? describe, Action? removed = null)
    {
        var errno = Unlinkat.Try(parent, name.Bytes, isDirectory: false);
        if (errno == 0)
            removed?.Invoke();
        if (errno is 0 or Errno.ENOENT)
            return;
        if (errno != Errno.EISDIR)
            throw new LinuxException("unlinkat", errno, describe);
        var temporary = TemporaryName.New();
        Rename.In(parent, name.Bytes, temporary.Bytes, replace: false, describe);
        try
        {
            Remove(parent, temporary.Bytes.ToArray(), CancellationToken.None, describe, removed);
        }
        catch (LinuxException)
        {
            Rename.In(parent, temporary.Bytes, name.Bytes, replace: false, describe);
            throw;
        }
    }

    /// <summary>Removes a name in a directory, and all below it.</summary>
    /// <param name="parent">The directory.</param>
    /// <param name="name">The name.</param>
    /// <param name="token">Stops the work: some files are removed then.</param>
    /// <param name="describe">The path, for errors.</param>
    /// <param name="removed">Told of each file.</param>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Remove(
        SafeFileHandle parent, byte[] name, CancellationToken token, string? describe = null, Action? removed = null)
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
                removed?.Invoke();
                continue;
            }

            pending.Push((next.Path, true));
            using var directory = OpenToEmpty(parent, next.Path, describe);
            foreach (var child in Getdents.Names(directory, describe))
            {
                errno = Unlinkat.Try(directory, child, isDirectory: false);
                if (errno == Errno.EISDIR)
                    pending.Push(([.. next.Path, (byte)'/', .. child], false));
                else if (errno is not 0 and not Errno.ENOENT)
                    throw new LinuxException("unlinkat", errno, describe);
                else
                    removed?.Invoke();
            }
        }
    }

    // A directory that its owner may not write is the owner's to remove all the same.
    private static SafeFileHandle OpenToEmpty(SafeFileHandle parent, byte[] path, string? describe)
    {
        using (var known = Openat2.Beneath(parent, path, Open.PathOnly | Open.Directory, describe))
        {
            var status = Statx.Of(known, describe);
            if (status.UserId == User.EffectiveId() && (status.Permissions & OwnRights) != OwnRights)
                Chmod.Set(known, OwnRights, describe);
        }

        return Openat2.Beneath(parent, path, Open.ReadOnly | Open.Directory, describe);
    }
}
