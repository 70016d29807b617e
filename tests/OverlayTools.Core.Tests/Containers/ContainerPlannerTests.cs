using OverlayTools.Containers;

namespace OverlayTools.Core.Tests.Containers;

public sealed class ContainerPlannerTests
{
    [Fact]
    public void Lowers_are_the_root_the_embedded_and_the_given_overlays_and_the_writable_one_is_the_upper()
    {
        var plan = Plans.Of(Plans.Facts(0), Plans.Squashfs,
            [Plans.Ext3("/embedded", readOnly: true), Plans.Ext3("/writable"), Plans.Ext3("/last", readOnly: true)]);

        Assert.Equal(["/images/c.sif", "/embedded", "/writable", "/last"], plan.Layers.Select(layer => layer.Path));
        Assert.Equal([0, 1, 3], plan.Stack.Lowers);
        Assert.Equal(2, plan.Stack.Upper);
        Assert.Equal(["", "upper", "upper", "upper"], plan.Layers.Select(layer => layer.Content));
    }

    [Theory]
    [InlineData(0, true, false, LayerDriver.LoopSquashfs, LayerDriver.LoopExt3, StackDriver.Kernel, "", "")]
    [InlineData(1000, true, false, LayerDriver.Squashfuse, LayerDriver.Fuse2fs, StackDriver.Fuse, "userxattr",
        "squash_to_uid=1000,squash_to_gid=1000")]
    [InlineData(1000, true, true, LayerDriver.Squashfuse, LayerDriver.Fuse2fs, StackDriver.Fuse, "userxattr", "")]
    [InlineData(1000, false, true, LayerDriver.Squashfuse, LayerDriver.Fuse2fs, StackDriver.Fuse, "userxattr", "squash_to_root")]
    public void Each_identity_has_its_drivers_for_an_image_with_an_ext3_overlay(
        uint user, bool subordinate, bool fakeRoot, LayerDriver image, LayerDriver overlay, StackDriver stack,
        string kernelOptions, string fuseOptions)
    {
        var facts = Plans.Facts(user, subordinate);
        var owner = fakeRoot ? 0u : user;
        var plan = Plans.Of(facts, Plans.Squashfs, [Plans.Ext3("/o.img", owner: (owner, owner))],
            Plans.Request with { FakeRoot = fakeRoot });

        Assert.Equal([image, overlay], plan.Layers.Select(layer => layer.Driver));
        Assert.Equal((stack, kernelOptions), (plan.Stack.Driver, plan.Stack.KernelOptions));
        Assert.Equal(user == 0 ? "" : fuseOptions, user == 0 ? "" : plan.Stack.FuseOptions);
        Assert.Equal([10, 11], plan.Layers.Select(layer => layer.Descriptor));
        Assert.Equal(32768, plan.Layers[0].Offset);
    }

    [Theory]
    [InlineData(false, true, StackDriver.Fuse)] // what fuse-overlayfs wrote, it reads
    [InlineData(false, false, StackDriver.Fuse)] // files of root in the image have no name in the namespace
    [InlineData(true, false, StackDriver.Kernel)] // their names are mapped
    public void A_directory_overlay_is_stacked_by_the_kernel_where_it_can_be_written(bool fakeRoot, bool readOnly, StackDriver expected)
    {
        var plan = Plans.Of(Plans.Facts(), Plans.Squashfs, [Plans.Directory("/o", readOnly)],
            Plans.Request with { FakeRoot = fakeRoot });
        Assert.Equal(expected, plan.Stack.Driver);
    }

    [Theory]
    [InlineData(true, true, true, StackDriver.Kernel)]
    [InlineData(true, true, false, StackDriver.Fuse)] // something is deleted in one of them, or nobody knows
    [InlineData(true, false, true, StackDriver.Fuse)] // to be written
    [InlineData(false, true, true, StackDriver.Kernel)]
    public void Images_without_deletions_are_read_through_the_kernel(bool fakeRoot, bool readOnly, bool plain, StackDriver expected)
    {
        var first = Plans.Ext3("/1.img", readOnly: true, owner: (0, 0)) with { HasNoWhiteouts = true };
        var second = Plans.Ext3("/2.img", readOnly, owner: (0, 0)) with { HasNoWhiteouts = plain };
        var plan = Plans.Of(Plans.Facts(), Plans.Squashfs, [first, second], Plans.Request with { FakeRoot = fakeRoot });
        Assert.Equal(expected, plan.Stack.Driver);
    }

    [Fact]
    public void Marks_that_the_kernel_does_not_read_have_root_use_fuse() =>
        Assert.Equal(StackDriver.Fuse, Plans.Of(Plans.Facts(0), Plans.Squashfs,
            [Plans.Ext3("/o.img", readOnly: true) with { HasForeignMarks = true }]).Stack.Driver);

    [Fact]
    public void A_writable_directory_image_is_not_stacked()
    {
        var plan = Plans.Of(Plans.Facts(), Plans.Folder with { ReadOnly = false }, [], Plans.Request with { Writable = true });
        Assert.Equal(StackDriver.None, plan.Stack.Driver);
        Assert.Null(plan.Stack.Upper);
        Assert.False(Assert.Single(plan.Layers).ReadOnly);
    }

    [Fact]
    public void A_temporary_layer_is_the_upper()
    {
        var plan = Plans.Of(Plans.Facts(0), Plans.Squashfs, [Plans.Ext3("/o.img", readOnly: true)],
            Plans.Request with { WritableTmpfs = true });
        Assert.Equal(LayerDriver.Tmpfs, plan.Layers[plan.Stack.Upper!.Value].Driver);
        Assert.Equal([0, 1], plan.Stack.Lowers);
    }

    [Fact]
    public void Options_that_exclude_each_other_are_refused_before_an_image_is_opened()
    {
        var writable = Plans.Request with { Writable = true };
        Assert.Equal(ErrorIds.OptionConflict, Refusal(() => ContainerPlanner.CheckOptions(writable with { WritableTmpfs = true })));
        Assert.Equal(ErrorIds.OptionConflict,
            Refusal(() => ContainerPlanner.CheckOptions(writable with { Overlays = [new OverlayArgument("/o", ReadOnly: true)] })));
        Assert.Equal(ErrorIds.OptionConflict, Refusal(() => Plans.Of(
            Plans.Facts(), Plans.Squashfs, [Plans.Ext3("/o.img")], Plans.Request with { WritableTmpfs = true })));
    }

    [Fact]
    public void Two_writable_overlays_are_refused_with_the_second_one_named_as_it_should_be_given()
    {
        OverlayArgument[] overlays = [new("/a.img", false), new("/r.img", true), new("/b.img", false)];
        var error = Assert.Throws<EngineException>(
            () => ContainerPlanner.CheckOptions(Plans.Request with { Overlays = overlays }));
        Assert.Equal(ErrorIds.TooManyWritableOverlays, error.ErrorId);
        Assert.Contains("'/b.img:ro'", error.RecommendedAction);

        ContainerPlanner.CheckOptions(Plans.Request with { Overlays = overlays[..2] });
    }

    [Theory]
    [InlineData(1000, false, true, null)] // an own overlay
    [InlineData(0, true, true, null)] // made with -FakeRoot, used so
    [InlineData(33, true, true, null)] // one of the subordinate ids
    [InlineData(0, false, true, "Run with -FakeRoot")]
    [InlineData(1000, true, false, "Run without -FakeRoot")]
    [InlineData(33, true, false, "Set-OverlayImage '/o.img' -Owner 0:0")]
    [InlineData(70000, true, true, "Set-OverlayImage '/o.img' -Owner 0:0")] // beyond the 65536 subordinate ids
    [InlineData(2000, false, true, "Set-OverlayImage '/o.img' -Owner 1000:1000")]
    public void An_overlay_is_writable_for_the_identity_that_its_owner_is_known_to(
        uint owner, bool fakeRoot, bool subordinate, string? advice)
    {
        var facts = Plans.Facts(subordinate: subordinate);
        var request = Plans.Request with { FakeRoot = fakeRoot };
        var overlay = Plans.Ext3("/o.img", owner: (owner, owner));
        if (advice is null)
        {
            Plans.Of(facts, Plans.Squashfs, [overlay], request);
            return;
        }

        var error = Assert.Throws<EngineException>(() => Plans.Of(facts, Plans.Squashfs, [overlay], request));
        Assert.Equal(ErrorIds.OverlayOwnerMismatch, error.ErrorId);
        Assert.Contains(advice, error.RecommendedAction);
        Assert.Contains(owner == 0 ? "belongs to root" : owner == 1000 ? "belongs to you" : $"belongs to user {owner}", error.Message);
        Plans.Of(facts, Plans.Squashfs, [overlay with { ReadOnly = true }], request);
    }

    [Fact]
    public void Root_writes_to_an_overlay_of_anybody() =>
        Plans.Of(Plans.Facts(0), Plans.Squashfs, [Plans.Ext3("/o.img", owner: (4711, 4711))]);

    [Fact]
    public void All_programs_that_are_missing_are_named_at_once_with_the_command_that_installs_them()
    {
        var facts = Plans.Facts() with { FindHelper = helper => helper == HelperProgram.Unshare ? "/usr/bin/unshare" : null };
        var error = Assert.Throws<EngineException>(() => Plans.Of(facts, Plans.Squashfs, [Plans.Ext3("/o.img", owner: (0, 0))],
            Plans.Request with { FakeRoot = true }));
        Assert.Equal(ErrorIds.RuntimeNotFound, error.ErrorId);
        Assert.Equal("Install with: apt-get install uidmap squashfuse fuse2fs fuse-overlayfs", error.RecommendedAction);
        Assert.Contains("'newuidmap' is needed to map subordinate user ids, and is not installed.", error.Message);
    }

    [Fact]
    public void Root_needs_no_helper_but_unshare()
    {
        var facts = Plans.Facts(0) with { FindHelper = helper => helper == HelperProgram.Unshare ? "/usr/bin/unshare" : null };
        Assert.All(Plans.Of(facts, Plans.Squashfs, [Plans.Ext3("/o.img")]).Layers, layer => Assert.Null(layer.Program));
    }

    [Fact]
    public void A_plan_is_the_same_after_its_journey_to_the_init_program()
    {
        var plan = Plans.Of(Plans.Facts(), Plans.Squashfs, [Plans.Ext3("/with \"quotes\"\n.img")]);
        var json = System.Text.Json.JsonSerializer.Serialize(plan, ContainerPlanJson.Default.ContainerPlan);
        var copy = System.Text.Json.JsonSerializer.Deserialize(json, ContainerPlanJson.Default.ContainerPlan);
        Assert.Equivalent(plan, copy, strict: true);
    }

    private static string Refusal(Action act) => Assert.Throws<EngineException>(act).ErrorId;
}
