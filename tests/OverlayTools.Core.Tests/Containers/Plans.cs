using OverlayTools.Containers;

namespace OverlayTools.Core.Tests.Containers;

/// <summary>Requests, layers and machines for tests of plans.</summary>
internal static class Plans
{
    public const uint User = 1000;

    public static readonly LayerSource Squashfs =
        new() { Kind = LayerKind.Squashfs, Path = "/images/c.sif", File = 0, Offset = 32768, Length = 4096, ReadOnly = true };

    public static readonly LayerSource Folder = new() { Kind = LayerKind.Directory, Path = "/images/root", ReadOnly = true };

    public static ContainerRequest Request { get; } =
        new() { ImagePath = "/images/c.sif", Command = ["true"], CurrentDirectory = "/work" };

    /// <summary>An ext3 overlay that the user owns.</summary>
    public static LayerSource Ext3(string path, bool readOnly = false, (uint, uint)? owner = null) => new()
    {
        Kind = LayerKind.Ext3, Path = path, File = 1, Length = 1 << 26, ReadOnly = readOnly, HasUpper = true,
        UpperOwner = owner ?? (User, User),
    };

    public static LayerSource Directory(string path, bool readOnly = false) =>
        new() { Kind = LayerKind.Directory, Path = path, ReadOnly = readOnly, HasUpper = true };

    /// <summary>A machine on which everything is installed.</summary>
    public static MachineFacts Facts(uint userId = User, bool subordinate = true) => new()
    {
        UserId = userId,
        GroupId = userId,
        UserName = userId == 0 ? "root" : "ada",
        FullName = "Ada L.",
        Home = userId == 0 ? "/root" : "/home/ada",
        SubordinateUserIds = subordinate ? (100000, 65536) : null,
        SubordinateGroupIds = subordinate ? (200000, 65536) : null,
        FindHelper = helper => "/usr/bin/" + helper.Names[0],
        Environment = new Dictionary<string, string>(),
        IsDirectory = path => !path.StartsWith("/etc/", StringComparison.Ordinal) && !path.StartsWith("/dev/", StringComparison.Ordinal),
    };

    public static ContainerPlan Of(
        MachineFacts facts, LayerSource root, IReadOnlyList<LayerSource> overlays, ContainerRequest? request = null) =>
        ContainerPlanner.Plan(request ?? Request, new LayerStack(root, overlays), facts, "/tmp/session");
}
