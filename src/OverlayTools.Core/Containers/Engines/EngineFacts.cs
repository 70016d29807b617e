namespace OverlayTools.Containers.Engines;

/// <summary>An installed program.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Version">What it says its version is; null when that was not asked, or it did not say.</param>
/// <param name="RunsAsRoot">Whether it is root's and has the set-user-id bit, or capabilities of its own.</param>
public sealed record ProgramFacts(string Path, string? Version, bool RunsAsRoot);

/// <summary>What came of doing, in fresh namespaces, what a container does.</summary>
/// <param name="Failure">What <c>unshare(1)</c> or the program in the namespaces said; null when they came about.</param>
/// <param name="TmpfsError">Error number of mounting a tmpfs, or 0.</param>
/// <param name="OverlayError">Error number of mounting an overlay with a writable upper, or 0; null when not tried.</param>
/// <param name="ReplaceError">Error number of replacing a directory in it, or 0: that takes a whiteout and an opaque
/// mark; null when not tried.</param>
public sealed record NamespaceTrial(string? Failure, int TmpfsError = 0, int? OverlayError = null, int? ReplaceError = null)
{
    /// <summary>Whether the namespaces came about and let this user mount.</summary>
    public bool Works => Failure is null && TmpfsError == 0;
}

/// <summary>An installed Apptainer or Singularity.</summary>
public sealed record ForeignEngineFacts
{
    /// <summary>Its program.</summary>
    public required string Path { get; init; }

    /// <summary>What <c>--version</c> prints, for example <c>apptainer version 1.4.5</c>; empty when it does not run.</summary>
    public required string VersionText { get; init; }

    /// <summary>Whether a starter with root's set-user-id bit is installed.</summary>
    public bool HasSetuidStarter { get; init; }

    /// <summary>Lines of its configuration, <c>name = value</c>, by name.</summary>
    public IReadOnlyDictionary<string, string> Configuration { get; init; } = new Dictionary<string, string>();
}

/// <summary>Which program installs packages.</summary>
public enum PackageTool
{
    /// <summary>Debian, Ubuntu.</summary>
    Apt,

    /// <summary>Fedora, Red Hat, Rocky, Alma.</summary>
    Dnf,

    /// <summary>SUSE.</summary>
    Zypper,
}

/// <summary>What was found on this machine, without any judgement.</summary>
public sealed record EngineFacts
{
    /// <summary>Effective user id.</summary>
    public required uint UserId { get; init; }

    /// <summary>Login name.</summary>
    public required string UserName { get; init; }

    /// <summary>Whether this process has the capability CAP_SYS_ADMIN.</summary>
    public required bool CanAdminister { get; init; }

    /// <summary>What <c>uname -r</c> prints.</summary>
    public required string KernelRelease { get; init; }

    /// <summary>What installs packages here.</summary>
    public PackageTool Packages { get; init; }

    /// <summary><c>user.max_user_namespaces</c>; null where the kernel has no such setting.</summary>
    public long? MaximumUserNamespaces { get; init; }

    /// <summary><c>kernel.unprivileged_userns_clone</c> (Debian's kernels); null elsewhere.</summary>
    public long? UnprivilegedUserNamespaces { get; init; }

    /// <summary><c>kernel.apparmor_restrict_unprivileged_userns</c> (Ubuntu's kernels); null elsewhere.</summary>
    public long? AppArmorRestriction { get; init; }

    /// <summary>What came of a user and mount namespace; null when not tried.</summary>
    public NamespaceTrial? UserNamespace { get; init; }

    /// <summary>What came of a mount namespace alone, as root; null when not tried.</summary>
    public NamespaceTrial? MountNamespace { get; init; }

    /// <summary>The user's subordinate user ids.</summary>
    public (uint Start, uint Count)? SubordinateUserIds { get; init; }

    /// <summary>The user's subordinate group ids.</summary>
    public (uint Start, uint Count)? SubordinateGroupIds { get; init; }

    /// <summary>Error number of opening <c>/dev/fuse</c>, or 0.</summary>
    public int FuseError { get; init; }

    /// <summary>Error number of opening <c>/dev/loop-control</c>, or 0.</summary>
    public int LoopError { get; init; }

    /// <summary>Loop devices that there are.</summary>
    public int LoopDevices { get; init; }

    /// <summary>File systems that the kernel knows or has a module for, for example <c>squashfs</c>.</summary>
    public IReadOnlySet<string> FileSystems { get; init; } = new HashSet<string>();

    /// <summary>Installed helper programs, by their first name.</summary>
    public IReadOnlyDictionary<string, ProgramFacts> Programs { get; init; } = new Dictionary<string, ProgramFacts>();

    /// <summary>Our own program in the namespaces; null when it is missing.</summary>
    public ProgramFacts? Init { get; init; }

    /// <summary>What is found as <c>apptainer</c>.</summary>
    public ForeignEngineFacts? Apptainer { get; init; }

    /// <summary>What is found as <c>singularity</c>; may be Apptainer under its other name.</summary>
    public ForeignEngineFacts? Singularity { get; init; }
}
