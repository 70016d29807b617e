using System.Security.Cryptography;
using OverlayTools.Ext;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>What comes from a directory or an archive: the same in every way, and byte for byte when made again.</summary>
public sealed class ExtPopulationTests
{
    private const long MiB = 1 << 20;

    private static readonly ExtFormatOptions s_options = new()
    {
        Uuid = new Guid("11111111-2222-3333-4444-555555555555"),
        HashSeed = new Guid("66666666-7777-8888-9999-aaaaaaaaaaaa"),
        Now = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000),
    };

    [Fact]
    public void The_same_input_gives_the_same_bytes_in_whatever_order_it_was_made()
    {
        using var directory = new TemporaryDirectory();
        var source = RichImages.Tree(directory, 500);
        var copy = Directory.CreateDirectory(directory["copy"]).FullName;
        Ext3Image.Run("sh", "-e", "-c", $"""
            cd '{source}'
            find . -mindepth 1 | sort -r | tar --no-recursion --format=pax --acls --xattrs --xattrs-include='*' -S -T - -cf '{copy}.tar'
            find . -mindepth 1 | tar --no-recursion --format=pax --acls --xattrs --xattrs-include='*' -S -T - -cf '{source}.tar'
            tar -C '{copy}' --acls --xattrs --xattrs-include='*' -xpSf '{copy}.tar'; touch -r . '{copy}'; chmod --reference=. '{copy}'
            """);
        var first = Digest(directory, ExtNode.FromDirectory(source, TestContext.Current.CancellationToken));
        Assert.Equal(first, Digest(directory, ExtNode.FromDirectory(source, TestContext.Current.CancellationToken)));
        Assert.Equal(first, Digest(directory, ExtNode.FromDirectory(copy, TestContext.Current.CancellationToken)));

        var fromArchives = new[] { source + ".tar", copy + ".tar" }.Select(archive =>
        {
            using var stream = File.OpenRead(archive);
            using var tree = ExtTarTree.Read(stream, directory.Path, null, null, TestContext.Current.CancellationToken);
            return Digest(directory, tree.Root);
        }).ToList();
        Assert.Equal(fromArchives[0], fromArchives[1]);
    }

    [Fact]
    public void A_directory_is_in_the_image_as_mke2fs_would_have_put_it()
    {
        using var directory = new TemporaryDirectory();
        var source = RichImages.Tree(directory, 500);
        var theirs = Ext3Image.MadeByMke2fs(directory, 64 * MiB, "-d", source);
        var ours = Ext3Image.Made(directory, 64 * MiB, ExtNode.FromDirectory(source, TestContext.Current.CancellationToken));
        ours.AssertClean();
        string? want = null, got = null;
        theirs.Mounted("ro", point => want = Of(point));
        ours.Mounted("ro", point => got = Of(point));
        Assert.Equal(want, got);

        // mke2fs 1.47.0 knows whole seconds only, and gives a symbolic link the time of now.
        static string Of(string point) => System.Text.RegularExpressions.Regex.Replace(
            KernelView.Of(point, allTimes: false), @" \d{10}\.\d+( |\r?\n)", "$1");
    }

    [Fact]
    public void What_needs_blocks_of_four_KiB_gets_an_image_that_has_them()
    {
        var link = ExtNode.Directory(0x1ED, 0, 0);
        link.Add("link", ExtNode.SymbolicLink(new string('l', 3000), 0, 0));
        var attribute = ExtNode.Directory(0x1ED, 0, 0);
        attribute.Add("file", ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0, null, new Dictionary<string, byte[]> { ["user.large"] = new byte[3000] }));
        var large = ExtNode.Directory(0x1ED, 0, 0);
        // More than triple indirect blocks of 1 KiB reach; all but its end is a hole.
        const long length = 100L << 30;
        large.Add("file", ExtNode.File(new ExtContent(length, () => new PatternStream(length), [(length - 10, length)]), 0x1A4, 0, 0));
        using var directory = new TemporaryDirectory();
        foreach (var root in new[] { link, attribute, large })
        {
            var size = ExtSizing.SizeFor(root);
            Assert.Equal(512 * MiB, size);
            Ext3Image.Made(directory, size, root).AssertClean();
            var error = Assert.Throws<EngineException>(() => Ext3Image.Made(directory, 64 * MiB, root));
            Assert.Contains(error.ErrorId, (string[])[ErrorIds.OverlayFull, ErrorIds.OverlaySizeTooLarge]);
            Assert.Throws<EngineException>(() => ExtSizing.SizeFor(root, new ExtFormatOptions { BlockSize = 1024 }));
        }

        var many = ExtNode.Directory(0x1ED, 0, 0);
        for (var i = 0; i < 5000; i++)
            many.Add($"f{i}", ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0));
        Assert.Equal(ErrorIds.OverlayFull, Assert.Throws<EngineException>(() => ExtSizing.SizeFor(many, new ExtFormatOptions { InodeCount = 1000 })).ErrorId);
        var enough = ExtSizing.SizeFor(many, new ExtFormatOptions { InodeCount = 20_000 });
        Ext3Image.Made(directory, enough, many, new ExtFormatOptions { InodeCount = 20_000 }).AssertClean();
    }

    [Fact]
    public void What_fits_into_blocks_of_one_KiB_is_not_measured_in_larger_ones()
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        for (var i = 0; i < 80_000; i++)
            root.Add($"f{i}", ExtNode.File(new ExtContent(5000, () => new PatternStream(5000)), 0x1A4, 0, 0));
        Assert.InRange(ExtSizing.SizeFor(root), 400 * MiB, 511 * MiB);
        Assert.InRange(ExtSizing.SizeFor(root, 300 * MiB), 900 * MiB, 1500 * MiB);
    }

    private static string Digest(TemporaryDirectory directory, ExtNode root)
    {
        var image = Ext3Image.Made(directory, 64 * MiB, root, s_options);
        image.AssertClean();
        using var file = File.OpenRead(image.Path);
        return Convert.ToHexString(SHA256.HashData(file));
    }
}
