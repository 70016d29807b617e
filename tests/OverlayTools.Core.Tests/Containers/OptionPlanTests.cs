using OverlayTools.Containers;

namespace OverlayTools.Core.Tests.Containers;

/// <summary>What each option changes in the plan; nothing is run.</summary>
public sealed class OptionPlanTests
{
    [Fact]
    public void A_contained_container_has_a_small_dev_an_empty_home_and_temporary_directories_of_its_own()
    {
        var plan = Plan(Plans.Request with { Contain = true });
        Assert.Equal(
        [
            "Staged /dev", "Tmpfs /dev/shm", "DevPts /dev/pts", "Bind /dev/tty", "Bind /dev/null", "Bind /dev/zero", "Bind /dev/random",
            "Bind /dev/urandom", "Bind /etc/localtime", "Bind /etc/hosts", "Bind /proc", "Bind /sys", "Staged /home/ada", "Staged /tmp",
            "Staged /var/tmp", "Bind /etc/resolv.conf", "Account /etc/passwd", "Account /etc/group",
        ], Shown(plan));
        Assert.Equal(["/home/ada", "/"], plan.WorkingDirectories);
        Assert.Equal("mode=0620,newinstance,ptmxmode=0666", plan.Mounts.Single(mount => mount.Kind == MountKind.DevPts).Options);
        Assert.Equal("/dev/pts/ptmx", plan.Mounts[0].Links["ptmx"]);
        var root = Plan(Plans.Request with { Contain = true }, Plans.Facts(0));
        Assert.EndsWith(",gid=5", root.Mounts.Single(mount => mount.Kind == MountKind.DevPts).Options);
        Assert.Contains("Sysfs /sys", Shown(root));
    }

    [Fact]
    public void A_contained_container_has_its_message_queues_and_terminal_where_there_are_any()
    {
        var plan = Plan(Plans.Request with { Contain = true, IpcNamespace = true }, Plans.Facts() with { Terminal = "/dev/pts/3" });
        Assert.Contains("MessageQueue /dev/mqueue", Shown(plan));
        Assert.Contains(plan.Mounts, mount => mount is { Source: "/dev/pts/3", Destination: "/dev/console", AllowDevices: true });
        Assert.True(plan.Namespaces.Ipc);
    }

    [Fact]
    public void All_of_dev_can_be_asked_for_again()
    {
        var plan = Plan(Plans.Request with { Contain = true, Binds = [new("/dev", "/dev")] });
        Assert.Equal(["Bind /dev"], Shown(plan).Where(mount => mount.Contains("/dev", StringComparison.Ordinal)));
        var one = Plan(Plans.Request with { Contain = true, Binds = [new("/dev/fuse", "/dev/fuse")] });
        Assert.True(one.Mounts.Single(mount => mount.Destination == "/dev/fuse").AllowDevices);
    }

    [Fact]
    public void What_is_kept_in_memory_can_be_kept_in_a_directory()
    {
        var plan = Plan(Plans.Request with { Contain = true, ContainDirectory = "/work/d", Scratch = ["/scratch/x"] });
        Assert.Equal(["/work/d/home>/home/ada 700", "/work/d/tmp>/tmp 1777", "/work/d/var_tmp>/var/tmp 1777", "/work/d/scratch/scratch/x>/scratch/x 750"],
            plan.Mounts.Where(mount => mount.Kind == MountKind.Bind && mount.Mode is not null)
                .Select(mount => $"{mount.Source}>{mount.Destination} {Convert.ToString((int)mount.Mode!, 8)}"));
        Assert.Contains("Staged /scratch/x", Shown(Plan(Plans.Request with { Scratch = ["/scratch/x"] })));
    }

    [Theory]
    [InlineData("proc", "/proc")]
    [InlineData("sys", "/sys")]
    [InlineData("dev", "/dev")]
    [InlineData("home", "/home/ada")]
    [InlineData("tmp", "/tmp", "/var/tmp")]
    [InlineData("cwd", "/work")]
    [InlineData("hostfs")]
    [InlineData("devpts")]
    [InlineData("bind-paths", "/etc/localtime", "/etc/hosts")]
    [InlineData("/etc/hosts", "/etc/hosts")]
    [InlineData("/etc/resolv.conf", "/etc/resolv.conf")]
    public void A_mount_can_be_left_out(string name, params string[] gone)
    {
        var all = Plan(Plans.Request);
        var plan = Plan(Plans.Request with { NoMount = [name] });
        Assert.Equal(gone, all.Mounts.Select(mount => mount.Destination).Except(plan.Mounts.Select(mount => mount.Destination)));
        Assert.Empty(plan.Warnings);
    }

    [Fact]
    public void A_mount_that_does_not_exist_is_warned_of() =>
        Assert.Contains("'etc'", Assert.Single(Plan(Plans.Request with { NoMount = ["etc"] }).Warnings));

    [Fact]
    public void Without_a_home_directory_the_variable_still_says_where_it_would_be()
    {
        var plan = Plan(Plans.Request with { NoHome = true });
        Assert.DoesNotContain(plan.Mounts, mount => mount.Destination == "/home/ada");
        Assert.Equal("/home/ada", plan.Environment.Own["HOME"]);
    }

    [Fact]
    public void Another_home_directory_is_the_homes_everywhere()
    {
        var plan = Plan(Plans.Request with { Home = new HomeArgument("/data/h", "/h"), Contain = true });
        Assert.Contains(plan.Mounts, mount => mount is { Kind: MountKind.Bind, Source: "/data/h", Destination: "/h" });
        Assert.Equal(("/h", "/h"), (plan.Environment.Own["HOME"], plan.Account!.Home));
        // A temporary directory of the container's own does not hide it.
        Assert.True(plan.Mounts.ToList().FindIndex(mount => mount.Destination == "/h") > plan.Mounts.ToList().FindIndex(mount => mount.Destination == "/tmp"));
        Assert.Contains(Plan(Plans.Request with { Home = new HomeArgument("/data/h", "/") }).Warnings, warning => warning.Contains("'/'"));
    }

    [Fact]
    public void Binds_are_made_from_the_root_outwards_and_a_second_one_at_a_place_is_dropped()
    {
        var plan = Plan(Plans.Request with
        {
            Binds = [new("/s1", "/a/b/c"), new("/s2", "/a"), new("/s3", "/a/b", ReadOnly: true), new("/s4", "/a")],
            CurrentDirectory = "/",
        });
        Assert.Equal(["/s2", "/s3", "/s1"], plan.Mounts.TakeLast(3).Select(mount => mount.Source));
        Assert.True(plan.Mounts[^2].ReadOnly);
        Assert.Contains("bound twice", Assert.Single(plan.Warnings));
        Assert.Equal("/a/b/c,/a,/a/b,/a", plan.Environment.Own["SINGULARITY_BIND"]);
    }

    [Fact]
    public void A_bind_of_what_does_not_exist_is_refused() =>
        Assert.Equal(ErrorIds.OverlayFileNotFound, Refusal(() => Plan(
            Plans.Request with { Binds = [new("/gone", "/x")] }, Plans.Facts() with { IsDirectory = path => path == "/gone" ? null : true })));

    [Fact]
    public void What_is_bound_out_of_an_image_is_mounted_beside_the_layers_and_read_only()
    {
        var request = Plans.Request with { Binds = [new("/i.sif", "/x", true, "/in", 3)] };
        var plan = ContainerPlanner.Plan(request,
            new LayerStack(Plans.Squashfs, []) { DataImages = [Plans.Squashfs with { Path = "/i.sif", File = 1 }] }, Plans.Facts(), "/tmp/session");
        Assert.Equal(("/i.sif", 11, LayerDriver.Squashfuse), (plan.DataImages[0].Path, plan.DataImages[0].Descriptor, plan.DataImages[0].Driver));
        Assert.Contains(plan.Mounts, mount => mount is { Kind: MountKind.Image, Source: "/in", Destination: "/x", Image: 0, ReadOnly: true });
    }

    [Fact]
    public void Namespaces_privileges_and_limits_are_as_asked_for()
    {
        var plan = Plan(Plans.Request with
        {
            PidNamespace = true, IpcNamespace = true, NetworkNone = true, Hostname = "box", NoPrivileges = true, WritableTmpfs = true,
            TmpfsSizeBytes = 1 << 20,
        }, Plans.Facts() with { FileModeMask = 0b111 });
        Assert.Equal(new NamespacePlan(true, true, true, "box"), plan.Namespaces);
        Assert.True(plan.NoPrivileges);
        Assert.Equal((1 << 20, 1 << 20, 0b111u), (plan.StageSizeBytes, plan.Layers[^1].SizeBytes, plan.FileModeMask));
        Assert.Contains("Proc /proc", Shown(plan));
        Assert.Contains(plan.Mounts, mount => mount is { Destination: "/etc/hostname", Text: "box\n" });
        var contained = Plan(Plans.Request with { NetworkNone = true, Contain = true });
        Assert.StartsWith("127.0.0.1 localhost\n", contained.Mounts.Single(mount => mount.Destination == "/etc/hosts").Text);
    }

    [Fact]
    public void A_working_directory_of_the_users_choice_has_to_exist()
    {
        var plan = Plan(Plans.Request with { WorkingDirectory = "/w", Contain = true });
        Assert.Equal(["/w"], plan.WorkingDirectories);
        Assert.True(plan.WorkingDirectoryRequired);
        Assert.False(Plan(Plans.Request).WorkingDirectoryRequired);
    }

    [Fact]
    public void A_clean_environment_keeps_the_terminal_and_the_way_to_the_network()
    {
        var facts = Plans.Facts() with
        {
            Environment = new Dictionary<string, string>
            {
                ["FOO"] = "1", ["TERM"] = "vt100", ["https_proxy"] = "p", ["LANG"] = "de_DE", ["APPTAINERENV_BAR"] = "2", ["PATH"] = "/h",
            },
        };
        var environment = ContainerEnvironment.Merge(Plan(Plans.Request with { CleanEnvironment = true }, facts).Environment);
        Assert.Equal(["BAR=2", "LANG=C", "TERM=vt100", "https_proxy=p"],
            environment.Where(variable => variable[0] is 'B' or 'F' or 'L' or 'T' or 'h' or 'U'));
    }

    [Fact]
    public void Variables_of_the_image_win_over_the_hosts_and_the_users_over_all()
    {
        var facts = Plans.Facts() with
        {
            Environment = new Dictionary<string, string> { ["A"] = "host", ["B"] = "host", ["C"] = "host", ["D"] = "host", ["SINGULARITYENV_D"] = "prefix" },
            ReadText = path => path == "/f1" ? "E=1\nF=1" : "F=2\nG=$F$A",
        };
        var plan = Plan(Plans.Request with
        {
            EnvironmentFiles = ["/f1", "/f2"],
            Environment = new Dictionary<string, string> { ["C"] = "user", ["E"] = "$A", ["PREPEND_PATH"] = "/p", ["APPEND_PATH"] = "/q" },
        }, facts);
        var image = new Dictionary<string, string> { ["A"] = "image", ["C"] = "image", ["D"] = "image", ["B"] = "", ["PATH"] = "/image", ["SHLVL"] = "7" };
        var merged = ContainerEnvironment.Merge(plan.Environment, image, "/cwd");
        Assert.Equal(["A=image", "C=user", "D=prefix", "E=$A", "F=2", "G=2host"], merged.Where(variable => variable[1] == '='));
        Assert.Contains("PATH=/p:/image:/q", merged);
        Assert.Contains("PWD=/cwd", merged);
        Assert.DoesNotContain(merged, variable => variable.StartsWith("SHLVL", StringComparison.Ordinal) || variable.StartsWith("PREPEND", StringComparison.Ordinal));
        // W-13: whatever the image has, or has not.
        Assert.Contains("C=user", ContainerEnvironment.Merge(plan.Environment, null));
        Assert.Contains($"PATH=/p:{ContainerEnvironment.DefaultPath}:/q", ContainerEnvironment.Merge(plan.Environment, null));
    }

    [Fact]
    public void The_fakeroot_command_is_used_where_no_other_id_is_mapped()
    {
        var command = new FakeRootCommand("/usr/bin/fakeroot-sysv", "/usr/bin/faked-sysv", "/usr/lib/libfakeroot.so", "/lib64/ld.so", "/usr/bin/getopt");
        var facts = Plans.Facts(subordinate: false) with { FindFakeRoot = () => command };
        var request = Plans.Request with { FakeRoot = true };
        var plan = Plan(request, facts);
        Assert.Equal(["/.singularity.d/libs/fakeroot", "-f", "/.singularity.d/libs/faked", "-l", "/.singularity.d/libs/libfakeroot.so"], plan.CommandPrefix);
        Assert.Equal(["/usr/bin/fakeroot-sysv", "/usr/bin/faked-sysv", "/usr/lib/libfakeroot.so", "/usr/bin/getopt"],
            plan.Mounts.TakeLast(4).Select(mount => mount.Source));
        Assert.Equal("/lib64/ld.so", plan.CommandPrefixNeeds);
        Assert.Contains($"PATH={ContainerEnvironment.DefaultPath}:/.singularity.d/libs", ContainerEnvironment.Merge(plan.Environment));

        Assert.Empty(Plan(request, Plans.Facts() with { FindFakeRoot = () => command }).CommandPrefix);
        Assert.Empty(Plan(request, facts with { FindFakeRoot = () => null }).CommandPrefix);
        Assert.Empty(Plan(request, facts with { Environment = new Dictionary<string, string> { ["FAKEROOTKEY"] = "1" } }).CommandPrefix);
        Assert.Empty(Plan(Plans.Request, facts).CommandPrefix);
    }

    [Fact]
    public void Options_that_make_no_sense_together_are_refused_before_anything_is_opened()
    {
        var home = new HomeArgument("/h", "/h");
        ContainerRequest[] conflicts =
        [
            Plans.Request with { Home = home, NoHome = true },
            Plans.Request with { Home = home, NoMount = ["home"] },
            Plans.Request with { ContainDirectory = "/d" },
            Plans.Request with { TmpfsSizeBytes = 4096 },
        ];
        Assert.All(conflicts, request => Assert.Equal(ErrorIds.OptionConflict, Refusal(() => ContainerPlanner.CheckOptions(request))));
        ContainerRequest[] invalid =
        [
            Plans.Request with { WorkingDirectory = "w" },
            Plans.Request with { Home = home with { Destination = "h" } },
            Plans.Request with { Scratch = ["s"] },
            Plans.Request with { Scratch = ["/s/../../etc"] },
            Plans.Request with { Scratch = ["/"] },
            Plans.Request with { Binds = [new("/a", "/")] },
            Plans.Request with { Hostname = "-x" },
            Plans.Request with { Hostname = "a b" },
            Plans.Request with { Hostname = new string('a', 65) },
            Plans.Request with { Environment = new Dictionary<string, string> { ["A=B"] = "1" } },
        ];
        Assert.All(invalid, request => Assert.Equal(ErrorIds.ContainerOptionInvalid, Refusal(() => ContainerPlanner.CheckOptions(request))));
        ContainerPlanner.CheckOptions(Plans.Request with
        {
            Contain = true, ContainDirectory = "/d", Scratch = ["/s"], Hostname = "a-1.example", Home = home, TmpfsSizeBytes = 4096, WorkingDirectory = "/",
        });
    }

    [Fact]
    public void A_plan_in_words_names_all_that_matters()
    {
        var text = ContainerPlanText.Describe(Plans.Of(Plans.Facts(), Plans.Squashfs, [Plans.Ext3("/o.img")], Plans.Request with
        {
            Command = ["echo", "a b"], Binds = [new("/s", "/d", ReadOnly: true)], Hostname = "box", WorkingDirectory = "/w",
        }));
        foreach (var part in new[]
        {
            "Run echo 'a b'", "user 1000, group 1000, in a user namespace", "0: /images/c.sif: squashfs by /usr/bin/squashfuse_ll, 4096 bytes from 32768, read-only",
            "1: /o.img: ext3 by /usr/bin/fuse2fs, writable, takes the changes", "/usr/bin/fuse-overlayfs", "/d: the host's /s, read-only",
            "/proc: the host's", "host name 'box'", "HOME=/home/ada", "working directory: /w",
        })
        {
            Assert.Contains(part, text);
        }
    }

    private static ContainerPlan Plan(ContainerRequest request, MachineFacts? facts = null) =>
        Plans.Of(facts ?? Plans.Facts(), Plans.Squashfs, [], request);

    private static IEnumerable<string> Shown(ContainerPlan plan) => plan.Mounts.Select(mount => $"{mount.Kind} {mount.Destination}");

    private static string Refusal(Action act) => Assert.Throws<EngineException>(act).ErrorId;
}
