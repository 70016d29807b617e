using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// Deletions in a layer that is a directory of this machine. Everybody may make a character device 0:0 (Linux 5.8,
/// <c>vfs_mknod</c>), which the kernel and fuse-overlayfs obey. Where the kernel is older or the disk takes no devices it
/// is a file <c>.wh.NAME</c>, as fuse-overlayfs makes there, and which a container rewrites where it can
/// (<see cref="DirectoryMarkRewriter"/>).
/// </summary>
internal static class DirectoryWhiteouts
{
    private const uint NamedPermissions = 0x1C0; // 0700, as fuse-overlayfs makes them

    /// <summary>Whether a name is hidden by a device that has it, and whether by a file beside it.</summary>
    public readonly record struct Marks(bool IsDevice, bool IsFile)
    {
        /// <summary>Whether it is hidden at all.</summary>
        public bool Any => IsDevice || IsFile;
    }

    /// <summary>How a name in a directory is hidden.</summary>
    public static Marks Of(SafeFileHandle parent, ExtName name) => new(
        Status(parent, name) is { FileType: Statx.CharacterDevice, DeviceMajor: 0, DeviceMinor: 0 },
        OverlayMarks.FileFor(name) is { } mark && Status(parent, mark) is { FileType: not Statx.Directory });

    /// <summary>Hides a name. What has it is gone, or all of it is as it was.</summary>
    /// <param name="parent">The directory.</param>
    /// <param name="name">The name.</param>
    /// <param name="owner">Who shall own the mark, as far as this user may give it away.</param>
    /// <param name="describe">The path, for errors.</param>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Make(SafeFileHandle parent, ExtName name, OverlayOwner owner, string describe)
    {
        var temporary = TemporaryName.New();
        if (!TryMakeDevice(parent, temporary, owner))
        {
            MakeFile(parent, name, owner, describe);
            TreeRemover.RemoveAtOnce(parent, name, describe);
            return;
        }

        try
        {
            Place(parent, temporary, name, describe);
            // One mark is enough.
            if (OverlayMarks.FileFor(name) is { } mark)
                _ = Unlinkat.Try(parent, mark.Bytes, isDirectory: false);
        }
        catch
        {
            TreeRemover.Try(parent, temporary.Bytes);
            throw;
        }
    }

    /// <summary>Has a directory show nothing of the base's, for everybody who may mount it.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void MakeOpaque(SafeFileHandle directory, string describe)
    {
        var set = OverlayMarks.OpaqueAttributes.Count(name => ExtendedAttributes.TrySet(directory, name, OverlayMarks.Yes) == 0);
        // A disk without such attributes: the kernel takes it for no upper, and fuse-overlayfs looks for the file.
        if (set == 0)
            MakeEmpty(directory, OverlayMarks.OpaqueFile, describe);
    }

    /// <summary>Gives a complete file, under a temporary name, the name of what is there: a directory cannot take the
    /// place of a file by itself, nor a file that of a directory.</summary>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public static void Place(SafeFileHandle parent, ExtName temporary, ExtName name, string describe)
    {
        var errno = Rename.TryExchange(parent, temporary.Bytes, name.Bytes);
        if (errno == Errno.ENOENT)
            Rename.In(parent, temporary.Bytes, name.Bytes, replace: false, describe);
        else if (errno == 0)
            TreeRemover.Remove(parent, temporary.Bytes.ToArray(), CancellationToken.None, describe);
        else if (errno is Errno.EINVAL or Errno.ENOSYS)
        {
            TreeRemover.RemoveAtOnce(parent, name, describe);
            Rename.In(parent, temporary.Bytes, name.Bytes, replace: false, describe);
        }
        else
            throw new LinuxException("renameat2", errno, describe);
    }

    private static bool TryMakeDevice(SafeFileHandle parent, ExtName name, OverlayOwner owner)
    {
        try
        {
            Mknodat.Make(parent, name.Bytes, Statx.CharacterDevice | OverlayMarks.WhiteoutPermissions, 0, 0);
        }
        catch (LinuxException error) when (error.ErrorNumber is Errno.EPERM or Errno.EINVAL or Errno.EOPNOTSUPP or Errno.ENOSYS)
        {
            return false;
        }

        GiveTo(parent, name, owner);
        return true;
    }

    private static void MakeFile(SafeFileHandle parent, ExtName name, OverlayOwner owner, string describe)
    {
        var mark = OverlayMarks.FileFor(name) ?? throw new EngineException(ErrorIds.InvalidDirectoryName,
            $"'{describe}' cannot be hidden: the disk takes no devices, and with '.wh.' before it the name is too long.",
            "Use an overlay image.", describe);
        if (MakeEmpty(parent, mark, describe))
            GiveTo(parent, mark, owner);
    }

    private static bool MakeEmpty(SafeFileHandle parent, ExtName name, string describe)
    {
        using var file = Openat2.TryBeneath(parent, name.Bytes, Open.WriteOnly | Open.Create | Open.Exclusive, out var errno);
        if (file is null)
            return errno == Errno.EEXIST ? false : throw new LinuxException("openat2", errno, describe);
        Chmod.Set(file, NamedPermissions, describe);
        return true;
    }

    private static void GiveTo(SafeFileHandle parent, ExtName name, OverlayOwner owner)
    {
        using var made = Openat2.TryBeneath(parent, name.Bytes, Open.PathOnly, out _);
        if (made is not null)
            _ = Fchownat.Try(made, owner.UserId, owner.GroupId);
    }

    private static Statx.Status? Status(SafeFileHandle parent, ExtName name)
    {
        using var file = Openat2.TryBeneath(parent, name.Bytes, Open.PathOnly, out _);
        return file is null ? null : Statx.Of(file);
    }
}
