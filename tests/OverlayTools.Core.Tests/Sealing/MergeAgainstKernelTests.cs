using OverlayTools.Containers;
using OverlayTools.Sif;

namespace OverlayTools.Core.Tests.Sealing;

/// <summary>Layers that the kernel wrote: sealed, merged and made writable again they show what the stack of them
/// does.</summary>
public sealed class MergeAgainstKernelTests
{
    public static MatrixTheoryData<int, bool> Seeds { get; } = new([1, 2, 3, 4], [false, true]);

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Whatever_was_done_shows_in_what_is_made_of_the_layers(int seed, bool fuseMarks)
    {
        using var scene = new LayerScene();
        var token = TestContext.Current.CancellationToken;
        scene.OnBase(RandomChanges.Tree);
        scene.Write(scene.One, scene.Base, RandomChanges.Script(seed, 40));
        scene.Write(scene.Two, $"{scene.One}/upper:{scene.Base}", RandomChanges.Script(seed + 1000, 40));
        var shown = scene.View($"{scene.Two}/upper:{scene.One}/upper:{scene.Base}");
        var before = StackView.Of(scene.One) + StackView.Of(scene.Two) + StackView.Of(scene.Base);
        if (fuseMarks)
        {
            LayerScene.UseFuseMarks(scene.One);
            LayerScene.UseFuseMarks(scene.Two);
        }

        // One by one.
        var sealedOne = Convert(scene, scene.One, "one.sqfs");
        var sealedTwo = Convert(scene, scene.Two, "two.sqfs");
        var (one, two) = (scene.Mount(sealedOne.Path), scene.Mount(sealedTwo.Path));
        Assert.Equal(shown, scene.View($"{two}:{one}:{scene.Base}"));
        Assert.Equal(shown, scene.View($"{two}:{one}:{scene.Base}", ",userxattr"));
        var fuse = "";
        // As runtimes start it: else it asks squashfs for access control lists, and fails.
        scene.Stack($"lowerdir={two}:{one}:{scene.Base},noacl", point => fuse = StackView.Of(point, "^user\\."), "fuse-overlayfs");
        Assert.Equal(WithoutTrusted(shown), fuse);

        // And back.
        var image = Convert(scene, sealedTwo.Path, "two.img");
        Assert.Equal(SifFileSystem.Ext3, image.FileSystem);
        LayerScene.AssertClean(image.Path);
        Assert.Equal(shown, scene.View($"{scene.Mount(image.Path)}/upper:{one}:{scene.Base}"));

        // Both together, as overlays.
        OverlayLayer[] layers = [new(scene.One), new(sealedTwo.Path)];
        foreach (var name in (string[])["both.sqfs", "both.img"])
        {
            var both = OverlayMerger.Merge(new OverlayMerge { Overlays = layers, Destination = scene[name] }, null, token);
            var point = scene.Mount(both.Path) + (both.FileSystem == SifFileSystem.Ext3 ? "/upper" : "");
            Assert.Equal(shown, scene.View($"{point}:{scene.Base}"));
            Assert.Equal(shown, scene.View($"{point}:{scene.Base}", ",userxattr"));
        }

        // And with the base.
        layers = [new(sealedOne.Path), new(scene.Two)];
        foreach (var format in (SifFileSystem[])[SifFileSystem.Squashfs, SifFileSystem.Ext3])
        {
            var merged = OverlayMerger.Merge(
                new OverlayMerge { Overlays = layers, Base = scene.Base, Destination = scene[$"{format}.sif"], Format = format }, null, token);
            using var sif = SifImage.Open(merged.Path, token);
            Assert.Equal(shown, StackView.Of(scene.Mount(merged.Path, sif.PrimaryPartition!.Offset)));
            Assert.Equal((0, 0), (merged.WhiteoutCount, merged.OpaqueDirectoryCount));
        }

        if (!fuseMarks)
            Assert.Equal(before, StackView.Of(scene.One) + StackView.Of(scene.Two) + StackView.Of(scene.Base));
    }

    [Theory]
    [InlineData("mv dir moved")]
    [InlineData("chmod 600 dir/file")]
    public void What_the_kernel_left_below_is_refused_and_nothing_is_made(string change)
    {
        using var scene = new LayerScene();
        scene.OnBase("mkdir dir; echo content > dir/file");
        scene.Write(scene.One, scene.Base, change, ",redirect_dir=on,metacopy=on,index=off");
        var error = Assert.Throws<EngineException>(() => OverlayMerger.Merge(
            new OverlayMerge { Overlays = [new(scene.One)], Base = scene.Base, Destination = scene["m.sif"] }, null,
            TestContext.Current.CancellationToken));
        Assert.Equal(ErrorIds.OverlayFeatureUnsupported, error.ErrorId);
        Assert.Contains("redirect_dir", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(scene["m.sif"]));
    }

    [Fact]
    public void What_one_layer_leads_to_is_not_written_through_by_another()
    {
        using var scene = new LayerScene();
        var outside = scene["d/outside"];
        scene.OnBase($"mkdir ../outside; echo mine > ../outside/file; ln -s {outside} out; ln -s / all; echo x > f");
        scene.Write(scene.One, scene.Base, $"rm out all; mkdir out all; echo bad > out/file; mkdir all/tmp; echo bad > all/tmp/file; ln -s {outside} d; ln -s {outside}/file g");
        scene.Write(scene.Two, $"{scene.One}/upper:{scene.Base}", "rm -r d g; mkdir d; echo bad > d/file; echo bad > g; printf x > \"$(printf 'a\\nb..\\377')\"; mkdir ...; echo x > ...../x 2>/dev/null; echo y > .../y");
        var shown = scene.View($"{scene.Two}/upper:{scene.One}/upper:{scene.Base}");
        var merged = OverlayMerger.Merge(
            new OverlayMerge { Overlays = [new(scene.One), new(scene.Two)], Base = scene.Base, Destination = scene["m.sif"] },
            null, TestContext.Current.CancellationToken);
        using var sif = SifImage.Open(merged.Path, TestContext.Current.CancellationToken);
        Assert.Equal(shown, StackView.Of(scene.Mount(merged.Path, sif.PrimaryPartition!.Offset)));
        Assert.Equal("mine\n", File.ReadAllText(outside + "/file"));
    }

    private static OverlayConversionResult Convert(LayerScene scene, string source, string target) =>
        OverlayConverter.Convert(new OverlayConversion { Path = source, Destination = scene[target] }, null,
            TestContext.Current.CancellationToken);

    private static string WithoutTrusted(string view) =>
        string.Join('\n', view.Split('\n').Where(line => !line.Contains(" trusted.", StringComparison.Ordinal)));
}
