using OverlayTools.Containers;
using OverlayTools.Containers.Engines;

namespace OverlayTools.Core.Tests.Containers.Engines;

/// <summary>A request in the words of Apptainer and Singularity.</summary>
public sealed class ForeignCommandLineTests
{
    private static readonly ContainerRequest s_request = new() { ImagePath = "/i/c.sif", Command = ["echo", "a b"], CurrentDirectory = "/i" };

    private static readonly ContainerEngine s_apptainer = new()
    {
        Engine = ContainerEngineKind.Apptainer, Available = true, Reason = "", Version = "1.4.5", Path = "/usr/bin/apptainer",
    };

    [Fact]
    public void A_bare_request() => Assert.Equal(["--quiet", "exec", "/i/c.sif", "echo", "a b"], Words(s_request));

    [Fact]
    public void Every_option_has_its_word()
    {
        var request = s_request with
        {
            Overlays = [new OverlayArgument("/o/low", ReadOnly: true), new OverlayArgument("/o/up.img", ReadOnly: false)],
            FakeRoot = true,
            UserNamespace = true,
            NoPrivileges = true,
            WritableTmpfs = true,
            Binds =
            [
                new BindArgument("/data", "/mnt", ReadOnly: true), new BindArgument("/a:b,c", "/d:e"),
                new BindArgument("/x.sif", "/x", ReadOnly: true, ImageSource: "/in", Id: 3),
            ],
            NoMount = ["home", "/etc/hosts"],
            NoHome = true,
            Home = new HomeArgument("/h", "/home/me"),
            Contain = true,
            CleanEnvironment = true,
            WorkingDirectory = "/srv",
            ContainDirectory = "/w",
            Scratch = ["/s1", "/s2"],
            Hostname = "box",
            PidNamespace = true,
            IpcNamespace = true,
            NetworkNone = true,
        };
        Assert.Equal(
        [
            "--quiet", "exec", "--fakeroot", "--userns", "--no-privs", "--overlay", "/o/low:ro", "--overlay", "/o/up.img", "--writable-tmpfs",
            "--bind", "/data:/mnt:ro", "--bind", @"/a\:b\,c:/d\:e", "--bind", "/x.sif:/x:image-src=/in,id=3,ro",
            "--no-mount", "home,/etc/hosts", "--no-home", "--home", "/h:/home/me", "--contain", "--workdir", "/w",
            "--scratch", "/s1", "--scratch", "/s2", "--pwd", "/srv", "--cleanenv", "--hostname", "box", "--pid", "--ipc",
            "--net", "--network", "none", "/i/c.sif", "echo", "a b",
        ], Words(request));
        Assert.Contains("--writable", Words(s_request with { Writable = true }));
    }

    [Theory]
    [InlineData(ContainerAction.Run, "run")]
    [InlineData(ContainerAction.Shell, "shell")]
    public void Each_action_has_its_verb(ContainerAction action, string verb) =>
        Assert.Equal(verb, Words(s_request with { Action = action })[1]);

    [Fact]
    public void A_shell_has_a_path_and_no_arguments() =>
        Assert.Equal(["--quiet", "shell", "--shell", "/bin/ash", "/i/c.sif"], Words(s_request with { Action = ContainerAction.Shell, ShellPath = "/bin/ash" }));

    [Fact]
    public void Variables_go_by_prefix_and_reach_the_command_unchanged()
    {
        var request = s_request with { Environment = new Dictionary<string, string> { ["A"] = "x,\"y\"=z\n" } };
        Assert.Equal("x,\"y\"=z\n", Line(request).Variables["APPTAINERENV_A"]);
        Assert.DoesNotContain("--env", Line(request).Arguments);
        var singularity = ForeignCommandLine.For(request, s_apptainer with { Engine = ContainerEngineKind.Singularity }, isRoot: true, _ => false);
        Assert.Equal("x,\"y\"=z\n", singularity.Variables["SINGULARITYENV_A"]);
    }

    [Fact]
    public void Beside_a_file_variables_go_by_option_so_that_they_win()
    {
        var request = s_request with
        {
            EnvironmentFiles = ["/e"],
            Environment = new Dictionary<string, string> { ["A"] = "1,2", ["B"] = "x=\"y\",z" },
        };
        Assert.Equal(["--env-file", "/e", "--env", "A=1,2", "--env", "\"B=x=\"\"y\"\",z\""], Words(request).Skip(2).SkipLast(3));
        var quoted = request with { Environment = new Dictionary<string, string> { ["A"] = "\"quoted\"" } };
        Assert.Equal(ErrorIds.EngineOptionUnsupported, Refuses(quoted, "A beside -EnvironmentFile").ErrorId);
    }

    [Fact]
    public void Binds_of_the_environment_are_not_made_twice()
    {
        var variables = Line(s_request).Variables;
        foreach (var name in new[] { "APPTAINER_BIND", "APPTAINER_BINDPATH", "SINGULARITY_BIND", "SINGULARITY_BINDPATH" })
            Assert.Null(variables[name]);
    }

    [Fact]
    public void What_cannot_be_said_is_named()
    {
        Refuses(s_request with { Overlays = [new OverlayArgument("/o:1.img", ReadOnly: false)] }, "':' in an overlay's path");
        Refuses(s_request with { Overlays = [new OverlayArgument("/o,1.img", ReadOnly: true)] }, "',' in an overlay's path");
        Refuses(s_request with { Overlays = [new OverlayArgument("/o.sif", ReadOnly: true, Id: 4)] }, "the overlay partition 4");
        Refuses(s_request with { TmpfsSizeBytes = 1 << 20 }, "-TmpfsSizeBytes");
        Refuses(s_request with { Home = new HomeArgument("/a:b", "/a:b") }, "':' in the home directory");
        Refuses(s_request with { Scratch = ["/a,b"] }, "',' in -Scratch");
        Refuses(s_request with { EnvironmentFiles = ["/a,b"] }, "',' in -EnvironmentFile");
        Refuses(s_request with { Binds = [new BindArgument(@"/a\b", "/c")] }, "in a bind's source");
    }

    [Fact]
    public void A_setuid_installation_stacks_directories_in_a_user_namespace_only()
    {
        var setuid = s_apptainer with { IsSetuid = true };
        var directory = s_request with { Overlays = [new OverlayArgument("/o", ReadOnly: false)] };
        Assert.Contains("--userns", Words(directory, setuid, isRoot: false, isDirectory: true));
        Assert.DoesNotContain("--userns", Words(directory, setuid, isRoot: false, isDirectory: false));
        Assert.DoesNotContain("--userns", Words(directory, setuid, isRoot: true, isDirectory: true));
        Assert.DoesNotContain("--userns", Words(directory, s_apptainer, isRoot: false, isDirectory: true));
        Assert.Contains("--userns", Words(directory, setuid with { RefusesSetuidExt3 = true }, isRoot: false, isDirectory: false));
        Assert.DoesNotContain("--userns", Words(s_request, setuid with { RefusesSetuidExt3 = true }, isRoot: false, isDirectory: false));
    }

    [Fact]
    public void Instances_are_started_joined_stopped_and_listed()
    {
        Assert.Equal(["--quiet", "instance", "start", "/i/c.sif", "db", "x"],
            ForeignCommandLine.ForInstance(s_request with { Action = ContainerAction.Start, Command = ["x"] }, "db", s_apptainer, true, _ => false).Arguments);
        Assert.Equal(["--quiet", "instance", "run", "/i/c.sif", "db"],
            ForeignCommandLine.ForInstance(s_request with { Action = ContainerAction.Run, Command = [] }, "db", s_apptainer, true, _ => false).Arguments);
        Assert.Equal(["--quiet", "exec", "--pwd", "/", "instance://db", "echo", "a b"],
            ForeignCommandLine.InInstance(s_request with { WorkingDirectory = "/", FakeRoot = true }, "db", s_apptainer).Arguments);
        Assert.Equal(["--quiet", "instance", "stop", "--signal", "15", "--timeout", "3", "db"],
            ForeignCommandLine.StopInstance("db", 15, TimeSpan.FromSeconds(2.5)).Arguments);
        Assert.Equal(["--quiet", "instance", "list", "--json"], ForeignCommandLine.ListInstances().Arguments);
    }

    [Theory]
    [InlineData("FATAL:   while loading overlay images: failed to open overlay image o.img: while locking ext3 partition from o.img: can't open o.img for writing, currently in use by another process", 255, ErrorIds.OverlayInUse, 255)]
    [InlineData("FATAL:   x: can't open x for reading, currently in use for writing by another process", 255, ErrorIds.OverlayInUse, 255)]
    [InlineData("FATAL:   \"nonsuch\": executable file not found in $PATH", 255, ErrorIds.ContainerCommandNotFound, 127)]
    [InlineData("\u001b[31mFATAL:  \u001b[0m image format not recognized", 255, ErrorIds.ImageNotRecognized, 255)]
    [InlineData("FATAL:   no space left on device", 255, ErrorIds.DiskFull, 255)]
    [InlineData("FATAL:   failed to create user namespace: user namespace disabled", 255, ErrorIds.NamespaceUnavailable, 255)]
    [InlineData("FATAL:   something else", 255, ErrorIds.ContainerStartFailed, 255)]
    [InlineData("FATAL:   of the command itself", 3, null, 3)]
    [InlineData(null, 255, null, 255)]
    [InlineData("FATAL:   of the command itself", 137, null, 137)]
    public void A_failure_is_recognised(string? line, int exitCode, string? errorId, int expected)
    {
        Assert.True(line is null || ForeignFailure.IsFatal(line));
        var outcome = ForeignFailure.Understand(exitCode, line, s_request);
        Assert.Equal(errorId, outcome.Failure?.ErrorId);
        Assert.Equal(expected, outcome.ExitCode);
    }

    [Fact]
    public void The_last_word_is_found_however_it_is_cut()
    {
        var bytes = "warning\nFATAL:   first\nmore\nFATAL:   last"u8.ToArray();
        for (var size = 1; size <= bytes.Length; size++)
        {
            using var stream = new WatchedErrorStream(new MemoryStream(bytes));
            var buffer = new byte[size];
            var read = new List<byte>();
            for (var count = stream.Read(buffer); count > 0; count = stream.Read(buffer))
                read.AddRange(buffer[..count]);
            Assert.Equal(bytes, read);
            Assert.Equal("FATAL:   last", stream.WaitForFatal(TimeSpan.FromSeconds(30)));
        }
    }

    private static EngineException Refuses(ContainerRequest request, string what)
    {
        var error = Assert.Throws<EngineException>(() => Line(request));
        Assert.Contains(what, error.Message);
        Assert.NotNull(error.RecommendedAction);
        Assert.Equal(ErrorIds.EngineOptionUnsupported, error.ErrorId);
        return error;
    }

    private static IReadOnlyList<string> Words(
        ContainerRequest request, ContainerEngine? engine = null, bool isRoot = true, bool isDirectory = false) =>
        ForeignCommandLine.For(request, engine ?? s_apptainer, isRoot, _ => isDirectory).Arguments;

    private static ForeignCommandLine Line(ContainerRequest request) =>
        ForeignCommandLine.For(request, s_apptainer, isRoot: true, _ => false);
}
