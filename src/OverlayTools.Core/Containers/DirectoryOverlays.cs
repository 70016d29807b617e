using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;

namespace OverlayTools.Containers;

/// <summary>
/// Opens overlays that are directories. Apptainer locks none; we do, with <c>flock(2)</c> on the directory itself, which
/// it does not notice: two writers on one upper damage each other's work, and the kernel only logs it.
/// </summary>
internal static class DirectoryOverlays
{
    /// <summary>Opens one, and keeps it locked with the files of the set.</summary>
    /// <param name="argument">The directory.</param>
    /// <param name="ephemeral">Whether nothing is to be kept: the directory is only read then.</param>
    /// <param name="set">Takes the lock, and warnings.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotWritable"/>, <see cref="ErrorIds.OverlayInUse"/>.
    /// </exception>
    public static LayerSource Open(OverlayArgument argument, bool ephemeral, ImageSet set)
    {
        var (path, readOnly) = (argument.Path, argument.ReadOnly || ephemeral);
        if (Native.Open.TryFile(path, Native.Open.ReadOnly | Native.Open.Directory, 0, out var errno) is not { } directory)
            throw new LinuxException("open", errno, path);
        var open = set.Add(directory, path);
        if (!readOnly)
            UpperFileSystem.Require(FileSystemKind.Of(directory), path);
        Lock(open, exclusive: !readOnly, set);

        var upper = Path.Combine(path, "upper");
        var hasUpper = Directory.Exists(upper);
        var status = hasUpper && !readOnly ? Statx.Of(directory, "upper"u8, upper) : default(Statx.Status?);
        if (!readOnly && !hasUpper && FileSystemStatus.Check(path, FileSystemStatus.Write) != 0)
            throw new EngineException(ErrorIds.OverlayNotWritable, $"The overlay directory '{path}' is not writable.",
                $"Open it read-only with '{path}:ro', or choose a directory of your own.", path);
        return new LayerSource
        {
            Kind = LayerKind.Directory,
            Path = path,
            HasForeignMarks = hasUpper && set.MountsAsRoot && HidesFromRoot(directory, path, readOnly, set),
            ReadOnly = readOnly,
            HasUpper = hasUpper,
            UpperOwner = status is { } known ? (known.UserId, known.GroupId) : null,
        };
    }

    // What an ordinary user replaced says so in an attribute that the kernel shows only to such users. Root sets its own
    // beside it where it writes, and has fuse-overlayfs read where it does not.
    private static bool HidesFromRoot(SafeFileHandle directory, string path, bool readOnly, ImageSet set)
    {
        using var upper = OpenUpper(directory);
        // Root's own kernel leaves nothing that it could not read.
        if (upper is null || Statx.Of(upper, path).UserId == 0 || !DirectoryMarkRewriter.HidesFromRoot(upper, set.Token))
            return false;
        if (readOnly || set.OnlyLooks)
            return readOnly && HelperProgram.FuseOverlayfs.Find() is not null;
        // Opened anew: the names of the other were read.
        using var again = OpenUpper(directory);
        if (again is not null)
            _ = DirectoryMarkRewriter.Run(again, asRoot: true, set.Token);
        return false;
    }

    private static SafeFileHandle? OpenUpper(SafeFileHandle directory) => Openat2.TryBeneath(
        directory, "upper"u8, Native.Open.ReadOnly | Native.Open.Directory | Native.Open.NoFollow, out _);

    private static void Lock(OpenImage directory, bool exclusive, ImageSet set)
    {
        if (!DirectoryLock.Acquire(directory.Handle, directory.Path, exclusive, set.NamesHolders) && exclusive)
            set.Warnings.Add($"The file system that holds '{directory.Path}' knows no locks: make sure that nobody else uses the "
                + "overlay, or it will be damaged.");
    }
}
