using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>However a container ends, nothing is left of it, and its overlay is sound.</summary>
public class EndingTests
{
    // Answers to SIGTERM like a well-behaved program; sleeps would outlive a shell that is killed.
    private const string Work = "echo written >/data/a; sync; echo ready; sleep 1000 & sleep 1001";

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void When_the_host_process_is_killed_the_container_goes_too_and_its_writes_stay(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var process = scene.StartUntilReady(scene.Invoke("-Overlay o.img", Work));
        process.Kill();
        process.WaitForExit();

        scene.AssertNothingLeft();
        scene.AssertClean("o.img");
        Assert.Equal(["written"], scene.Lines(scene.Invoke("-Overlay o.img:ro", "cat /data/a")));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void When_the_supervisor_is_killed_nothing_stays_behind_and_the_overlay_can_be_repaired(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var process = scene.StartUntilReady(scene.Invoke("-Overlay o.img", Work));
        Machine.Run("kill", "-9", Scene.SupervisorOf(process).ToString());
        process.WaitForExit();

        scene.AssertNothingLeft();
        // 0: clean, 1: the journal was replayed.
        Assert.InRange(Machine.Run("e2fsck", "-p", scene["o.img"]).ExitCode, 0, 1);
        Assert.Equal(["written"], scene.Lines(scene.Invoke("-Overlay o.img", "cat /data/a")));
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void An_interrupt_ends_the_container_before_the_scripts_finally(Who who)
    {
        using var scene = new Scene(who);
        scene.Lines(scene.NewOverlay("o.img"));
        using var process = scene.StartUntilReady(
            "try { " + scene.Invoke("-Overlay o.img", Work) + " } finally { [Console]::WriteLine(\"finally $([IO.Directory]::GetDirectories($env:TMPDIR).Count)\") }");
        Machine.Run("kill", "-INT", process.Id.ToString());

        Assert.Equal("finally 0\n", process.StandardOutput.ReadToEnd());
        process.WaitForExit();
        scene.AssertNothingLeft();
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_process_that_the_command_leaves_behind_is_ended(Who who)
    {
        using var scene = new Scene(who);
        var output = scene.Lines(
            scene.NewOverlay("o.img"),
            scene.Invoke("-Overlay o.img", "(while true; do echo x >>/data/log; sleep 0.01; done) >/dev/null 2>&1 & sleep 0.1; echo done"),
            scene.Invoke("-Overlay o.img", "setsid sh -c \"trap : TERM; while true; do sleep 0.01; done\" >/dev/null 2>&1 & echo done"));
        Assert.Equal(["done", "done"], output);
        scene.AssertClean("o.img");
    }
}
