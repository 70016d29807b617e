using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>A program that does what only root may do otherwise, and the Debian package that brings it.</summary>
/// <param name="Names">File names, the preferred first.</param>
/// <param name="Package">The Debian package.</param>
/// <param name="Purpose">What it is needed for, as in <c>is needed to …</c>.</param>
public sealed record HelperProgram(IReadOnlyList<string> Names, string Package, string Purpose)
{
    /// <summary>Makes namespaces for a process of one thread; util-linux, on every machine.</summary>
    public static readonly HelperProgram Unshare = new(["unshare"], "util-linux", "make namespaces");

    /// <summary>Mounts squashfs.</summary>
    public static readonly HelperProgram Squashfuse =
        new(["squashfuse_ll", "squashfuse"], "squashfuse", "mount a squashfs image as an ordinary user");

    /// <summary>Mounts ext3.</summary>
    public static readonly HelperProgram Fuse2fs =
        new(["fuse2fs"], "fuse2fs", "mount an ext3 image as an ordinary user");

    /// <summary>Stacks layers.</summary>
    public static readonly HelperProgram FuseOverlayfs =
        new(["fuse-overlayfs"], "fuse-overlayfs", "write to this overlay as an ordinary user");

    /// <summary>Maps subordinate user ids.</summary>
    public static readonly HelperProgram NewUidMap = new(["newuidmap"], "uidmap", "map subordinate user ids");

    /// <summary>Maps subordinate group ids.</summary>
    public static readonly HelperProgram NewGidMap = new(["newgidmap"], "uidmap", "map subordinate group ids");

    /// <summary>Packs squashfs.</summary>
    public static readonly HelperProgram MakeSquashfs = new(["mksquashfs"], "squashfs-tools", "pack squashfs");

    /// <summary>Packs squashfs from a tar archive; the one or the other.</summary>
    public static readonly HelperProgram SquashfsFromTar =
        new(["sqfstar", "tar2sqfs"], "squashfs-tools", "pack an overlay as squashfs");

    private static readonly string[] s_systemDirectories =
        ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

    /// <summary>Its path, from <c>PATH</c> and the system directories; null when it is not installed.</summary>
    public string? Find()
    {
        var directories = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Where(Path.IsPathRooted)
            .Concat(s_systemDirectories)
            .ToList();
        return Names
            .SelectMany(name => directories.Select(directory => Path.Combine(directory, name)))
            .FirstOrDefault(path => File.Exists(path) && FileSystemStatus.Check(path, FileSystemStatus.Execute) == 0);
    }

    /// <summary>The error that names what is missing, and the command that installs it.</summary>
    /// <param name="missing">At least one.</param>
    public static EngineException NotFound(IReadOnlyCollection<HelperProgram> missing) =>
        new(ErrorIds.RuntimeNotFound,
            string.Join(" ", missing.Select(helper => $"'{helper.Names[0]}' is needed to {helper.Purpose}, and is not installed.")),
            $"Install with: apt-get install {string.Join(' ', missing.Select(helper => helper.Package).Distinct())}");
}
