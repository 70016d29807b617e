using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// Rewrites the marks of fuse-overlayfs in an overlay that is a directory. There, too, it marks a replaced directory in
/// its own way, and where the disk knows no <c>RENAME_WHITEOUT</c> also a deletion. An ordinary user can make a device
/// 0:0 (Linux 5.8) and set <c>user.overlay.opaque</c>; <c>trusted.overlay.opaque</c> is root's to set. Whoever owns the
/// directory may change it meanwhile: every name is opened from its directory, and no link is followed.
/// </summary>
internal static class DirectoryMarkRewriter
{
    private const uint MarkPermissions = 0b111_000_000;
    private const int MostAttributeBytes = 16;

    /// <summary>Rewrites them.</summary>
    /// <param name="upper">The directory <c>upper</c>, open for reading.</param>
    /// <param name="asRoot">Whether the attributes of root are set as well.</param>
    /// <param name="token">Stops the work between two directories.</param>
    /// <exception cref="LinuxException">A change was refused; what was rewritten stays so.</exception>
    public static MarkRewriting Run(SafeFileHandle upper, bool asRoot, CancellationToken token = default) =>
        Visit(upper, asRoot, mayWrite: true, default, token);

    /// <summary>Whether there is a mark that root's kernel does not read.</summary>
    /// <param name="upper">The directory <c>upper</c>, open for reading.</param>
    /// <param name="token">Stops the search.</param>
    public static bool HidesFromRoot(SafeFileHandle upper, CancellationToken token = default) =>
        Visit(upper, asRoot: true, mayWrite: false, default, token).Left > 0;

    private static MarkRewriting Visit(
        SafeFileHandle directory, bool asRoot, bool mayWrite, MarkRewriting done, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        var hasOpaqueFile = false;
        var names = Getdents.Names(directory);
        foreach (var name in names)
        {
            if (Openat2.TryBeneath(directory, name, Open.ReadOnly | Open.Directory | Open.NoFollow | Open.NonBlock, out _) is { } below)
            {
                using (below)
                    done = Visit(below, asRoot, mayWrite, done, token);
            }
            else if (name.AsSpan().SequenceEqual(OverlayMarks.OpaqueFile.Bytes))
                hasOpaqueFile = IsMark(directory, name);
            else if (name.AsSpan().StartsWith(OverlayMarks.Prefix) && !name.AsSpan().StartsWith(".wh..wh."u8)
                && OverlayMarks.HiddenByName(new ExtName(name)) is { } hidden && IsMark(directory, name))
            {
                if (mayWrite)
                    RewriteWhiteout(directory, name, hidden.Bytes);
                done = mayWrite ? done with { Whiteouts = done.Whiteouts + 1 } : done with { Left = done.Left + 1 };
            }
        }

        return RewriteOpaque(directory, asRoot, mayWrite, hasOpaqueFile, done);
    }

    private static MarkRewriting RewriteOpaque(
        SafeFileHandle directory, bool asRoot, bool mayWrite, bool hasFile, MarkRewriting done)
    {
        var byUser = Says(directory, OverlayMarks.UserOpaque);
        var byRoot = Says(directory, OverlayMarks.TrustedOpaque);
        if (!hasFile && !byUser && !byRoot && !Says(directory, OverlayMarks.FuseOpaque))
            return done;
        if (!hasFile && byUser && (byRoot || !asRoot))
            return done;
        if (!mayWrite)
            return byRoot && !hasFile ? done : done with { Left = done.Left + 1 };

        if (!byUser)
            Set(directory, OverlayMarks.UserOpaque);
        if (asRoot && !byRoot)
            Set(directory, OverlayMarks.TrustedOpaque);
        foreach (var file in hasFile ? new[] { OverlayMarks.OpaqueFile, OverlayMarks.OpaqueDevice } : [])
            _ = Unlinkat.Try(directory, file.Bytes, isDirectory: false);
        return done with { Opaque = done.Opaque + 1 };
    }

    private static void RewriteWhiteout(SafeFileHandle directory, byte[] name, ReadOnlySpan<byte> hidden)
    {
        try
        {
            Mknodat.Make(directory, hidden, Statx.CharacterDevice, 0, 0);
        }
        catch (LinuxException error) when (error.ErrorNumber == Errno.EEXIST)
        {
            // What is there was put there after the mark; of a directory, what is below must not come through.
            using var beside = Openat2.TryBeneath(directory, hidden, Open.ReadOnly | Open.Directory | Open.NoFollow, out _);
            if (beside is not null)
                Set(beside, OverlayMarks.UserOpaque);
        }

        Unlinkat.Remove(directory, name, isDirectory: false);
    }

    private static bool IsMark(SafeFileHandle directory, byte[] name)
    {
        var status = Statx.Of(directory, name);
        return status.FileType == Statx.RegularFile && status.Size == 0 && status.Permissions == MarkPermissions;
    }

    private static bool Says(SafeFileHandle directory, string attribute) =>
        ExtendedAttributes.TryGet(directory, attribute, MostAttributeBytes) is [(byte)'y'];

    private static void Set(SafeFileHandle directory, string attribute)
    {
        var errno = ExtendedAttributes.TrySet(directory, attribute, OverlayMarks.Yes);
        if (errno != 0)
            throw new LinuxException("setxattr", errno, attribute);
    }
}
