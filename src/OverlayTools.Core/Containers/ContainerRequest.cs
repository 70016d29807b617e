using OverlayTools.Containers.Engines;

namespace OverlayTools.Containers;

/// <summary>What a user asks for: a command in an image, on overlays.</summary>
public sealed record ContainerRequest
{
    /// <summary>A SIF image, a bare squashfs or ext3 image, or a directory with a root file system.</summary>
    public required string ImagePath { get; init; }

    /// <summary>What is run in the image.</summary>
    public ContainerAction Action { get; init; }

    /// <summary>The command and its arguments, at least one; for the other actions, their arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>What is done, as <c>APPTAINER_COMMAND</c> says it.</summary>
    public string ActionName => Action switch
    {
        ContainerAction.Run => "run",
        ContainerAction.Shell => "shell",
        ContainerAction.Start => "start",
        _ => "exec",
    };

    /// <summary>The shell of <see cref="ContainerAction.Shell"/>, a path in the container; null for its own.</summary>
    public string? ShellPath { get; init; }

    /// <summary>Overlays, bottom to top.</summary>
    public IReadOnlyList<OverlayArgument> Overlays { get; init; } = [];

    /// <summary>Write to the image itself: the overlay embedded in a SIF, or the directory.</summary>
    public bool Writable { get; init; }

    /// <summary>Let the container change anything, and forget it at the end.</summary>
    public bool WritableTmpfs { get; init; }

    /// <summary>Run on a copy of the writable overlay, and forget it at the end.</summary>
    public bool Ephemeral { get; init; }

    /// <summary>How long to wait for an image that somebody else uses; zero for not at all.</summary>
    public TimeSpan WaitForLock { get; init; }

    /// <summary>Be root in the container.</summary>
    public bool FakeRoot { get; init; }

    /// <summary>Run in a user namespace, the real root too.</summary>
    public bool UserNamespace { get; init; }

    /// <summary>Further parts of the host, or of images, that show in the container.</summary>
    public IReadOnlyList<BindArgument> Binds { get; init; } = [];

    /// <summary>What is not mounted: words of <see cref="NoMountNames"/>, or absolute paths of files that the host shares
    /// by itself.</summary>
    public IReadOnlyList<string> NoMount { get; init; } = [];

    /// <summary>Do not show the home directory.</summary>
    public bool NoHome { get; init; }

    /// <summary>Another home directory; null for the user's own.</summary>
    public HomeArgument? Home { get; init; }

    /// <summary>Show nothing of the host but what was asked for: a small <c>/dev</c>, an empty home and <c>/tmp</c>.</summary>
    public bool Contain { get; init; }

    /// <summary>Pass none of the caller's variables on.</summary>
    public bool CleanEnvironment { get; init; }

    /// <summary>Variables for the command; they win over the image's own and the host's.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Files of variables, full paths; later ones win, and <see cref="Environment"/> wins over all.</summary>
    public IReadOnlyList<string> EnvironmentFiles { get; init; } = [];

    /// <summary>Where the command starts, an absolute path in the container; null for <see cref="CurrentDirectory"/>.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>A directory of the host, full path, that holds what is otherwise in memory: the contained home and
    /// <c>/tmp</c>, and scratch directories. Apptainer's <c>--workdir</c>.</summary>
    public string? ContainDirectory { get; init; }

    /// <summary>Absolute paths in the container of empty directories for the command's temporary files.</summary>
    public IReadOnlyList<string> Scratch { get; init; } = [];

    /// <summary>The host name in the container; null for the machine's.</summary>
    public string? Hostname { get; init; }

    /// <summary>Number processes anew: the container sees none of the host's.</summary>
    public bool PidNamespace { get; init; }

    /// <summary>Shared memory, semaphores and message queues of its own.</summary>
    public bool IpcNamespace { get; init; }

    /// <summary>No network but the loopback device.</summary>
    public bool NetworkNone { get; init; }

    /// <summary>No capabilities, and no way to gain any.</summary>
    public bool NoPrivileges { get; init; }

    /// <summary>The most that the container may keep in memory, in bytes; null for the kernel's limit, half the memory.</summary>
    public long? TmpfsSizeBytes { get; init; }

    /// <summary>What shall run it.</summary>
    public ContainerEngineKind Engine { get; init; }

    /// <summary>The caller's working directory.</summary>
    public required string CurrentDirectory { get; init; }
}

/// <summary>What a layer is made of.</summary>
public enum LayerKind
{
    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A squashfs file system.</summary>
    Squashfs,

    /// <summary>An ext2/ext3 file system.</summary>
    Ext3,
}

/// <summary>Where a layer's files come from, after the image was opened.</summary>
public sealed record LayerSource
{
    /// <summary>What it is made of.</summary>
    public required LayerKind Kind { get; init; }

    /// <summary>Full path of the image file or directory.</summary>
    public required string Path { get; init; }

    /// <summary>Index into the open files that the container inherits; -1 for a directory.</summary>
    public int File { get; init; } = -1;

    /// <summary>Where the file system starts in the file, in bytes.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes in the file system.</summary>
    public long Length { get; init; }

    /// <summary>Whether nothing may change in it.</summary>
    public required bool ReadOnly { get; init; }

    /// <summary>Whether an <c>upper</c> directory inside holds the layer's files.</summary>
    public bool HasUpper { get; init; }

    /// <summary>Owner of <c>upper</c>, where it is known before mounting: of a directory the owner on the host, of an
    /// image what stands in it.</summary>
    public (uint UserId, uint GroupId)? UpperOwner { get; init; }

    /// <summary>Whether it is an image that is known to have no deleted files, and no mark that the kernel of a user
    /// namespace does not read.</summary>
    public bool HasNoWhiteouts { get; init; }

    /// <summary>Whether it has marks of deletions that the kernel does not read, and that cannot be rewritten.</summary>
    public bool HasForeignMarks { get; init; }
}

/// <summary>The opened image and overlays, bottom to top.</summary>
/// <param name="Root">The root file system.</param>
/// <param name="Overlays">Overlays, bottom to top, embedded ones first.</param>
public sealed record LayerStack(LayerSource Root, IReadOnlyList<LayerSource> Overlays)
{
    /// <summary>The images of those binds that show a part of one, in the order of the binds.</summary>
    public IReadOnlyList<LayerSource> DataImages { get; init; } = [];
}

/// <summary>What is known about the user and the machine when a plan is made.</summary>
public sealed record MachineFacts
{
    /// <summary>Effective user id.</summary>
    public required uint UserId { get; init; }

    /// <summary>Effective group id.</summary>
    public required uint GroupId { get; init; }

    /// <summary>Login name.</summary>
    public required string UserName { get; init; }

    /// <summary>Comment field of the user's entry.</summary>
    public string FullName { get; init; } = string.Empty;

    /// <summary>Home directory on the host; null when there is none.</summary>
    public string? Home { get; init; }

    /// <summary>The user's subordinate user ids, if any.</summary>
    public (uint Start, uint Count)? SubordinateUserIds { get; init; }

    /// <summary>The user's subordinate group ids, if any.</summary>
    public (uint Start, uint Count)? SubordinateGroupIds { get; init; }

    /// <summary>Finds a helper program's path; null when it is not installed.</summary>
    public required Func<HelperProgram, string?> FindHelper { get; init; }

    /// <summary>The groups that the user is in besides the first, with their names.</summary>
    public IReadOnlyList<GroupName> Groups { get; init; } = [];

    /// <summary>Whether the user may mount file systems without a user namespace (<c>CAP_SYS_ADMIN</c>).</summary>
    public bool MayMount { get; init; } = true;

    /// <summary>The mode bits that new files of the user lack.</summary>
    public uint FileModeMask { get; init; } = 0b000_010_010;

    /// <summary>The caller's terminal, a path below <c>/dev</c>; null without one.</summary>
    public string? Terminal { get; init; }

    /// <summary>Finds the command <c>fakeroot</c> and what belongs to it; null when it is not installed.</summary>
    public Func<FakeRootCommand?> FindFakeRoot { get; init; } = () => null;

    /// <summary>The caller's environment.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Reads a text file of the host.</summary>
    public Func<string, string> ReadText { get; init; } = File.ReadAllText;

    /// <summary>Whether a path exists on the host, and is a directory: null, false or true.</summary>
    public required Func<string, bool?> IsDirectory { get; init; }
}
