using OverlayTools.Containers;

namespace OverlayTools.Core.Tests.Containers;

public sealed class EnvironmentAndBindTests
{
    private static readonly Dictionary<string, string> s_host = new()
    {
        ["LANG"] = "C.UTF-8",
        ["PATH"] = "/host/bin",
        ["LD_LIBRARY_PATH"] = "/host/lib",
        ["HOME"] = "/elsewhere",
        ["APPTAINER_CACHEDIR"] = "/cache",
        ["SINGULARITYENV_COLOUR"] = "old",
        ["APPTAINERENV_COLOUR"] = "new",
        ["APPTAINERENV_PATH"] = "/mine",
        ["APPTAINERENV_HOME"] = "/nowhere",
        ["APPTAINERENV_"] = "nameless",
        ["BASH_FUNC_f%%"] = "() { :; }",
    };

    [Fact]
    public void The_hosts_variables_are_passed_on_but_for_those_that_belong_to_the_host()
    {
        var environment = ContainerEnvironment.Merge(Plan().Environment);
        Assert.Contains("LANG=C.UTF-8", environment);
        Assert.Contains("HOME=/home/ada", environment);
        Assert.Contains("APPTAINER_CONTAINER=/images/c.sif", environment);
        Assert.Contains("SINGULARITY_NAME=c.sif", environment);
        Assert.Contains("USER_PATH=/host/bin", environment);
        Assert.DoesNotContain(environment, variable => variable.Contains("/host/lib", StringComparison.Ordinal)
            || variable.Contains("CACHEDIR", StringComparison.Ordinal) || variable.Contains("ENV_", StringComparison.Ordinal)
            || variable.Contains("FUNC", StringComparison.Ordinal));
    }

    [Fact]
    public void Variables_for_the_container_win_the_newer_prefix_over_the_older_and_home_is_not_among_them()
    {
        var plan = Plan();
        Assert.Equal(["COLOUR=new", "PATH=/mine"], plan.Environment.Overrides.Select(pair => $"{pair.Key}={pair.Value}").Order());
        Assert.Contains(plan.Warnings, warning => warning.Contains("HOME", StringComparison.Ordinal));
    }

    [Fact]
    public void Somebody_who_is_not_root_is_put_into_the_account_files()
    {
        var account = Plan().Account!;
        Assert.Equal(("ada", 1000u, 1000u, "Ada L.", "/home/ada"),
            (account.UserName, account.UserId, account.GroupId, account.FullName, account.Home));
        Assert.Equal("root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000:Ada L.:/home/ada:/bin/sh\n",
            AccountFiles.Passwords("root:x:0:0:root:/root:/bin/sh\n", account));
        Assert.Equal("root:x:0:\nada:x:1000:ada\n", AccountFiles.Groups("root:x:0:\n", account));
        Assert.Equal("ada:y:1000:7:Ada L.:/home/ada:/bin/zsh\n", AccountFiles.Passwords("eve:y:1000:7:E:/e:/bin/zsh\n", account));
    }

    [Theory]
    [InlineData(false, false, true)] // nothing can be written: root's home is put in
    [InlineData(true, false, false)]
    [InlineData(true, true, false)] // the writable one first, a read-only one last: W-4
    public void W4_root_edits_the_account_files_where_any_overlay_is_writable(bool writable, bool readOnlyLast, bool expected)
    {
        var overlays = new List<LayerSource>();
        if (writable)
            overlays.Add(Plans.Ext3("/rw", owner: (0, 0)));
        if (readOnlyLast)
            overlays.Add(Plans.Ext3("/ro", readOnly: true));
        foreach (var facts in new[] { Plans.Facts(0), Plans.Facts() })
        {
            var plan = Plans.Of(facts, Plans.Squashfs, overlays, Plans.Request with { FakeRoot = true });
            Assert.Equal(expected, plan.Account is not null);
            Assert.Equal(expected, plan.Mounts.Any(mount => mount.Kind == MountKind.Account));
        }
    }

    [Fact]
    public void The_host_shows_where_apptainer_shows_it()
    {
        Assert.Equal(
        [
            "/dev", "/etc/localtime", "/etc/hosts", "/proc", "/sys", "/home/ada", "/tmp", "/var/tmp", "/etc/resolv.conf",
            "/etc/passwd", "/etc/group", "/work",
        ], Plan().Mounts.Select(mount => mount.Destination));
        Assert.Equal(["/dev"], Plan().Mounts.Where(mount => mount.AllowDevices).Select(mount => mount.Destination));
        Assert.All(Plan().Mounts, mount => Assert.Equal(!mount.Destination.StartsWith("/etc/", StringComparison.Ordinal), mount.IsDirectory));
    }

    [Fact]
    public void W12_a_host_without_a_file_to_share_shares_none()
    {
        var facts = Plans.Facts() with { IsDirectory = path => path.StartsWith("/etc/", StringComparison.Ordinal) ? null : true };
        Assert.DoesNotContain(Plans.Of(facts, Plans.Folder, []).Mounts,
            mount => mount.Destination is "/etc/hosts" or "/etc/localtime" or "/etc/resolv.conf");
    }

    [Fact]
    public void Roots_home_is_slash_root_in_the_container()
    {
        var plan = Plans.Of(Plans.Facts(), Plans.Folder, [], Plans.Request with { FakeRoot = true });
        Assert.Contains(plan.Mounts, mount => mount is { Source: "/home/ada", Destination: "/root" });
        Assert.Equal(["/work", "/root", "/"], plan.WorkingDirectories);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/etc")]
    [InlineData("/usr")]
    [InlineData("/proc/self")]
    [InlineData("/dev/shm")]
    public void A_working_directory_that_the_container_has_itself_is_not_bound_over(string directory)
    {
        var plan = Plans.Of(Plans.Facts(), Plans.Folder, [], Plans.Request with { CurrentDirectory = directory });
        Assert.DoesNotContain(plan.Mounts, mount => mount.SkipIfSame);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("/", null)]
    [InlineData("/gone", MountKind.Staged)]
    [InlineData("/home/ada", MountKind.Bind)]
    public void A_home_that_is_none_is_not_shown_and_one_that_does_not_exist_is_empty(string? home, MountKind? expected)
    {
        var facts = Plans.Facts() with { Home = home, IsDirectory = path => path != "/gone" };
        Assert.Equal(expected, Plans.Of(facts, Plans.Folder, []).Mounts.FirstOrDefault(mount => mount.Destination == home)?.Kind);
    }

    private static ContainerPlan Plan() => Plans.Of(Plans.Facts() with { Environment = s_host }, Plans.Folder, []);
}
