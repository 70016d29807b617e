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

    private static string Digest(TemporaryDirectory directory, ExtNode root)
    {
        var image = Ext3Image.Made(directory, 64 * MiB, root, s_options);
        image.AssertClean();
        using var file = File.OpenRead(image.Path);
        return Convert.ToHexString(SHA256.HashData(file));
    }
}
