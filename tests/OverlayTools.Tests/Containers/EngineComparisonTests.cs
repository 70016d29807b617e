using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>
/// The same script run by this engine and by Apptainer: ids, environment, mounts, devices, permissions and exit codes
/// are the same for each option. Deliberate differences:
/// <list type="bullet">
/// <item>/etc/passwd and /etc/group are not covered where nothing in them would change;</item>
/// <item>root's capabilities are not in the inheritable and ambient sets;</item>
/// <item>/etc/group gets no second line for a group that it has, nor, for root, the groups of the host's user;</item>
/// <item>-NoPrivileges takes root's capabilities in a user namespace too; root in one has all of them without it;</item>
/// <item>files of the image that belong to nobody in a user's namespace are the user's, who may change them;</item>
/// <item>the variables PROMPT_COMMAND and USER_PATH (PS1 is set as Apptainer's prompt would set it);</item>
/// <item>values of variables are never evaluated by a shell in the container;</item>
/// <item>a tmpfs has no limit but the kernel's unless -TmpfsSizeBytes sets one.</item>
/// </list>
/// </summary>
public class EngineComparisonTests
{
    // Where Apptainer assembles its container is its own affair, and shows where that lies below /tmp.
    private const string Probe = """
        echo "ids $(id -u) $(id -g)"; pwd; umask; hostname
        env | grep -E '^(HOME|PATH|PWD|PS1|LD_LIBRARY_PATH|APPTAINER_[A-Z]*|SINGULARITY_[A-Z]*|OTC_[A-Z]*)=' | sort
        cut -d' ' -f5 /proc/self/mountinfo 2>/dev/null | grep -vE '^/etc/(passwd|group)$|/apptainer/mnt/session' | sort -u
        grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status 2>/dev/null
        ls /dev | grep -v loop
        [ $$ -lt 100 ] && echo "processes of its own"
        for d in /data /tmp /var/tmp $HOME /sc /mnt/b /myhome; do
            stat -c '%n %A %u %g' $d 2>/dev/null
            touch $d/.ot-probe 2>/dev/null && echo "$d can be written" && rm $d/.ot-probe
        done
        cat /etc/passwd /etc/group /etc/hostname 2>/dev/null
        exit 7
        """;

    // Our options and Apptainer's; FOLDER is the scene's.
    private static readonly (string Ours, string Theirs)[] s_options =
    [
        ("", ""),
        ("-CleanEnvironment", "--cleanenv"),
        ("-Contain", "--contain"),
        ("-ContainAll", "--containall"),
        ("-NoHome", "--no-home"),
        ("-NoMount proc, sys", "--no-mount proc,sys"),
        ("-NoMount tmp, home, dev", "--no-mount tmp,home,dev"),
        ("-NoMount cwd, bind-paths", "--no-mount cwd,bind-paths"),
        ("-HomeDirectory FOLDER/h:/myhome", "--home FOLDER/h:/myhome"),
        ("-HomeDirectory FOLDER/h:/myhome -Contain", "--home FOLDER/h:/myhome --contain"),
        ("-Bind FOLDER/b:/mnt/b:ro", "--bind FOLDER/b:/mnt/b:ro"),
        ("-Bind FOLDER/b:/mnt/b", "--bind FOLDER/b:/mnt/b"),
        ("-WorkingDirectory /data", "--cwd /data"),
        ("-Scratch /sc", "--scratch /sc"),
        ("-Contain -ContainDirectory FOLDER/w1 -Scratch /sc", "--contain --workdir FOLDER/w2 --scratch /sc"),
        ("-Hostname box", "--hostname box"),
        ("-PidNamespace", "--pid"),
        ("-IpcNamespace", "--ipc"),
        ("-NetworkNone", "--net --network none"),
        ("-NoPrivileges", "--no-privs"),
        ("-WritableTmpfs", "--writable-tmpfs"),
        ("-UserNamespace", "--userns"),
        ("-Environment @{ OTC_A = 'x=y'; OTC_B = '' }", "--env OTC_A=x=y,OTC_B="),
        ("-EnvironmentFile f.env", "--env-file f.env"),
    ];

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Each_option_shows_the_same_as_in_Apptainer(Who who)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(who);
        foreach (var name in new[] { "h", "b", "w1", "w2" })
        {
            Directory.CreateDirectory(scene[name]);
            scene.Own(scene[name]);
        }

        File.WriteAllText(scene["f.env"], "OTC_F=1\nOTC_G=\"${OTC_F} 2\"\nexport OTC_H='x  y'\n");
        File.WriteAllText(scene["probe.sh"], Probe);
        var differences = new List<string>();
        foreach (var (ours, theirs) in s_options)
        {
            var (output, error) = scene.Run("$probe = [IO.File]::ReadAllText(\"$PWD/probe.sh\")",
                $"Invoke-ContainerWithOverlay c.sif {ours.Replace("FOLDER", scene.Folder)} {scene.Identity} -- sh -c $probe", "\"exit $LASTEXITCODE\"");
            var (exitCode, expected, _) = scene.TryApptainer(theirs.Replace("FOLDER", scene.Folder), Probe);
            var (left, right) = (Facts(output, scene, who, ours), Facts(expected + $"exit {exitCode}\n", scene, who, ours));
            if (!left.SequenceEqual(right))
                differences.Add($"{ours}: only ours: {string.Join(" | ", left.Except(right))}; only theirs: {string.Join(" | ", right.Except(left))} {error}");
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_script_leaves_the_same_files_and_owners_in_an_overlay(Who who)
    {
        const string work = "umask 027; mkdir -p /srv/d/e; echo 1 >/srv/d/f; ln -s f /srv/d/l; ln /srv/d/f /srv/d/h; mkfifo /srv/p; chmod 4711 /srv/d/f; "
            + "[ $(id -u) != 0 ] || { rm /data/sub/b; rmdir /data/sub; mkdir /data/sub; mv /data/a /data/c; }; [ $(id -u) != 0 ] || [ $(wc -l </proc/self/uid_map) = 9 ] || chown 5:6 /srv/d/e";
        const string list = "cd / && find srv data | sort | while read f; do stat -c \"%n %A %u %g %h %s\" $f; done";
        Machine.NeedApptainer();
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("ours.img"), scene.NewOverlay("theirs.img"), scene.Invoke("-Overlay ours.img", work));
        scene.Apptainer("--overlay theirs.img", work);
        var mine = scene.Lines(scene.Invoke("-Overlay ours.img:ro", list));
        var foreign = scene.Lines(scene.Invoke("-Overlay theirs.img:ro", list));
        Assert.Contains(mine, line => line.StartsWith("srv/d/f -rws--x--x ", StringComparison.Ordinal));
        // The size of a directory is the driver's own business.
        Assert.Equal(foreign.Select(WithoutSize), mine.Select(WithoutSize));
        scene.AssertClean("ours.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Exit_codes_are_the_same(Who who)
    {
        Machine.NeedApptainer();
        using var scene = new Scene(who);
        foreach (var script in new[] { "true", "exit 3", "exit 255", "kill -TERM $$", "kill -KILL $$" })
        {
            var theirs = scene.TryApptainer("", script).ExitCode;
            Assert.Equal([theirs.ToString(System.Globalization.CultureInfo.InvariantCulture)], scene.Lines(scene.Invoke("", script), "$LASTEXITCODE"));
        }
    }

    private static string WithoutSize(string line) =>
        line.Split(' ')[1].StartsWith('d') ? string.Join(' ', line.Split(' ')[..4]) : line;

    private static List<string> Facts(string output, Scene scene, Who who, string options) =>
        [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !IsDeliberate(line, who, options) && !IsOfAnotherTest(line, scene))
            .Select(line => line.Replace(scene.Folder, "FOLDER", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];

    // Both see what is mounted below /tmp at that moment, and another test may mount or unmount between the two.
    private static bool IsOfAnotherTest(string line, Scene scene) =>
        line.StartsWith(Path.Combine(Path.GetTempPath(), "ot-test-"), StringComparison.Ordinal)
        && !line.StartsWith(scene.Folder, StringComparison.Ordinal);

    private static bool IsDeliberate(string line, Who who, string options) =>
        line == "root:x:0:root" || (who == Who.FakeRoot && line.StartsWith($"{OrdinaryUser.Name}:x:", StringComparison.Ordinal))
        || (line.StartsWith("Cap", StringComparison.Ordinal)
            && ((who == Who.FakeRoot && options == "-NoPrivileges") || (who == Who.Root && options == "-UserNamespace")))
        || (line.StartsWith("/data ", StringComparison.Ordinal) && who == Who.User && options == "-WritableTmpfs");
}
