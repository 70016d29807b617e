using OverlayTools.Overlays;

namespace OverlayTools.Tests.Containers;

/// <summary>An overlay remembers the base that it was first used on.</summary>
public class BaseMemoryTests
{
    public static TheoryData<Who, string> EverybodyWithEveryOverlay { get; } = new()
    {
        { Who.Root, "o.img" },
        { Who.User, "o.img" },
        { Who.FakeRoot, "o.img" },
        { Who.Root, "overlay" },
        { Who.FakeRoot, "overlay" },
    };

    [Theory]
    [MemberData(nameof(EverybodyWithEveryOverlay))]
    public void The_first_run_notes_the_base_and_another_base_is_a_warning(Who who, string overlay)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        if (overlay == "overlay")
        {
            Directory.CreateDirectory(scene["overlay"]);
            scene.Own(scene["overlay"]);
        }
        else
        {
            scene.Lines(scene.NewOverlay("o.img"));
        }

        var quiet = scene.Lines(scene.Invoke($"-Overlay {overlay}", "echo x > /data/a") + " 3>&1", scene.Invoke($"-Overlay {overlay}", "true", "c.sif") + " 3>&1");
        Assert.Empty(quiet);

        var remembered = OverlayBase.Read(scene[overlay])!;
        Assert.Equal((scene["c.sif"], OverlayBaseKind.Squashfs), (remembered.Path, remembered.Kind));
        Assert.NotNull(remembered.SifId);
        Assert.Equal(OverlayBaseMatch.Same, remembered.Compare(scene["c.sif"]));

        var warned = string.Join('\n', scene.Lines(scene.Invoke($"-Overlay {overlay}", "true", "root") + " 3>&1 | ForEach-Object { \"$_\" }"));
        Assert.Contains("was made on another base", warned, StringComparison.Ordinal);
        Assert.Contains(scene["c.sif"], warned, StringComparison.Ordinal);
        Assert.Equal(remembered, OverlayBase.Read(scene[overlay]));
        Assert.Contains("Modified /data/a", scene.Lines($"Compare-OverlayImage {overlay} | & {{ process {{ \"$($_.Change) $($_.ItemPath)\" }} }}"));
        if (overlay == "o.img")
            scene.AssertClean("o.img");
    }

    [Fact]
    public void An_overlay_that_is_only_read_is_not_written()
    {
        using var scene = new Scene(Who.Root);
        scene.Lines(scene.NewOverlay("o.img"));
        var before = File.ReadAllBytes(scene["o.img"]);
        scene.Lines(scene.Invoke("-Overlay o.img:ro", "true", "c.sif"));
        Assert.Equal(before, File.ReadAllBytes(scene["o.img"]));
    }
}
