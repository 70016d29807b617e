using OverlayTools.Containers.Engines;
using OverlayTools.Native;

namespace OverlayTools.Core.Tests.Containers.Engines;

/// <summary>Machines that lack something, and what is said about them.</summary>
public sealed class EngineJudgementTests
{
    private static readonly EngineFacts s_user = new()
    {
        UserId = 1000,
        UserName = "ana",
        CanAdminister = false,
        KernelRelease = "6.1.0-18-amd64",
        MaximumUserNamespaces = 100_000,
        UserNamespace = new NamespaceTrial(null, 0, 0, 0),
        SubordinateUserIds = (100000, 65536),
        SubordinateGroupIds = (100000, 65536),
        FileSystems = new HashSet<string> { "overlay", "squashfs", "ext4" },
        Programs = NativeCapabilities.Programs.ToDictionary(
            program => program.Names[0], program => new ProgramFacts("/usr/bin/" + program.Names[0], "1.0", RunsAsRoot: true)),
        Init = new ProgramFacts("/module/overlaytools-init", "0.1.0", RunsAsRoot: false),
    };

    private static readonly EngineFacts s_root = s_user with
    {
        UserId = 0,
        UserName = "root",
        CanAdminister = true,
        MountNamespace = new NamespaceTrial(null, 0, 0, 0),
        SubordinateUserIds = null,
        SubordinateGroupIds = null,
    };

    [Fact]
    public void A_complete_machine_can_do_everything()
    {
        foreach (var facts in new[] { s_user, s_root })
        {
            var native = Native(facts);
            Assert.True(native.Available);
            Assert.Equal(string.Empty, native.Reason);
            Assert.Empty(native.Remedies);
            Assert.DoesNotContain(native.Capabilities, capability => capability.State is CapabilityState.Missing or CapabilityState.Blocking);
        }
    }

    [Theory]
    [InlineData("max", "user.max_user_namespaces", "sysctl -w user.max_user_namespaces=15000")]
    [InlineData("clone", "kernel.unprivileged_userns_clone", "sysctl -w kernel.unprivileged_userns_clone=1")]
    [InlineData("apparmor", "AppArmor", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")]
    public void Without_user_namespaces_an_ordinary_user_runs_nothing(string setting, string reason, string remedy)
    {
        var denied = new NamespaceTrial("unshare: unshare failed: Operation not permitted");
        var native = Native(setting switch
        {
            "max" => s_user with { MaximumUserNamespaces = 0, UserNamespace = denied },
            "clone" => s_user with { UnprivilegedUserNamespaces = 0, UserNamespace = denied },
            _ => s_user with { AppArmorRestriction = 1, UserNamespace = new NamespaceTrial(null, Errno.EACCES) },
        });
        Assert.False(native.Available);
        Assert.Contains(reason, native.Reason);
        Assert.Contains(remedy, native.Remedies);
        Assert.Equal(CapabilityState.Blocking, State(native, "UserNamespaces"));
    }

    [Fact]
    public void What_was_tried_wins_over_what_a_setting_says()
    {
        // A profile of AppArmor may let this very program do it.
        Assert.True(Native(s_user with { AppArmorRestriction = 1 }).Available);
        var native = Native(s_user with { UserNamespace = new NamespaceTrial("unshare failed: No space left on device") });
        Assert.False(native.Available);
        Assert.Contains("No space left", native.Reason);
    }

    [Fact]
    public void Root_without_user_namespaces_lacks_little()
    {
        var native = Native(s_root with { MaximumUserNamespaces = 0, UserNamespace = new NamespaceTrial("no") });
        Assert.True(native.Available);
        Assert.Contains("-UserNamespace", native.Reason);
        Assert.Equal(CapabilityState.Missing, State(native, "UserNamespaces"));
    }

    [Fact]
    public void Root_without_the_right_to_mount_needs_a_user_namespace()
    {
        var lacking = s_root with { CanAdminister = false, MountNamespace = null };
        var native = Native(lacking);
        Assert.True(native.Available);
        Assert.Contains("CAP_SYS_ADMIN", native.Reason);
        Assert.False(native.LacksOnlyNamespaces);

        native = Native(lacking with { UserNamespace = new NamespaceTrial("unshare failed: Operation not permitted") });
        Assert.False(native.Available);
        Assert.True(native.LacksOnlyNamespaces);
        Assert.Contains("CAP_SYS_ADMIN", native.Reason);
        Assert.Contains("Operation not permitted", native.Reason);
        Assert.Contains("run the outer container with CAP_SYS_ADMIN", native.Remedies);
        // What can be installed comes first.
        Assert.False(Native(lacking with { Init = null, UserNamespace = new NamespaceTrial("no") }).LacksOnlyNamespaces);
    }

    [Fact]
    public void Without_subordinate_ids_fake_root_is_limited()
    {
        var native = Native(s_user with { SubordinateUserIds = null });
        Assert.True(native.Available);
        Assert.Contains("/etc/subuid", native.Reason);
        Assert.Contains(native.Remedies, remedy => remedy.StartsWith("usermod --add-subuids", StringComparison.Ordinal) && remedy.EndsWith("ana", StringComparison.Ordinal));
        Assert.Equal(CapabilityState.NotNeeded, State(Native(s_root), "SubordinateIds"));
    }

    [Fact]
    public void A_mapper_without_its_bit_gets_the_command_that_sets_it()
    {
        var native = Native(With(s_user, "newuidmap", new ProgramFacts("/usr/bin/newuidmap", null, RunsAsRoot: false)));
        Assert.Contains("chmod u+s /usr/bin/newuidmap", native.Remedies);
    }

    [Theory]
    [InlineData(Errno.ENOENT, "modprobe fuse")]
    [InlineData(Errno.EACCES, "chmod 666 /dev/fuse")]
    public void Without_fuse_an_ordinary_user_mounts_no_image(int errno, string remedy)
    {
        var native = Native(s_user with { FuseError = errno });
        Assert.True(native.Available);
        Assert.Equal(CapabilityState.Missing, State(native, "FuseDevice"));
        Assert.Contains(remedy, native.Remedies);
        Assert.Equal(CapabilityState.NotNeeded, State(Native(s_root with { FuseError = errno }), "FuseDevice"));
    }

    [Theory]
    [InlineData(PackageTool.Apt, "apt-get install squashfuse")]
    [InlineData(PackageTool.Dnf, "dnf install squashfuse")]
    public void A_missing_helper_is_named_with_what_installs_it(PackageTool tool, string remedy)
    {
        var native = Native(With(s_user with { Packages = tool }, "squashfuse_ll", null));
        Assert.True(native.Available);
        Assert.Equal("It cannot mount a squashfs image as an ordinary user: 'squashfuse' is not installed.", native.Reason);
        Assert.Equal([remedy], native.Remedies);
    }

    [Fact]
    public void An_old_kernel_runs_nothing_of_ours()
    {
        var native = Native(s_user with { KernelRelease = "4.18.0-553.el8.x86_64" });
        Assert.False(native.Available);
        Assert.Contains("4.18.0-553", native.Reason);
        Assert.Equal(CapabilityState.Blocking, State(native, "Kernel"));
    }

    [Fact]
    public void A_kernel_that_stacks_nothing_needs_fuse_overlayfs()
    {
        var refusing = s_user with { UserNamespace = new NamespaceTrial(null, 0, Errno.EPERM, 0) };
        Assert.True(Native(refusing).Available);
        Assert.Equal(CapabilityState.Missing, State(Native(refusing), "KernelOverlayfs"));
        Assert.False(Native(With(refusing, "fuse-overlayfs", null)).Available);
    }

    [Fact]
    public void Without_its_own_program_nothing_runs() => Assert.False(Native(s_user with { Init = null }).Available);

    [Fact]
    public void Apptainer_is_setuid_when_its_starter_is_and_its_configuration_lets_it()
    {
        var found = new ForeignEngineFacts { Path = "/usr/bin/apptainer", VersionText = "apptainer version 1.2.5", HasSetuidStarter = true };
        var engine = Judge(s_user with { Apptainer = found }, ContainerEngineKind.Apptainer);
        Assert.True(engine.Available);
        Assert.True(engine.IsSetuid);
        Assert.Equal("1.2.5", engine.Version);
        Assert.True(engine.RefusesSetuidExt3);

        var newer = Judge(s_user with { Apptainer = found with { VersionText = "apptainer version 1.4.5-2.el9" } }, ContainerEngineKind.Apptainer);
        Assert.False(newer.RefusesSetuidExt3);
        Assert.Equal("1.4.5-2.el9", newer.Version);

        var forbidden = found with { Configuration = ForeignEngineReader.Configuration(["# allow setuid = yes", "allow setuid = no"]) };
        Assert.False(Judge(s_user with { Apptainer = forbidden }, ContainerEngineKind.Apptainer).IsSetuid);
    }

    [Fact]
    public void Apptainer_needs_user_namespaces_or_its_setuid_starter()
    {
        var found = new ForeignEngineFacts { Path = "/usr/bin/apptainer", VersionText = "apptainer version 1.4.5" };
        var denied = s_user with { Apptainer = found, UserNamespace = new NamespaceTrial("no") };
        Assert.False(Judge(denied, ContainerEngineKind.Apptainer).Available);
        Assert.True(Judge(denied with { Apptainer = found with { HasSetuidStarter = true } }, ContainerEngineKind.Apptainer).Available);
    }

    [Fact]
    public void Singularity_that_is_Apptainer_is_not_counted_twice()
    {
        var found = new ForeignEngineFacts { Path = "/usr/bin/singularity", VersionText = "apptainer version 1.4.5" };
        var engine = Judge(s_user with { Singularity = found }, ContainerEngineKind.Singularity);
        Assert.False(engine.Available);
        Assert.Contains("another name of Apptainer", engine.Reason);
        Assert.True(Judge(s_user with { Singularity = found with { VersionText = "singularity-ce version 4.1.0-jammy" } }, ContainerEngineKind.Singularity).Available);
    }

    [Fact]
    public void What_does_not_run_is_not_available()
    {
        var found = new ForeignEngineFacts { Path = "/usr/bin/apptainer", VersionText = string.Empty };
        Assert.False(Judge(s_user with { Apptainer = found }, ContainerEngineKind.Apptainer).Available);
        Assert.Equal("It is not installed.", Judge(s_user, ContainerEngineKind.Apptainer).Reason);
    }

    [Theory]
    [InlineData("fuse-overlayfs", "fuse-overlayfs: version 1.10\nfusermount3 version: 3.14.0\n", "1.10")]
    [InlineData("squashfuse_ll", "squashfuse 0.1.104 (c) 2012 Dave Vasilevsky\n", "0.1.104")]
    [InlineData("fakeroot-sysv", "fakeroot version 1.31\n", "1.31")]
    [InlineData("mksquashfs", "mksquashfs version 4.5.1 (2022/03/17)\n", "4.5.1")]
    [InlineData("e2fsck", "e2fsck 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0\n", "1.47.0")]
    [InlineData("fuse2fs", "FUSE library version: 2.9.9\nfuse2fs 1.47.0 (5-Feb-2023)\n", "1.47.0")]
    [InlineData("x", "nothing\n", null)]
    public void A_version_is_found_in_what_a_program_says(string name, string text, string? expected) =>
        Assert.Equal(expected, ProbeProgram.VersionIn(name, text));

    [Fact]
    public void The_trial_is_understood()
    {
        Assert.True(EngineFactsReader.Understand((0, "tmpfs 0\noverlay 0\nreplace 0\n", "")).Works);
        Assert.Equal(1, EngineFactsReader.Understand((0, "tmpfs 0\noverlay 1\nreplace 0\n", "")).OverlayError);
        Assert.Equal("unshare: unshare failed: Operation not permitted",
            EngineFactsReader.Understand((1, "", "unshare: unshare failed: Operation not permitted\n")).Failure);
        Assert.False(EngineFactsReader.Understand(null).Works);
    }

    [Theory]
    [InlineData("ID=ubuntu\nID_LIKE=debian", PackageTool.Apt)]
    [InlineData("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", PackageTool.Dnf)]
    [InlineData("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"", PackageTool.Zypper)]
    public void The_distribution_decides_what_installs(string release, PackageTool expected) =>
        Assert.Equal(expected, Packages.ToolOf(release.Split('\n')));

    private static EngineFacts With(EngineFacts facts, string program, ProgramFacts? found)
    {
        var programs = facts.Programs.ToDictionary();
        programs.Remove(program);
        if (found is not null)
            programs[program] = found;
        return facts with { Programs = programs };
    }

    private static ContainerEngine Native(EngineFacts facts) => Judge(facts, ContainerEngineKind.Native);

    private static ContainerEngine Judge(EngineFacts facts, ContainerEngineKind kind) =>
        EngineJudgement.Judge(facts).Single(engine => engine.Engine == kind);

    private static CapabilityState State(ContainerEngine engine, string capability) =>
        engine.Capabilities.Single(found => found.Name == capability).State;
}
