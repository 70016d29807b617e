using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Opens files that shall be overlay images.</summary>
internal static class OverlayFile
{
    /// <summary>Opens a regular file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="access"><see cref="Open.ReadOnly"/> or <see cref="Open.ReadWrite"/>.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, or
    /// <see cref="ErrorIds.OverlayNotExt3"/> for a directory and whatever else is no regular file.</exception>
    /// <exception cref="LinuxException">With the error number, for example EACCES.</exception>
    public static SafeFileHandle OpenExisting(string path, int access)
    {
        // A named pipe would otherwise wait for its other end.
        var file = Open.TryFile(path, access | Open.NonBlock, 0, out var errno);
        if (file is null)
        {
            throw errno switch
            {
                Errno.ENOENT or Errno.ENOTDIR =>
                    new EngineException(ErrorIds.OverlayFileNotFound, $"'{path}' does not exist.", "Check the path.", path),
                Errno.EISDIR => NotAFile(path, isDirectory: true),
                Errno.ENXIO => NotAFile(path, isDirectory: false),
                _ => new LinuxException("open", errno, path),
            };
        }

        var type = Statx.Of(file, path).FileType;
        if (type == Statx.RegularFile)
            return file;
        file.Dispose();
        throw NotAFile(path, type == Statx.Directory);
    }

    /// <summary>The file that a path leads to through symbolic links; the path itself where it leads
    /// nowhere.</summary>
    public static string RealPath(string path) =>
        File.Exists(path) ? new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path) : path;

    /// <summary>Whether a path still leads to an open file. Between opening and locking it, another may have put a new
    /// file in its place; what is written to the old one then is lost.</summary>
    public static bool IsNamed(SafeFileHandle file, string path)
    {
        using var named = Open.TryFile(path, Open.PathOnly, 0, out _);
        if (named is null)
            return false;
        var (ours, theirs) = (Statx.Of(file, path), Statx.Of(named, path));
        return (ours.Device, ours.Inode) == (theirs.Device, theirs.Inode);
    }

    private static EngineException NotAFile(string path, bool isDirectory)
    {
        if (!isDirectory)
            return new EngineException(ErrorIds.OverlayNotExt3, $"'{path}' is not a regular file.", "Name an overlay image.", path);
        return Directory.Exists(Path.Combine(path, "upper"))
            ? new EngineException(ErrorIds.OverlayNotExt3,
                $"'{path}' is an overlay in a directory, not an image: its changes are the files in '{Path.Combine(path, "upper")}'.",
                "Look at it with Get-ChildItem; its space is that of its disk.", path)
            : new EngineException(ErrorIds.OverlayNotExt3, $"'{path}' is a directory.", "Name an overlay image.", path);
    }
}
