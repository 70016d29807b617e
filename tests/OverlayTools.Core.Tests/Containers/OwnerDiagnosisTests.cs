using OverlayTools.Containers;

namespace OverlayTools.Core.Tests.Containers;

/// <summary>Each identity against each owner of <c>upper</c>, in an image, in a SIF image, and in a directory.</summary>
public sealed class OwnerDiagnosisTests
{
    private const uint Me = Plans.User;
    private const uint SubordinateOnHost = 100_000 + 33;

    // In an image are the container's ids, in a directory the host's.
    [Theory]
    [InlineData("image", "plain", 0, "root (it was made for -FakeRoot, or by root)", "Run with -FakeRoot")]
    [InlineData("image", "plain", Me, null, null)]
    [InlineData("image", "plain", 33, "user 33", "Set-OverlayImage '/o' -Owner 1000:1000")]
    [InlineData("image", "plain", 2000, "user 2000", "Set-OverlayImage '/o' -Owner 1000:1000")]
    [InlineData("image", "subuid", 0, null, null)]
    [InlineData("image", "subuid", 33, null, null)]
    [InlineData("image", "subuid", Me, null, null)] // a subordinate id of that number
    [InlineData("image", "subuid", 70_000, "user 70000", "Set-OverlayImage '/o' -Owner 0:0")]
    [InlineData("image", "rootmapped", 0, null, null)]
    [InlineData("image", "rootmapped", Me, "you (1000:1000)", "Run without -FakeRoot")]
    [InlineData("image", "rootmapped", 33, "user 33", "Set-OverlayImage '/o' -Owner 0:0")]
    [InlineData("embedded", "plain", 0, "an image in a SIF image whose 'upper' belongs to root", "Set-OverlayImage '/o' -Owner 1000:1000")]
    [InlineData("embedded", "rootmapped", Me, "an image in a SIF image whose 'upper' belongs to you", "Set-OverlayImage '/o' -Owner 0:0")]
    [InlineData("directory", "plain", 0, "a directory whose 'upper' belongs to root", "Have its owner give it to you")]
    [InlineData("directory", "plain", Me, null, null)]
    [InlineData("directory", "plain", SubordinateOnHost, "perhaps a subordinate id", "run with -FakeRoot")]
    [InlineData("directory", "plain", 2000, "user 2000", "run with -FakeRoot")]
    [InlineData("directory", "subuid", 0, "a directory whose 'upper' belongs to root", "Have its owner give it to you")]
    [InlineData("directory", "subuid", Me, null, null)]
    [InlineData("directory", "subuid", SubordinateOnHost, null, null)]
    [InlineData("directory", "subuid", 2000, "user 2000", "Have its owner give it to you")]
    [InlineData("directory", "rootmapped", Me, null, null)]
    [InlineData("directory", "rootmapped", SubordinateOnHost, "perhaps a subordinate id", "Have its owner give it to you")]
    public void It_is_said_before_the_start_whose_it_is_and_what_mends_it(
        string kind, string identity, uint owner, string? whose, string? advice)
    {
        var layer = kind == "directory"
            ? Plans.Directory("/o") with { UpperOwner = (owner, Group(owner)) }
            : Plans.Ext3("/o", owner: (owner, owner)) with { Offset = kind == "embedded" ? 1 << 20 : 0 };
        var facts = Plans.Facts(subordinate: identity != "rootmapped");
        var request = Plans.Request with { FakeRoot = identity != "plain" };
        if (whose is null)
        {
            Plans.Of(facts, Plans.Squashfs, [layer], request);
            return;
        }

        var error = Assert.Throws<EngineException>(() => Plans.Of(facts, Plans.Squashfs, [layer], request));
        Assert.Equal(ErrorIds.OverlayOwnerMismatch, error.ErrorId);
        Assert.Contains(whose, error.Message);
        Assert.Contains(advice!, error.RecommendedAction);
        Plans.Of(facts, Plans.Squashfs, [layer with { ReadOnly = true }], request);
        Plans.Of(Plans.Facts(0), Plans.Squashfs, [layer], request);
    }

    [Theory]
    [InlineData(0x6969, "NFS")]
    [InlineData(0x65735546, "FUSE")]
    [InlineData(0xF15F, "eCryptfs")]
    [InlineData(0x0BD00BD0, "Lustre")]
    [InlineData(0x47504653, "GPFS")]
    [InlineData(0xAAD7AAEA, "PanFS")]
    public void A_directory_on_a_file_system_of_a_cluster_is_refused_with_the_advice_to_use_an_image(uint magic, string name)
    {
        var error = Assert.Throws<EngineException>(() => UpperFileSystem.Require(magic, "/scratch/o"));
        Assert.Equal(ErrorIds.OverlayNotWritable, error.ErrorId);
        Assert.Contains("is on " + name, error.Message);
        Assert.Contains("New-OverlayImage", error.RecommendedAction);
    }

    [Theory]
    [InlineData(0xEF53)] // ext4
    [InlineData(0x58465342)] // XFS
    [InlineData(0x9123683E)] // Btrfs
    [InlineData(0x01021994)] // tmpfs
    [InlineData(0x794C7630)] // overlayfs: the kernel is asked
    [InlineData(0)]
    public void Others_are_left_to_the_kernel(uint magic) => UpperFileSystem.Require(magic, "/o");

    // The groups of the users on the host and their subordinate ones (Plans.Facts).
    private static uint Group(uint user) => user == SubordinateOnHost ? 200_000u + 33 : user;
}
