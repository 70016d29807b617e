using System.Globalization;
using OverlayTools.Native;

namespace OverlayTools.Containers.Engines;

/// <summary>Says from the facts about a machine what can run containers on it: pure calculation.</summary>
public static class EngineJudgement
{
    /// <summary>All engines, our own first.</summary>
    /// <param name="facts">What was found.</param>
    public static IReadOnlyList<ContainerEngine> Judge(EngineFacts facts) =>
        [Native(facts), ForeignEngineJudgement.Apptainer(facts), ForeignEngineJudgement.Singularity(facts)];

    /// <summary>One engine that is not ours.</summary>
    internal static ContainerEngine JudgeForeign(ContainerEngineKind kind, EngineFacts facts) =>
        kind == ContainerEngineKind.Apptainer ? ForeignEngineJudgement.Apptainer(facts) : ForeignEngineJudgement.Singularity(facts);

    private static ContainerEngine Native(EngineFacts facts)
    {
        var capabilities = NativeCapabilities.Of(facts);
        var blocking = capabilities.Where(capability => capability.State == CapabilityState.Blocking).ToList();
        // Where nothing can be mounted, all that root lacks for it is part of the reason.
        if (blocking.Exists(NativeCapabilities.IsNamespace))
            blocking = [.. capabilities.Where(capability => blocking.Contains(capability)
                || (capability.State == CapabilityState.Missing && NativeCapabilities.IsNamespace(capability)))];
        var missing = capabilities.Where(capability => capability.State == CapabilityState.Missing).ToList();
        return new ContainerEngine
        {
            Engine = ContainerEngineKind.Native,
            Available = blocking.Count == 0,
            Reason = blocking.Count > 0
                ? string.Join(' ', blocking.Select(capability => capability.Detail + "."))
                : string.Join(' ', missing.Select(capability => $"It cannot {capability.Purpose}: {capability.Detail}.")),
            Version = facts.Init?.Version,
            Path = facts.Init?.Path,
            IsSetuid = false,
            LacksOnlyNamespaces = blocking.Count > 0 && blocking.TrueForAll(NativeCapabilities.IsNamespace),
            Capabilities = capabilities,
            Remedies = [.. blocking.Concat(missing).Select(capability => capability.Remedy).OfType<string>().Distinct()],
        };
    }
}

/// <summary>What our own engine needs, and whether it is there.</summary>
internal sealed class NativeCapabilities
{
    /// <summary>mount_setattr(2), the newest system call that every container needs.</summary>
    private static readonly Version s_leastKernel = new(5, 12);

    private const string MountNamespaces = "MountNamespace";
    private const string UserNamespaces = "UserNamespaces";

    private static readonly HelperProgram s_fakeroot =
        new(["fakeroot-sysv", "fakeroot"], "fakeroot", "pretend to own files with -FakeRoot and no subordinate ids");

    private static readonly HelperProgram s_e2fsck = new(["e2fsck"], "e2fsprogs", "check an ext3 image with another program");

    private readonly EngineFacts _facts;
    private readonly List<EngineCapability> _list = [];

    private NativeCapabilities(EngineFacts facts) => _facts = facts;

    /// <summary>The programs that are looked for.</summary>
    public static IReadOnlyList<HelperProgram> Programs { get; } =
    [
        HelperProgram.Unshare, HelperProgram.NewUidMap, HelperProgram.NewGidMap, HelperProgram.Squashfuse,
        HelperProgram.Fuse2fs, HelperProgram.FuseOverlayfs, s_fakeroot, HelperProgram.MakeSquashfs,
        new(["sqfstar"], "squashfs-tools", "pack squashfs from a tar archive"), s_e2fsck,
    ];

    // Root without the capability, in another container say, mounts in a user namespace, like everybody.
    private bool MountsAsRoot => _facts is { UserId: 0, CanAdminister: true };

    /// <summary>Whether a capability is the kernel's leave, which nothing that one installs gives.</summary>
    public static bool IsNamespace(EngineCapability capability) => capability.Name is MountNamespaces or UserNamespaces;

    public static IReadOnlyList<EngineCapability> Of(EngineFacts facts)
    {
        var judged = new NativeCapabilities(facts);
        judged.Kernel();
        judged.InitProgram();
        judged.Program(HelperProgram.Unshare, CapabilityState.Blocking);
        judged.Namespaces();
        judged.Ids();
        judged.Overlayfs();
        judged.Fuse();
        judged.Program(HelperProgram.MakeSquashfs, CapabilityState.Missing);
        judged.Program(Programs.Single(program => program.Names[0] == "sqfstar"), CapabilityState.NotNeeded);
        judged.Program(s_e2fsck, CapabilityState.NotNeeded);
        judged.KernelMounts();
        return judged._list;
    }

    /// <summary>The first two numbers of a kernel release; 0.0 when it has none.</summary>
    public static Version VersionOf(string release)
    {
        var numbers = release.Split('.', '-', '+');
        return numbers.Length >= 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor)
                ? new Version(major, minor)
                : new Version(0, 0);
    }

    private void Kernel()
    {
        var works = VersionOf(_facts.KernelRelease) >= s_leastKernel;
        Add("Kernel", works, CapabilityState.Blocking, "set up mounts",
            works ? string.Empty : $"Linux {_facts.KernelRelease} is too old: {s_leastKernel} or later is needed",
            works ? null : $"upgrade to Linux {s_leastKernel} or later", version: _facts.KernelRelease);
    }

    private void InitProgram() =>
        Add("Init", _facts.Init is not null, CapabilityState.Blocking, "set up the container from inside",
            _facts.Init is null ? $"the module's program '{InitProtocol.ProgramName}' is missing or does not run here" : string.Empty,
            _facts.Init is null ? "install the module again" : null, _facts.Init);

    private void Namespaces()
    {
        if (_facts.UserId == 0)
            MountNamespace();
        var trial = _facts.UserNamespace;
        var (allowed, detail, remedy) = ForbiddenBy();
        if (trial is { Works: false })
        {
            allowed = false;
            detail = detail.Length > 0 ? detail : "a user namespace cannot be used: " + Failure(trial);
        }
        else if (trial is { Works: true })
        {
            (allowed, detail, remedy) = (true, "tried", null); // whatever the settings say
        }

        Add(UserNamespaces, allowed, MountsAsRoot ? CapabilityState.Missing : CapabilityState.Blocking,
            MountsAsRoot ? "run with -UserNamespace" : "be allowed to mount", detail, remedy);
    }

    private void MountNamespace()
    {
        var works = MountsAsRoot && _facts.MountNamespace is not { Works: false };
        Add(MountNamespaces, works, MountsAsRoot ? CapabilityState.Blocking : CapabilityState.Missing,
            MountsAsRoot ? "set up mounts" : "mount with the kernel's own drivers",
            works ? string.Empty
            : !MountsAsRoot ? "root lacks the capability CAP_SYS_ADMIN here, as in another container"
            : "a mount namespace cannot be used: " + Failure(_facts.MountNamespace!),
            works ? null : "run the outer container with CAP_SYS_ADMIN");
    }

    // Which setting forbids user namespaces.
    private (bool Allowed, string Detail, string? Remedy) ForbiddenBy()
    {
        if (_facts.MaximumUserNamespaces == 0)
            return (false, "user.max_user_namespaces is 0: user namespaces are switched off", "sysctl -w user.max_user_namespaces=15000");
        if (MountsAsRoot)
            return (true, string.Empty, null);
        if (_facts.UnprivilegedUserNamespaces == 0)
            return (false, "kernel.unprivileged_userns_clone is 0: only root may make user namespaces", "sysctl -w kernel.unprivileged_userns_clone=1");
        return _facts.AppArmorRestriction is > 0
            ? (false, "kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor takes every right away in a user namespace",
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
            : (true, string.Empty, null);
    }

    private static string Failure(NamespaceTrial trial) =>
        trial.Failure ?? new LinuxException("mount", trial.TmpfsError).Message;

    private void Ids()
    {
        var has = _facts.SubordinateUserIds is not null && _facts.SubordinateGroupIds is not null;
        var lack = MountsAsRoot ? CapabilityState.NotNeeded : CapabilityState.Missing;
        Add("SubordinateIds", has, lack, "give files to several users with -FakeRoot",
            has ? string.Create(CultureInfo.InvariantCulture,
                $"{_facts.SubordinateUserIds!.Value.Count} ids from {_facts.SubordinateUserIds.Value.Start}")
            : $"'{_facts.UserName}' has no range of 65536 ids in /etc/subuid and /etc/subgid",
            has ? null : $"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {_facts.UserName}");
        foreach (var mapper in new[] { HelperProgram.NewUidMap, HelperProgram.NewGidMap })
        {
            if (_facts.Programs.GetValueOrDefault(mapper.Names[0]) is { RunsAsRoot: false } powerless)
                Add(Capitalized(mapper), works: false, lack, mapper.Purpose,
                    $"'{powerless.Path}' has no set-user-id bit", $"chmod u+s {powerless.Path}", powerless);
            else
                Program(mapper, lack);
        }

        Program(s_fakeroot, has || MountsAsRoot ? CapabilityState.NotNeeded : CapabilityState.Missing);
    }

    private void Overlayfs()
    {
        var trial = MountsAsRoot ? _facts.MountNamespace : _facts.UserNamespace;
        var known = _facts.FileSystems.Contains("overlay");
        var hasFuse = _facts.Programs.ContainsKey(HelperProgram.FuseOverlayfs.Names[0]);
        var error = trial?.OverlayError is > 0 ? trial.OverlayError : trial?.ReplaceError is > 0 ? trial.ReplaceError : null;
        var works = trial?.OverlayError is 0 ? error is null : trial?.OverlayError is null && known;
        var detail = works
            ? (trial?.OverlayError is 0 ? (MountsAsRoot ? "tried" : "tried, with userxattr") : string.Empty)
            : error is { } number ? $"the kernel's overlayfs refuses it: {new LinuxException("mount", number).Message}"
            : "the kernel knows no overlayfs";
        Add("KernelOverlayfs", works, hasFuse ? CapabilityState.Missing : CapabilityState.Blocking,
            hasFuse ? "stack layers at full speed" : "stack layers",
            detail, works || known ? null : "modprobe overlay");
        Program(HelperProgram.FuseOverlayfs, MountsAsRoot ? CapabilityState.NotNeeded : CapabilityState.Missing);
    }

    private void Fuse()
    {
        var lack = MountsAsRoot ? CapabilityState.NotNeeded : CapabilityState.Missing;
        var error = _facts.FuseError;
        Add("FuseDevice", error == 0, lack, "mount images as an ordinary user",
            error == 0 ? string.Empty
            : error is Errno.ENOENT or Errno.ENODEV or Errno.ENXIO ? "there is no /dev/fuse"
            : $"/dev/fuse cannot be opened: {new LinuxException("open", error).Message}",
            error == 0 ? null : error is Errno.ENOENT or Errno.ENODEV or Errno.ENXIO ? "modprobe fuse" : "chmod 666 /dev/fuse",
            path: "/dev/fuse");
        Program(HelperProgram.Squashfuse, lack);
        Program(HelperProgram.Fuse2fs, lack);
    }

    // Only root mounts images with the kernel's own drivers.
    private void KernelMounts()
    {
        var lack = MountsAsRoot ? CapabilityState.Missing : CapabilityState.NotNeeded;
        var none = _facts.LoopError is Errno.ENOENT or Errno.ENODEV or Errno.ENXIO;
        Add("LoopDevices", _facts.LoopError == 0, lack, "mount images as root",
            _facts.LoopError == 0 ? string.Create(CultureInfo.InvariantCulture, $"{_facts.LoopDevices} devices so far")
            : none ? "there is no /dev/loop-control"
            : $"/dev/loop-control cannot be opened: {new LinuxException("open", _facts.LoopError).Message}",
            _facts.LoopError != 0 && none ? "modprobe loop" : null, path: "/dev/loop-control");
        var ext = _facts.FileSystems.Contains("ext3") || _facts.FileSystems.Contains("ext4");
        Add("KernelSquashfs", _facts.FileSystems.Contains("squashfs"), lack, "mount a squashfs image as root",
            _facts.FileSystems.Contains("squashfs") ? string.Empty : "the kernel knows no squashfs",
            _facts.FileSystems.Contains("squashfs") ? null : "modprobe squashfs");
        Add("KernelExt3", ext, lack, "mount an ext3 image as root",
            ext ? string.Empty : "the kernel knows no ext3", ext ? null : "modprobe ext4");
    }

    private void Program(HelperProgram helper, CapabilityState lack)
    {
        var program = _facts.Programs.GetValueOrDefault(helper.Names[0]);
        Add(Capitalized(helper), program is not null, lack, helper.Purpose,
            program is null ? $"'{helper.Names[^1]}' is not installed" : string.Empty,
            program is null ? Packages.Install(_facts.Packages, helper.Package) : null, program);
    }

    private static string Capitalized(HelperProgram helper) => helper.Names[^1] switch
    {
        "unshare" => "Unshare",
        "newuidmap" => "NewUidMap",
        "newgidmap" => "NewGidMap",
        "squashfuse" => "Squashfuse",
        "fuse2fs" => "Fuse2fs",
        "fuse-overlayfs" => "FuseOverlayfs",
        "fakeroot" => "Fakeroot",
        "mksquashfs" => "MakeSquashfs",
        "sqfstar" => "SqfsTar",
        "e2fsck" => "E2fsck",
        var other => other,
    };

    private void Add(
        string name, bool works, CapabilityState lack, string purpose, string detail, string? remedy,
        ProgramFacts? program = null, string? version = null, string? path = null) =>
        _list.Add(new EngineCapability
        {
            Engine = ContainerEngineKind.Native,
            Name = name,
            State = works ? CapabilityState.Available : lack,
            Purpose = purpose,
            Detail = detail,
            Version = version ?? program?.Version,
            Path = path ?? program?.Path,
            Remedy = works ? null : remedy,
        });
}
