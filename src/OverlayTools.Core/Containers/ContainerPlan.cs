using System.Text.Json.Serialization;

namespace OverlayTools.Containers;

/// <summary>
/// All that is done to run one container, decided beforehand: pure data, made by <see cref="ContainerPlanner"/>,
/// carried out by the program <c>overlaytools-init</c> inside the namespaces.
/// </summary>
public sealed record ContainerPlan
{
    /// <summary>Who the container's processes are.</summary>
    public required IdentityPlan Identity { get; init; }

    /// <summary>A private, empty directory that the mounts are assembled in.</summary>
    public required string SessionDirectory { get; init; }

    /// <summary>What is mounted, the root file system first.</summary>
    public required IReadOnlyList<LayerPlan> Layers { get; init; }

    /// <summary>How the layers become one tree.</summary>
    public required StackPlan Stack { get; init; }

    /// <summary>Images of which parts are shown, mounted beside the stack.</summary>
    public IReadOnlyList<LayerPlan> DataImages { get; init; } = [];

    /// <summary>What is mounted into the tree, in this order.</summary>
    public required IReadOnlyList<MountPlan> Mounts { get; init; }

    /// <summary>The most that staged files and directories may take, in bytes; null for half the memory.</summary>
    public long? StageSizeBytes { get; init; }

    /// <summary>What the container does not share with the host besides its mounts.</summary>
    public required NamespacePlan Namespaces { get; init; }

    /// <summary>Whom the container's <c>/etc/passwd</c> and <c>/etc/group</c> name, or null to leave the files alone.</summary>
    public AccountPlan? Account { get; init; }

    /// <summary>Whether even root gives up all capabilities.</summary>
    public bool NoPrivileges { get; init; }

    /// <summary>The mode bits that the command's new files lack.</summary>
    public uint FileModeMask { get; init; }

    /// <summary>Words before the command, for example <c>fakeroot</c> with its options.</summary>
    public IReadOnlyList<string> CommandPrefix { get; init; } = [];

    /// <summary>A file of the container without which <see cref="CommandPrefix"/> cannot run and is left out; null for none.</summary>
    public string? CommandPrefixNeeds { get; init; }

    /// <summary>What is run.</summary>
    public ContainerAction Action { get; init; }

    /// <summary>The shell that was asked for, a path in the container; null for the image's own.</summary>
    public string? ShellPath { get; init; }

    /// <summary>Whether the container goes on when its command has ended, until it is stopped.</summary>
    public bool StaysAlive { get; init; }

    /// <summary>Whether the command gets the caller's terminal for itself, with its keys and signals.</summary>
    public bool TakesTerminal { get; init; }

    /// <summary>The command and its arguments; for the other actions, their arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>The command's environment.</summary>
    public required EnvironmentPlan Environment { get; init; }

    /// <summary>Working directories to try, the first that exists is taken.</summary>
    public required IReadOnlyList<string> WorkingDirectories { get; init; }

    /// <summary>Whether it is an error that the only working directory does not exist.</summary>
    public bool WorkingDirectoryRequired { get; init; }

    /// <summary>What the user should know before the container starts.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>Who the container's processes are.</summary>
public enum IdentityKind
{
    /// <summary>The real root; no user namespace.</summary>
    Root,

    /// <summary>The user, mapped to the same ids in a user namespace.</summary>
    CurrentUser,

    /// <summary>Root in a user namespace in which the user's subordinate ids are mapped too.</summary>
    SubordinateIds,

    /// <summary>Root in a user namespace that knows no other id.</summary>
    RootMapped,
}

/// <summary>A run of ids: <paramref name="Inside"/> in the namespace is <paramref name="Outside"/> on the host.</summary>
/// <param name="Inside">First id inside.</param>
/// <param name="Outside">First id outside.</param>
/// <param name="Count">How many.</param>
public readonly record struct IdMapping(uint Inside, uint Outside, uint Count);

/// <summary>Who the container's processes are, and how ids are mapped.</summary>
/// <param name="Kind">Which way.</param>
/// <param name="UserId">User id inside the container.</param>
/// <param name="GroupId">Group id inside the container.</param>
/// <param name="UserMap">Mapped user ids; empty without a user namespace.</param>
/// <param name="GroupMap">Mapped group ids; empty without a user namespace.</param>
public sealed record IdentityPlan(
    IdentityKind Kind, uint UserId, uint GroupId, IReadOnlyList<IdMapping> UserMap, IReadOnlyList<IdMapping> GroupMap)
{
    /// <summary>Whether a user namespace is made.</summary>
    [JsonIgnore]
    public bool InUserNamespace => Kind != IdentityKind.Root;

    /// <summary>Whether ids other than the user's own mean something inside.</summary>
    [JsonIgnore]
    public bool MapsManyIds => Kind is IdentityKind.Root or IdentityKind.SubordinateIds;
}

/// <summary>How a layer is mounted.</summary>
public enum LayerDriver
{
    /// <summary>A directory, bound.</summary>
    Bind,

    /// <summary>A tmpfs.</summary>
    Tmpfs,

    /// <summary>Squashfs on a loop device, by the kernel.</summary>
    LoopSquashfs,

    /// <summary>ext3 on a loop device, by the kernel.</summary>
    LoopExt3,

    /// <summary>Squashfs by squashfuse.</summary>
    Squashfuse,

    /// <summary>ext3 by fuse2fs.</summary>
    Fuse2fs,
}

/// <summary>One layer.</summary>
public sealed record LayerPlan
{
    /// <summary>How it is mounted.</summary>
    public required LayerDriver Driver { get; init; }

    /// <summary>The path that the user gave it; what is mounted, for a directory.</summary>
    public required string Path { get; init; }

    /// <summary>The descriptor at which the program inherits the image; -1 for a directory or tmpfs.</summary>
    public int Descriptor { get; init; } = -1;

    /// <summary>Where the file system starts in the image, in bytes.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes in the file system.</summary>
    public long Length { get; init; }

    /// <summary>Whether nothing may change in it.</summary>
    public required bool ReadOnly { get; init; }

    /// <summary>The directory inside that joins the stack: empty for all of it, or <c>upper</c>.</summary>
    public string Content { get; init; } = string.Empty;

    /// <summary>The most that a tmpfs may take, in bytes; null for half the memory.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>The FUSE program, for the drivers that need one.</summary>
    public string? Program { get; init; }

    /// <summary>For example <c>/home/ana/overlay.img: ext3 on a loop device, writable</c>.</summary>
    public override string ToString() => ContainerPlanText.Layer(this);
}

/// <summary>How the layers become one tree.</summary>
public enum StackDriver
{
    /// <summary>Not at all: the root layer is the tree.</summary>
    None,

    /// <summary>The kernel's overlayfs.</summary>
    Kernel,

    /// <summary>fuse-overlayfs.</summary>
    Fuse,
}

/// <summary>How the layers become one tree.</summary>
public sealed record StackPlan
{
    /// <summary>Which driver is used first.</summary>
    public required StackDriver Driver { get; init; }

    /// <summary>Read-only layers, bottom to top, as indices into <see cref="ContainerPlan.Layers"/>; 0 is the root.</summary>
    public required IReadOnlyList<int> Lowers { get; init; }

    /// <summary>The layer that takes the changes; null when the tree is read-only.</summary>
    public int? Upper { get; init; }

    /// <summary>Options for the kernel, after the directories, for example <c>userxattr</c>.</summary>
    public string KernelOptions { get; init; } = string.Empty;

    /// <summary>Options for fuse-overlayfs, after the directories.</summary>
    public string FuseOptions { get; init; } = string.Empty;

    /// <summary>fuse-overlayfs, to use when the kernel refuses; null when it is not installed.</summary>
    public string? FuseProgram { get; init; }
}

/// <summary>Writes and reads plans without reflection.</summary>
[JsonSerializable(typeof(ContainerPlan))]
[JsonSourceGenerationOptions(WriteIndented = false, UseStringEnumConverter = true)]
internal sealed partial class ContainerPlanJson : JsonSerializerContext;
