using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>An image that would lead root outside: what is made or mounted in its tree stays in it.</summary>
public class HostileTreeTests
{
    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var target in new[] { "/", "../..", "../../../../../..", "VICTIM", "/data/../../VICTIM" })
        {
            foreach (var options in new[] { "", "-WritableTmpfs", "-Writable", "-Overlay up", "-Contain" })
                cases.Add(target, options);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Links_and_dots_in_the_tree_change_nothing_outside(string target, string options)
    {
        using var scene = new Scene(Who.Root);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["victim"]);
        Directory.CreateDirectory(scene["up"]);
        Directory.CreateDirectory(scene["src"]);
        File.WriteAllText(scene["victim/passwd"], "victim\n");
        target = target.Replace("VICTIM", scene["victim"].TrimStart('/'), StringComparison.Ordinal);
        if (!target.StartsWith('.') && target != "/" && !target.StartsWith("/data", StringComparison.Ordinal))
            target = "/" + target;
        foreach (var place in new[] { "etc", "home", "root/.ssh", "tmp", "var", "mnt" })
        {
            var link = scene["root/" + place];
            if (Directory.Exists(link))
                Directory.Delete(link, recursive: true);
            Directory.CreateDirectory(Path.GetDirectoryName(link)!);
            File.CreateSymbolicLink(link, target);
        }

        var before = File.ReadAllLines("/proc/self/mountinfo").Where(line => line.Contains(scene.Folder, StringComparison.Ordinal)).ToList();
        var (hosts, passwd) = (Directory.GetLastWriteTimeUtc("/"), File.ReadAllText("/etc/passwd"));
        scene.Run(
            "$ErrorActionPreference = 'SilentlyContinue'; $WarningPreference = 'SilentlyContinue'",
            scene.Invoke(options + " -Hostname box -Bind src:/mnt/ot-made/x, src:/data/../../ot-made2, src:/etc/ot-made3/y -Scratch /home/ot-made4", "true", "root"),
            scene.Invoke(options + " -Hostname box", "true", "root"),
            scene.Invoke(options + " -Bind src:/var/ot-made5", "true", "root"));
        Assert.Equal(["passwd"], Directory.EnumerateFileSystemEntries(scene["victim"]).Select(Path.GetFileName));
        Assert.Equal("victim\n", File.ReadAllText(scene["victim/passwd"]));
        Assert.Equal(passwd, File.ReadAllText("/etc/passwd"));
        Assert.Equal(hosts, Directory.GetLastWriteTimeUtc("/"));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries("/").Concat(Directory.EnumerateFileSystemEntries("/etc")),
            path => Path.GetFileName(path).StartsWith("ot-made", StringComparison.Ordinal));
        Assert.Empty(Directory.EnumerateFileSystemEntries(scene["src"]));
        Assert.Equal(before, File.ReadAllLines("/proc/self/mountinfo").Where(line => line.Contains(scene.Folder, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_pipe_in_place_of_an_account_file_keeps_nobody_waiting()
    {
        using var scene = new Scene(Who.User);
        scene.MakeDirectoryImage();
        Machine.NeedTool("mkfifo");
        File.Delete(scene["root/etc/passwd"]);
        Machine.Run("mkfifo", scene["root/etc/passwd"]);
        scene.Own(scene["root"]);
        Assert.Equal(["ran"], scene.Lines(scene.Invoke("", "echo ran", "root")));
    }
}
