using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// Does on a throw-away directory what a container does: mounts a tmpfs, and an overlay in which it deletes and replaces
/// a directory. Each step's error number is a line on standard output.
/// </summary>
internal static class MountTrial
{
    public static int Run(string directory, string options)
    {
        // The directory's own file system first, where uppers are usually like; an overlay refuses some (another overlay).
        var (overlay, replace) = TryOverlay(directory + "/disk", options);
        var memory = directory + "/memory";
        Directory.CreateDirectory(memory);
        var tmpfs = Mount.Try("tmpfs", memory, "tmpfs", Mount.Flags.NoSetUserId | Mount.Flags.NoDevices, "mode=0755");
        if (tmpfs == 0)
        {
            if (overlay != 0 || replace != 0)
                (overlay, replace) = TryOverlay(memory + "/tree", options);
            _ = Unmount.Try(memory);
        }

        Console.Out.Write($"{InitProtocol.TmpfsStep} {tmpfs}\n{InitProtocol.OverlayStep} {overlay}\n{InitProtocol.ReplaceStep} {replace}\n");
        return 0;
    }

    private static (int Overlay, int Replace) TryOverlay(string tree, string options)
    {
        foreach (var name in new[] { "lower/old", "upper", "work", "merged" })
            Directory.CreateDirectory($"{tree}/{name}");
        File.WriteAllBytes($"{tree}/lower/old/file", []);
        var data = $"lowerdir={tree}/lower,upperdir={tree}/upper,workdir={tree}/work" + (options.Length > 0 ? "," + options : "");
        var errno = Mount.Try("overlay", $"{tree}/merged", "overlay", Mount.Flags.NoDevices, data);
        if (errno != 0)
            return (errno, 0);
        var replaced = Replace($"{tree}/merged/old");
        _ = Unmount.Try($"{tree}/merged");
        return (0, replaced);
    }

    // Wants a whiteout for the file, and an opaque mark on the directory.
    private static int Replace(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
            Directory.CreateDirectory(directory);
            return Directory.EnumerateFileSystemEntries(directory).Any() ? Errno.EIO : 0;
        }
        catch (IOException error)
        {
            return error is LinuxException linux ? linux.ErrorNumber : Errno.EIO;
        }
        catch (UnauthorizedAccessException)
        {
            return Errno.EPERM;
        }
    }
}
