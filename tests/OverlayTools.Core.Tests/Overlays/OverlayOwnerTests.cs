using OverlayTools.Native;
using OverlayTools.Overlays;

namespace OverlayTools.Core.Tests.Overlays;

public class OverlayOwnerTests
{
    [Theory]
    [InlineData("1234567:7654321", 1234567, 7654321)]
    [InlineData(" 4294967294:0 ", 4294967294, 0)]
    [InlineData("root", 0, 0)]
    [InlineData("root:", 0, 0)]
    [InlineData("root:4", 0, 4)]
    [InlineData("0:root", 0, 0)]
    [InlineData("0", 0, 0)]
    [InlineData("3999999999", 3999999999, 3999999999)]
    public void An_owner_is_numbers_or_names(string text, uint user, uint group)
    {
        Assert.True(OverlayOwner.TryParse(text, out var owner, out _));
        Assert.Equal(new OverlayOwner(user, group), owner);
        Assert.Equal($"{user}:{group}", owner.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":100")]
    [InlineData("1:2:3")]
    [InlineData("4294967295")]
    [InlineData("1:4294967295")]
    [InlineData("99999999999999999999")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("no such user")]
    [InlineData("0:no such group")]
    public void What_is_none_is_said(string text)
    {
        Assert.False(OverlayOwner.TryParse(text, out var owner, out var hindrance));
        Assert.Null(owner);
        Assert.EndsWith(".", hindrance);
    }

    [Fact]
    public void A_user_without_a_group_has_the_primary_one()
    {
        var other = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Where(fields => fields.Length > 3)
            .FirstOrDefault(fields => fields[2] != fields[3]);
        Assert.SkipWhen(other is null, "needs an account whose group has another number");
        Assert.True(OverlayOwner.TryParse(other[0], out var byName, out _));
        Assert.True(OverlayOwner.TryParse(other[2], out var byNumber, out _));
        Assert.Equal($"{other[2]}:{other[3]}", byName.ToString());
        Assert.Equal(byName, byNumber);
    }

    [Fact]
    public void Names_are_those_of_the_system()
    {
        Assert.Equal(0u, PasswordEntry.Find("root")?.UserId);
        Assert.Equal(PasswordEntry.Find(0), PasswordEntry.Find("root"));
        Assert.Equal(0u, GroupEntry.Find("root")?.GroupId);
        Assert.Null(GroupEntry.Find("no such group"));
    }
}
