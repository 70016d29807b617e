using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>Whatever is killed, and however often a container is started: nothing is left, and the overlay is sound.</summary>
public class KillTests
{
    // 50 and 200 are what is promised; OVERLAYTOOLS_TEST_ROUNDS and _CYCLES ask for them.
    private static readonly int s_rounds = FromEnvironment("OVERLAYTOOLS_TEST_ROUNDS", 4);
    private static readonly int s_cycles = FromEnvironment("OVERLAYTOOLS_TEST_CYCLES", 8);

    private const string Copy = "echo ready; while true; do cp -r /bin /data/new; rm -rf /data/new; done";

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Any_process_of_the_tree_may_be_killed_at_any_moment_of_a_copy(Who who)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        for (var round = 0; round < s_rounds; round++)
        {
            using var script = scene.StartUntilReady(scene.Invoke("-Overlay o.img", Copy));
            Thread.Sleep(random.Next(200));
            var tree = Tree(script.Id);
            var victim = tree[random.Next(tree.Count)];
            var name = NameOf(victim);
            var supervisor = Scene.SupervisorOf(script);
            Machine.Run("kill", "-9", victim.ToString(CultureInfo.InvariantCulture));
            // Not every victim is the end of all: the host's is. But when the supervisor goes, it has to clear up.
            if (victim != supervisor)
            {
                Thread.Sleep(random.Next(50));
                script.Kill();
            }

            script.WaitForExit();
            scene.AssertNothingLeft();
            var (exitCode, output, error) = Machine.Run("e2fsck", "-p", scene["o.img"]);
            Assert.True(exitCode is 0 or 1, $"seed {seed}, round {round}, {name}: {output}{error}");
        }

        // Nobody holds the lock.
        Assert.Equal(["ran"], scene.Lines(scene.Invoke("-Overlay o.img", "echo ran")));
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Starting_and_stopping_leaves_nothing_behind(Who who)
    {
        using var scene = new Scene(who) { Patience = TimeSpan.FromSeconds(90 + (5 * s_cycles)) };
        var output = scene.Lines(scene.KeepState(), scene.NewOverlay("o.img"),
            $"function cycle {{ $null = Start-ContainerInstance c.sif cycle -Overlay o.img {scene.Identity}; Invoke-ContainerWithOverlay -Instance cycle -- true; Stop-ContainerInstance cycle }}",
            """
            function count {
                [GC]::Collect(); [GC]::WaitForPendingFinalizers(); [GC]::Collect()
                $own = [IO.Directory]::GetDirectories('/proc') | Where-Object { $_ -match '/\d+$' } | Where-Object {
                    try { [IO.File]::ReadAllText("$_/cmdline") -match [regex]::Escape($env:TMPDIR) } catch { $false } }
                $loops = [IO.Directory]::GetDirectories('/sys/block', 'loop*') | Where-Object {
                    try { [IO.File]::ReadAllText("$_/loop/backing_file") -match [regex]::Escape([IO.Path]::GetDirectoryName($env:TMPDIR)) } catch { $false } }
                [pscustomobject]@{
                    Processes = @($own).Count; Loops = @($loops).Count
                    Mounts = [IO.File]::ReadAllLines('/proc/self/mountinfo').Count
                    Descriptors = [IO.Directory]::GetFileSystemEntries('/proc/self/fd').Count
                    Open = @([IO.Directory]::GetFileSystemEntries('/proc/self/fd') | ForEach-Object {
                        try { [IO.File]::ResolveLinkTarget($_, $false).FullName } catch { } })
                    Temporary = [IO.Directory]::GetFileSystemEntries($env:TMPDIR).Count
                    Memory = [long]([IO.File]::ReadAllLines('/proc/self/status').Where{ $_ -like 'VmRSS:*' }[0] -replace '\D')
                }
            }
            """,
            // What is called often is compiled again, and better: that is no leak, and over after some dozens of cycles.
            $"1..{4 + (s_cycles / 4)} | ForEach-Object {{ cycle }}; $before = count",
            $"1..{s_cycles} | ForEach-Object {{ cycle }}; $after = count",
            "foreach ($what in 'Processes', 'Loops', 'Mounts', 'Descriptors', 'Temporary') { \"$what $([Math]::Max(0, $after.$what - $before.$what))\" }",
            "'open: ' + (@($after.Open | Where-Object { $before.Open -notcontains $_ }) -join ' ')",
            "$after.Memory - $before.Memory");
        TestContext.Current.TestOutputHelper?.WriteLine($"{s_cycles} cycles: memory grew by {output[^1]} KiB; {output[^2]}");
        Assert.Equal(["Processes 0", "Loops 0", "Mounts 0", "Descriptors 0", "Temporary 0"], output[..^2]);
        Assert.InRange(long.Parse(output[^1], CultureInfo.InvariantCulture), long.MinValue, 10 << 10);
    }

    [Theory]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void W14_helpers_end_with_the_supervisor_and_the_lock_is_free(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var script = scene.StartUntilReady(scene.Invoke("-Overlay o.img", Copy));
        var helpers = Tree(script.Id).Where(id => NameOf(id) is "fuse2fs" or "fuse-overlayfs" or "squashfuse_ll").ToList();
        Assert.True(helpers.Count >= 2);
        Machine.Run("kill", "-9", Scene.SupervisorOf(script).ToString(CultureInfo.InvariantCulture));
        script.WaitForExit();
        scene.AssertNothingLeft();
        // None runs; whether its new parent has taken note of its end already is not our matter.
        Assert.All(helpers, helper => Assert.False(
            File.Exists($"/proc/{helper}/cmdline") && File.ReadAllText($"/proc/{helper}/cmdline").Contains(scene.Folder, StringComparison.Ordinal)));
        // With a warning, where it was not unmounted cleanly.
        Assert.Contains("ran", scene.Lines(scene.Invoke("-Overlay o.img", "echo ran")));
    }

    [Theory]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void W15_a_slow_helper_is_waited_for_and_said_to_be(Who who)
    {
        using var scene = new Scene(who);
        var state = scene.KeepState();
        var (id, _) = scene.RunBeside(state, scene.NewOverlay("o.img"),
            $"$i = Start-ContainerInstance c.sif slow -Overlay o.img {scene.Identity}; $i.SupervisorProcessId",
            "Invoke-ContainerWithOverlay -Instance slow -- sh -c 'echo kept >/data/a'");
        var fuse = Tree(int.Parse(id.Trim(), CultureInfo.InvariantCulture)).Single(process => NameOf(process) == "fuse2fs")
            .ToString(CultureInfo.InvariantCulture);
        Machine.Run("kill", "-STOP", fuse);
        using var stopper = scene.StartUntilReady(state,
            "[Console]::Out.WriteLine('ready'); Stop-ContainerInstance slow 3>&1 | ForEach-Object { [Console]::Out.WriteLine($_) }; [Console]::Out.WriteLine('stopped')");
        // It says so after a while, and goes on waiting.
        Assert.Contains("no time limit", stopper.StandardOutput.ReadLine(), StringComparison.Ordinal);
        Assert.Equal("fuse2fs", NameOf(int.Parse(fuse, CultureInfo.InvariantCulture)));
        Machine.Run("kill", "-CONT", fuse);
        Assert.EndsWith("stopped\n", stopper.StandardOutput.ReadToEnd(), StringComparison.Ordinal);
        stopper.WaitForExit();
        scene.AssertNothingLeft();
        scene.AssertClean("o.img");
        Assert.Equal(["kept"], scene.Lines(scene.Invoke("-Overlay o.img:ro", "cat /data/a")));
    }

    private static List<int> Tree(int root)
    {
        var parents = new List<(int Id, int Parent)>();
        foreach (var directory in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(path[^1])))
        {
            try
            {
                var stat = File.ReadAllText(directory + "/stat");
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                parents.Add((int.Parse(Path.GetFileName(directory), CultureInfo.InvariantCulture), int.Parse(fields[1], CultureInfo.InvariantCulture)));
            }
            catch (IOException)
            {
                // it has ended meanwhile
            }
        }

        var tree = new List<int> { root };
        for (var i = 0; i < tree.Count; i++)
            tree.AddRange(parents.Where(process => process.Parent == tree[i]).Select(process => process.Id));
        return tree;
    }

    private static string NameOf(int processId)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/comm").Trim();
        }
        catch (IOException)
        {
            return "ended";
        }
    }

    private static int FromEnvironment(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
