using CsCheck;
using OverlayTools.Containers;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Containers;

/// <summary>The rules that are one function each.</summary>
public sealed class SmallRulesTests
{
    [Theory]
    [InlineData("o.img", "o.img", false)]
    [InlineData("o.img:ro", "o.img", true)]
    [InlineData("a:b,c.img", "a:b,c.img", false)]
    [InlineData("a:b,c.img:ro", "a:b,c.img", true)]
    [InlineData("a:ro:ro", "a:ro", true)]
    [InlineData("a:rw", "a:rw", false)]
    [InlineData("a:RO", "a:RO", false)]
    public void Only_a_final_ro_is_no_part_of_an_overlays_path(string text, string path, bool readOnly) =>
        Assert.Equal(new OverlayArgument(path, readOnly), OverlayArgument.Parse(text));

    [Fact]
    public void Every_message_comes_back_from_its_line_as_it_was() =>
        Gen.OneOf(Gen.Char["\\tn\t\nx"], Gen.Char).Array.Select(characters => new string(characters)).Sample(text =>
        {
            var line = InitProtocol.Escape(text);
            return InitProtocol.Unescape(line) == text && !line.Contains('\t') && !line.Contains('\n');
        });

    [Theory]
    [InlineData("ada:100000:65536", 100000u, 65536u)]
    [InlineData("1000:5:65536", 5u, 65536u)]
    [InlineData("ada:1:65535", null, null)] // too few
    [InlineData("bob:1:65536", null, null)]
    [InlineData("ada:1:200000\nada:7:65536", 7u, 65536u)] // exactly as many as needed comes first
    [InlineData("ada:1:70000\nada:7:80000", 7u, 80000u)]
    [InlineData("# ada:1:65536\nada:-1:65536\nada:1\nada:x:y\nada:1:99999999999\n\n", null, null)]
    public void Subordinate_ids_are_chosen_by_name_or_number(string file, uint? start, uint? count)
    {
        var chosen = SubordinateIds.Choose(file.Split('\n'), "ada", 1000);
        Assert.Equal((start, count), (chosen?.Start, chosen?.Count));
    }

    [Fact]
    public void Identities_are_root_the_user_subordinate_ids_or_a_lonely_root()
    {
        AssertIdentity(IdentityPlanner.Plan(Plans.Request with { FakeRoot = false }, Plans.Facts(0)), IdentityKind.Root, []);
        AssertIdentity(IdentityPlanner.Plan(Plans.Request with { FakeRoot = true }, Plans.Facts(0)), IdentityKind.Root, []);
        AssertIdentity(IdentityPlanner.Plan(Plans.Request with { FakeRoot = false }, Plans.Facts()), IdentityKind.CurrentUser, [new(1000, 1000, 1)]);
        AssertIdentity(IdentityPlanner.Plan(Plans.Request with { FakeRoot = true }, Plans.Facts()), IdentityKind.SubordinateIds, [new(0, 1000, 1), new(1, 100000, 65536)]);
        AssertIdentity(IdentityPlanner.Plan(Plans.Request with { FakeRoot = true }, Plans.Facts(subordinate: false)), IdentityKind.RootMapped, [new(0, 1000, 1)]);
        var apart = Plans.Request with { UserNamespace = true };
        AssertIdentity(IdentityPlanner.Plan(apart, Plans.Facts(0)), IdentityKind.RootMapped, [new(0, 0, 1)]);
        AssertIdentity(IdentityPlanner.Plan(apart with { FakeRoot = true }, Plans.Facts(0)), IdentityKind.SubordinateIds,
            [new(0, 0, 1), new(1, 100000, 65536)]);
        AssertIdentity(IdentityPlanner.Plan(Plans.Request, Plans.Facts(0) with { MayMount = false }), IdentityKind.RootMapped, [new(0, 0, 1)]);
        AssertIdentity(IdentityPlanner.Plan(Plans.Request with { FakeRoot = true }, Plans.Facts() with { SubordinateGroupIds = null }), IdentityKind.RootMapped,
            [new(0, 1000, 1)]);
    }

    [Fact]
    public void Images_are_known_by_their_magic_numbers()
    {
        Assert.Equal(ImageFormat.Sif, Recognize(1024, (32, "SIF_MAGIC\0"u8.ToArray())));
        Assert.Equal(ImageFormat.Squashfs, Recognize(1024, (0, "hsqs"u8.ToArray())));
        Assert.Equal(ImageFormat.Ext3, Recognize(2048, (1080, [0x53, 0xEF])));
        Assert.Equal(ImageFormat.Unknown, Recognize(2048, (1080, [0xEF, 0x53])));
        Assert.Equal(ImageFormat.Unknown, Recognize(1081, (1080, [0x53])));
        Assert.Equal(ImageFormat.Unknown, Recognize(41, (32, "SIF_MAGIC"u8.ToArray())));
        Assert.Equal(ImageFormat.Unknown, Recognize(0));
    }

    private static void AssertIdentity(IdentityPlan plan, IdentityKind kind, IdMapping[] users)
    {
        Assert.Equal(kind, plan.Kind);
        Assert.Equal(users, plan.UserMap);
        Assert.Equal(users.Length, plan.GroupMap.Count);
        Assert.Equal(kind == IdentityKind.CurrentUser ? 1000u : 0u, plan.UserId);
    }

    private static ImageFormat Recognize(int length, params (int Offset, byte[] Bytes)[] parts)
    {
        using var folder = new TemporaryDirectory();
        var content = new byte[length];
        foreach (var (offset, bytes) in parts)
            bytes.CopyTo(content, offset);
        File.WriteAllBytes(folder["image"], content);
        using var file = File.OpenHandle(folder["image"]);
        return ImageFormats.Recognize(file, folder["image"]);
    }
}
