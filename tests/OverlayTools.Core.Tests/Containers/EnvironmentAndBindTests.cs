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
    };

    [Fact]
    public void The_hosts_variables_are_passed_on_but_for_those_that_belong_to_the_host()
    {
        var plan = Plan();
        Assert.Contains("LANG=C.UTF-8", plan.Environment);
        Assert.Contains("HOME=/home/ada", plan.Environment);
        Assert.Contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", plan.Environment);
        Assert.Contains("APPTAINER_CONTAINER=/images/c.sif", plan.Environment);
        Assert.Contains("SINGULARITY_NAME=c.sif", plan.Environment);
        Assert.DoesNotContain(plan.Environment, variable => variable.Contains("/host", StringComparison.Ordinal)
            || variable.Contains("CACHEDIR", StringComparison.Ordinal) || variable.Contains("ENV_", StringComparison.Ordinal));
    }

    [Fact]
    public void Variables_for_the_container_win_the_newer_prefix_over_the_older_and_home_is_not_among_them() =>
        Assert.Equal(["COLOUR=new", "PATH=/mine"], Plan().EnvironmentOverrides.Order());

    [Fact]
    public void Only_one_who_is_not_root_gets_a_line_in_the_password_file()
    {
        Assert.Equal("ada:x:1000:1000:Ada L.:/home/ada:/bin/sh", Plan().PasswordLine);
        Assert.Equal("ada:x:1000:", Plan().GroupLine);
        var root = Plans.Of(Plans.Facts(), Plans.Folder, [], Plans.Request with { FakeRoot = true });
        Assert.Null(root.PasswordLine);
        Assert.Null(root.GroupLine);
    }

    [Fact]
    public void The_host_shows_where_apptainer_shows_it()
    {
        Assert.Equal(
            ["/dev", "/proc", "/sys", "/home/ada", "/tmp", "/var/tmp", "/etc/hosts", "/etc/localtime", "/etc/resolv.conf", "/work"],
            Plan().Binds.Select(bind => bind.Destination));
        Assert.Equal(["/dev"], Plan().Binds.Where(bind => bind.AllowDevices).Select(bind => bind.Destination));
        Assert.Equal(["/etc/hosts", "/etc/localtime", "/etc/resolv.conf"],
            Plan().Binds.Where(bind => !bind.IsDirectory).Select(bind => bind.Destination));
    }

    [Fact]
    public void Roots_home_is_slash_root_in_the_container()
    {
        var plan = Plans.Of(Plans.Facts(), Plans.Folder, [], Plans.Request with { FakeRoot = true });
        Assert.Contains(plan.Binds, bind => bind is { Source: "/home/ada", Destination: "/root" });
        Assert.Equal(["/work", "/root", "/"], plan.WorkingDirectories);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/etc")]
    [InlineData("/usr")]
    [InlineData("/proc/self")]
    [InlineData("/dev/shm")]
    [InlineData("/tmp")]
    public void A_working_directory_that_the_container_has_itself_is_not_bound_over(string directory)
    {
        var plan = Plans.Of(Plans.Facts(), Plans.Folder, [], Plans.Request with { CurrentDirectory = directory });
        Assert.Equal(9, plan.Binds.Count);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("/")]
    [InlineData("/gone")]
    public void A_home_that_is_none_is_not_bound(string? home)
    {
        var facts = Plans.Facts() with { Home = home, IsDirectory = path => path != "/gone" };
        Assert.DoesNotContain(Plans.Of(facts, Plans.Folder, []).Binds, bind => bind.Source == home);
    }

    private static ContainerPlan Plan() => Plans.Of(Plans.Facts() with { Environment = s_host }, Plans.Folder, []);
}
