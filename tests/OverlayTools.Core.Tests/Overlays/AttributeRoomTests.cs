using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Attributes that ext3 has no room for: whoever has fifty thousand files is told which one it is.</summary>
public sealed class AttributeRoomTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Making_a_file_system_names_the_file()
    {
        var deep = ExtNode.Directory(0x1ED, 0, 0);
        deep.Add(new ExtName("ordinary"), ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0));
        var heavy = ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0, null, new Dictionary<string, byte[]> { ["user.large"] = new byte[5000] });
        deep.Add(new ExtName("heavy"), heavy);
        var upper = ExtNode.Directory(0x1ED, 0, 0);
        upper.Add(new ExtName("deep"), deep);
        var root = ExtNode.Directory(0x1ED, 0, 0);
        root.Add(new ExtName("upper"), upper);

        var error = Assert.Throws<EngineException>(() => Ext3Image.Made(_directory, 64 * MiB, root, new ExtFormatOptions { BlockSize = 4096 }));
        Assert.Equal(ErrorIds.OverlayFull, error.ErrorId);
        Assert.StartsWith("'/upper/deep/heavy': ", error.Message, StringComparison.Ordinal);
        Assert.Contains("4096", error.Message, StringComparison.Ordinal);
        Assert.Equal("/upper/deep/heavy", error.Target);
    }

    [Fact]
    public void A_source_whose_attributes_need_larger_blocks_names_the_file()
    {
        var source = SourceWithHeavyFile();
        var error = Assert.Throws<EngineException>(() => OverlayCreator.Create(
            new OverlayCreation { Path = _directory["new.img"], SizeBytes = 64 * MiB, Source = source, UserId = 0, GroupId = 0 }, null, Token));
        Assert.Equal(ErrorIds.OverlayFull, error.ErrorId);
        Assert.Contains("'/upper/deep/heavy'", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_directory["new.img"]));
    }

    [Fact]
    public void Copying_in_names_the_file_and_leaves_a_sound_image()
    {
        Machine.NeedTool("e2fsck");
        var source = SourceWithHeavyFile();
        OverlayCreator.Create(
            new OverlayCreation { Path = _directory["small.img"], SizeBytes = 64 * MiB, UserId = 0, GroupId = 0 }, null, Token);
        var import = new OverlayItemImport
        {
            ImagePath = _directory["small.img"],
            Sources = [Path.Combine(source, "deep")],
            ItemDestination = "/",
            Recurse = true,
        };
        var error = Assert.Throws<EngineException>(() => import.Run(null, null, Token));
        Assert.Equal(ErrorIds.OverlayFull, error.ErrorId);
        Assert.StartsWith("'deep/heavy': ", error.Message, StringComparison.Ordinal);
        new Ext3Image(_directory["small.img"]).AssertClean();
    }

    // Blocks of 1 KiB, which an image of 64 MiB has, do not hold it; those of the host's file system do.
    private string SourceWithHeavyFile()
    {
        Machine.NeedTool("setfattr");
        var source = Directory.CreateDirectory(_directory["source"]).FullName;
        Directory.CreateDirectory(Path.Combine(source, "deep"));
        File.WriteAllText(Path.Combine(source, "deep/ordinary"), "content");
        var heavy = Path.Combine(source, "deep/heavy");
        File.WriteAllText(heavy, "content");
        Ext3Image.Run("setfattr", "-n", "user.large", "-v", new string('x', 2000), heavy);
        return source;
    }
}
