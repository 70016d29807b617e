using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using OverlayTools.Tests.Host;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>Who runs a container.</summary>
public enum Who
{
    /// <summary>The real root.</summary>
    Root,

    /// <summary>An ordinary user.</summary>
    User,

    /// <summary>An ordinary user who is root in the container.</summary>
    FakeRoot,
}

/// <summary>
/// A folder with images, and a user who runs scripts there in a process of its own. After each script nothing of the
/// containers may be left: no mount, no process, no session directory.
/// </summary>
internal sealed class Scene : IDisposable
{
    private static readonly Lazy<string> s_host = new(FindHost);

    private readonly TemporaryDirectory _folder;
    private readonly Who _who;

    public Scene(Who who)
    {
        _folder = new TemporaryDirectory().OpenToAll();
        _who = who;
        if (who == Who.Root)
            Machine.NeedRoot();
        else
            OrdinaryUser.Need();
        foreach (var tool in new[] { "e2fsck", "fuse2fs", "fuse-overlayfs", "squashfuse" })
            Machine.NeedTool(tool);
        Directory.CreateDirectory(Temporary);
        File.SetUnixFileMode(Temporary, (UnixFileMode)0b111_111_111);
        ContainerImages.CopySif(this["c.sif"]);
        Own(this["c.sif"]);
    }

    private Scene(Scene other, Who who) => (_folder, _who) = (other._folder, who);

    public string Folder => _folder.Path;

    public string this[string name] => _folder[name];

    /// <summary>How long a script may take before it counts as hanging.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Says to <c>New-OverlayImage</c> and <c>Invoke-ContainerWithOverlay</c> who the user wants to be.</summary>
    public string Identity => _who == Who.FakeRoot ? "-FakeRoot" : string.Empty;

    private string Temporary => this["tmp"];

    /// <summary>The same folder in the hands of somebody else.</summary>
    public Scene As(Who who) => new(this, who);

    /// <summary>Gives something that the test made to the user who runs the containers.</summary>
    public void Own(string path)
    {
        if (_who != Who.Root)
            OrdinaryUser.Own(path);
    }

    /// <summary>The root file system as the directory <c>root</c>.</summary>
    public void MakeDirectoryImage()
    {
        ContainerImages.MakeDirectory(this["root"]);
        Own(this["root"]);
    }

    /// <summary>A command line that runs shell text in a container.</summary>
    public string Invoke(string options, string shell, string image = "c.sif") =>
        $"Invoke-ContainerWithOverlay {image} {options} {Identity} -- sh -c '{shell}'";

    /// <summary>A command line that makes an overlay of the least size.</summary>
    public string NewOverlay(string name) => $"New-OverlayImage '{name}' 64MB {Identity} | Out-Null";

    /// <summary>Runs commands of a script, and looks for what they left.</summary>
    public (string Output, string Error) Run(params string[] commands)
    {
        var result = RunBeside(commands);
        AssertNothingLeft();
        return result;
    }

    /// <summary>Runs commands of a script while another container runs.</summary>
    public (string Output, string Error) RunBeside(params string[] commands) =>
        HostShell.Run(Host(), $"$env:TMPDIR = '{Temporary}'; $ExecutionContext.SessionState.Path.SetLocation('{Folder}') | Out-Null; " + string.Join("; ", commands),
            Patience);

    /// <summary>Runs commands of a script in a process of their own, with standard input.</summary>
    public (string Output, string Error) RunWithInput(string input, params string[] commands)
    {
        var (_, output, error) = Machine.RunWith(
            "timeout", ["-s", "INT", "-k", "20", "60", .. Host("TMPDIR=" + Temporary), string.Join("; ", commands)], input, Folder);
        AssertNothingLeft();
        return (output, error);
    }

    /// <summary>Runs commands of a script on a machine where some files are hidden by another one.</summary>
    public (string Output, string Error) RunHidden(string[] files, string by, params string[] commands)
    {
        var binds = string.Join(" && ", files.Select(file => $"mount --bind '{by}' {file}"));
        var (_, output, error) = Machine.RunWith(
            "unshare", ["--mount", "sh", "-c", binds + " && exec \"$@\"", "sh", .. Host("TMPDIR=" + Temporary), string.Join("; ", commands)],
            null, Folder);
        AssertNothingLeft();
        return (output, error);
    }

    /// <summary>Runs commands of a script on a machine whose /etc lacks some files.</summary>
    public (string Output, string Error) RunWithout(string[] files, params string[] commands)
    {
        var (folder, upper, work) = (this["etc"], this["etc/upper"], this["etc/work"]);
        Directory.CreateDirectory(folder);
        return RunAfter($"mount -t tmpfs none '{folder}' && mkdir '{upper}' '{work}' && "
            + $"mount -t overlay overlay -o lowerdir=/etc,upperdir='{upper}',workdir='{work}' /etc && "
            + $"cd /etc && rm -f {string.Join(' ', files)} && cd '{Folder}'", commands);
    }

    /// <summary>Runs commands of a script after root has run some shell commands, of which other processes notice nothing.</summary>
    public (string Output, string Error) RunAfter(string setup, params string[] commands)
    {
        var (_, output, error) = Machine.RunWith(
            "unshare", ["--mount", "sh", "-c", setup + " && exec \"$@\"", "sh", .. Host("TMPDIR=" + Temporary), string.Join("; ", commands)],
            null, Folder);
        AssertNothingLeft();
        return (output, error);
    }

    /// <summary>Runs commands that all succeed, and returns the lines of their output.</summary>
    public string[] Lines(params string[] commands)
    {
        var (output, error) = Run(commands);
        Assert.Equal(string.Empty, error);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>A command line that runs commands of a script in a process of their own.</summary>
    public IReadOnlyList<string> CommandLine(params string[] commands) => [.. Host("TMPDIR=" + Temporary), string.Join("; ", commands)];

    /// <summary>The words before a program that become the user, with temporary files in the scene's folder.</summary>
    public IReadOnlyList<string> Environment =>
        [.. _who == Who.Root ? [] : OrdinaryUser.Become, "env", "LC_ALL=C", "TMPDIR=" + Temporary, "TERM=dumb"];

    /// <summary>Where the states of instances are kept, as a command of a script.</summary>
    public string KeepState()
    {
        Directory.CreateDirectory(this["state"]);
        Own(this["state"]);
        return $"$env:XDG_STATE_HOME = '{this["state"]}'";
    }

    /// <summary>The process that watches over the container that the script runs.</summary>
    public static int SupervisorOf(Process script)
    {
        var children = Machine.Run("pgrep", "-P", script.Id.ToString(CultureInfo.InvariantCulture), "overlaytools-in").Output;
        return int.Parse(children, CultureInfo.InvariantCulture);
    }

    /// <summary>Has Apptainer run shell text in the container.</summary>
    /// <returns>What it printed.</returns>
    public string Apptainer(string options, string shell, string image = "c.sif")
    {
        var (exitCode, output, error) = TryApptainer(options, shell, image);
        Assert.True(exitCode == 0, $"apptainer {options} {shell}: {output}{error}");
        return output;
    }

    /// <summary>Has Apptainer run shell text in the container, whatever becomes of it.</summary>
    public (int ExitCode, string Output, string Error) TryApptainer(string options, string shell, string image = "c.sif")
    {
        string[] identity = _who == Who.FakeRoot ? ["--fakeroot"] : [];
        return Machine.RunWith(_who == Who.Root ? "env" : "setpriv",
        [
            .. _who == Who.Root ? [] : OrdinaryUser.Become.Skip(1).Append("env"), "HOME=" + Folder, "TMPDIR=" + Temporary,
            Machine.NeedApptainer(), "--silent", "exec", .. identity,
            .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), image, "sh", "-c", shell,
        ], null, Folder);
    }

    /// <summary>Starts a script and returns when it has printed a line <c>ready</c>.</summary>
    public Process StartUntilReady(params string[] commands)
    {
        var host = Host("TMPDIR=" + Temporary);
        var start = new ProcessStartInfo(host[0], [.. host.Skip(1), string.Join("; ", commands)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Folder,
        };
        var process = Process.Start(start)!;
        Assert.Equal("ready", process.StandardOutput.ReadLine());
        return process;
    }

    /// <summary>The file's fingerprint.</summary>
    public string Hash(string name)
    {
        using var file = File.OpenRead(this[name]);
        return Convert.ToHexString(SHA256.HashData(file));
    }

    /// <summary>The bytes of an object in a SIF image, as siftool reads them.</summary>
    public void Extract(string image, int id, string target)
    {
        var (exitCode, _, error) = Machine.Run("sh", "-c", $"siftool dump {id} '{this[image]}' >'{this[target]}'");
        Assert.True(exitCode == 0, error);
    }

    /// <summary>Asserts that e2fsck has nothing to ask about an overlay.</summary>
    public void AssertClean(string name)
    {
        var (exitCode, output, error) = Machine.Run("e2fsck", "-fn", this[name]);
        Assert.True(exitCode == 0 && !output.Contains("Fix?"), output + error);
    }

    /// <summary>Waits, not for ever, until nothing of the containers is left, and says what is.</summary>
    public void AssertNothingLeft()
    {
        var left = Remains();
        for (var attempt = 0; left.Count > 0 && attempt < 100; attempt++)
        {
            Thread.Sleep(50);
            left = Remains();
        }

        Assert.Empty(left);
    }

    public void Dispose() => _folder.Dispose();

    // The host's command line, up to the script.
    private List<string> Host(params string[] variables) =>
    [
        .. _who == Who.Root ? [] : OrdinaryUser.Become,
        "env", "LC_ALL=C", "OVERLAYTOOLS_MODULE=" + ModuleOf(s_host.Value), .. variables, s_host.Value, "-NoProfile", "-Command",
    ];

    // Session directories are in our temporary directory, so every trace of a container carries its path.
    private List<string> Remains()
    {
        var left = Directory.EnumerateFileSystemEntries(Temporary, "overlaytools-*").ToList();
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(path[^1])))
        {
            if (Holds(process + "/cmdline"))
                left.Add(process + " " + File.ReadAllText(process + "/cmdline").Replace('\0', ' '));
            else if (Holds(process + "/mountinfo"))
                left.Add(process + "/mountinfo");
        }

        return left;
    }

    private bool Holds(string file)
    {
        try
        {
            return File.ReadAllText(file).Contains(Temporary + "/overlaytools-", StringComparison.Ordinal);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false; // the process has ended meanwhile
        }
    }

    private static string ModuleOf(string host) =>
        host == HostProgram.Path ? Machine.RepositoryRoot : Path.GetDirectoryName(Path.GetDirectoryName(host))!;

    // A checkout below /root, say, is not for every user's eyes: they get a copy of what was built.
    private static string FindHost()
    {
        if (!Machine.IsRoot || Machine.FindTool("setpriv") is null)
            return HostProgram.Path;
        OrdinaryUser.Need();
        if (Machine.RunWith("setpriv", [.. OrdinaryUser.Become.Skip(1), "test", "-x", HostProgram.Path], null, "/").ExitCode == 0)
            return HostProgram.Path;

        var copy = new TemporaryDirectory().OpenToAll();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => copy.Dispose();
        foreach (var (from, to) in new[]
        {
            (Machine.ModuleBin, "bin"), (Path.Combine(Machine.RepositoryRoot, "OverlayTools.psd1"), "OverlayTools.psd1"),
            (Path.GetDirectoryName(HostProgram.Path)!, "host"),
        })
        {
            var (exitCode, _, error) = Machine.Run("cp", "-r", from, copy[to]);
            Assert.True(exitCode == 0, error);
        }

        Machine.Run("chmod", "-R", "a+rX", copy.Path);
        return Path.Combine(copy["host"], Path.GetFileName(HostProgram.Path));
    }
}
