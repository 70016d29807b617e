using OverlayTools.Ext;
using OverlayTools.Overlays;

namespace OverlayTools.Core.Tests.Overlays;

public sealed class OverlayTreeTests
{
    [Theory]
    [InlineData("")]
    [InlineData("var")]
    [InlineData("../upper2/x")]
    [InlineData("/..")]
    [InlineData("/var/../../upper2")]
    [InlineData("/a\0b")]
    public void A_path_that_is_not_plainly_below_the_root_is_refused(string path)
    {
        var error = Assert.Throws<EngineException>(() => OverlayTree.Create(0, 0, [path]));
        Assert.Equal(ErrorIds.InvalidDirectoryName, error.ErrorId);
    }

    [Fact]
    public void A_component_of_256_bytes_is_refused_and_one_of_255_is_not()
    {
        var longest = "/" + new string('ä', 127) + "x";
        Assert.Single(Upper(OverlayTree.Create(0, 0, [longest])).Children);
        Assert.Throws<EngineException>(() => OverlayTree.Create(0, 0, [longest + "x"]));
    }

    [Fact]
    public void Doubled_slashes_and_dots_are_normalised_and_parents_shared()
    {
        var upper = Upper(OverlayTree.Create(7, 3_000_000_000, ["/a//b/./c/", "/a/b", "/a/d"]));
        var a = Assert.Single(upper.Children).Node;
        Assert.Equal(["b", "d"], a.Children.Select(child => child.Name.ToString()));
        Assert.Equal((7u, 3_000_000_000u, 0x1EDu), (a.UserId, a.GroupId, a.Permissions));
    }

    [Fact]
    public void The_root_belongs_to_root_and_holds_upper_and_work()
    {
        var root = OverlayTree.Create(1000, 1000, ["/"]);
        Assert.Equal((0u, 0u), (root.UserId, root.GroupId));
        Assert.Equal(["upper", "work"], root.Children.Select(child => child.Name.ToString()));
        Assert.All(root.Children, child => Assert.Equal(1000u, child.Node.UserId));
    }

    private static ExtNode Upper(ExtNode root) => root.Find(new ExtName("upper"))!;
}
