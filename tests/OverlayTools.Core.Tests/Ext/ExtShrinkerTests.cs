using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Shrinks images full of everything, and has the kernel and e2fsprogs say what is left.</summary>
public sealed class ExtShrinkerTests(ITestOutputHelper output)
{
    private const long KiB = 1 << 10;
    private const long MiB = 1 << 20;
    private const int Names = 1500;

    [Theory]
    [InlineData(200)]
    [InlineData(200, "-b", "4096")]
    [InlineData(120, "-b", "2048")]
    [InlineData(120, "-I", "128")]
    [InlineData(120, "-g", "1024")]                    // many groups, and four blocks of descriptors
    [InlineData(160, "-O", "^resize_inode")]
    [InlineData(160, "-g", "2048", "-O", "^resize_inode")]
    [InlineData(200, "-O", "^sparse_super,^resize_inode", "-g", "4096")]
    public void Shrinking_keeps_everything(long mebibytes, params string[] options)
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Scattered(directory, mebibytes * MiB, options);
        var content = Describe(image);
        var identity = Identity(image);
        var least = image.MinimumSize();
        output.WriteLine($"{least} of {mebibytes * MiB} bytes at least");
        Assert.InRange(least, 1, mebibytes * MiB / 2);

        foreach (var size in new[] { mebibytes * MiB - 64 * KiB, (least + mebibytes * MiB) / 2 / 4096 * 4096, least })
        {
            var change = image.Shrink(size);
            Assert.InRange(change.NewSizeBytes, Math.Max(0, size - 32 * MiB), size);
            Assert.Equal(change.NewSizeBytes, image.Field("Block count") * image.Field("Block size"));
            AssertSound(image);
            Assert.Equal(content, Describe(image));
            Assert.Equal(identity, Identity(image));
        }

        if (options.Contains("^resize_inode") || options.Contains("^sparse_super,^resize_inode"))
            return;
        image.Grow(mebibytes * MiB * 2);
        AssertSound(image);
        Assert.Equal(content, Describe(image));
        image.Mounted("rw", point => File.WriteAllBytes(point + "/more", new byte[10 * MiB]));
        image.AssertClean();
    }

    private static void AssertSound(Ext3Image image)
    {
        image.AssertClean();
        using (var file = image.Open())
        {
            var check = OverlayTools.Ext.Check.ExtChecker.Check(new FileWindow(file), null, TestContext.Current.CancellationToken);
            Assert.True(check.IsSound, string.Join('\n', check.Findings));
        }

        // The backups are good too.
        var first = image.Field("First block") + image.Field("Blocks per group");
        if (image.Field("Block count") <= first)
            return;
        var (exit, said, error) = Machine.Run("e2fsck", "-f", "-n", "-b", $"{first}", "-B", $"{image.Field("Block size")}", image.Path);
        Assert.True(exit is 0 or 4 && !said.Contains("wrong", StringComparison.Ordinal), said + error);
    }

    /// <summary>Filled through the kernel to more than half and emptied again here and there, so that content lies
    /// everywhere.</summary>
    private static Ext3Image Scattered(TemporaryDirectory directory, long size, params string[] options)
    {
        var tree = RichImages.Tree(directory, Names);
        var image = Ext3Image.MadeByMke2fs(directory, size, options);
        image.Mounted("rw,acl,user_xattr", point =>
        {
            // Fills the front, so that what counts comes to lie behind it.
            for (var i = 0; i < 40; i++)
                File.WriteAllBytes($"{point}/fill{i}", new byte[size / 80]);
            Ext3Image.Run("cp", "-a", "--sparse=always", tree + "/.", point);
            for (var i = 0; i < 30; i++)
            {
                Directory.CreateDirectory($"{point}/upper/d{i}");
                for (var k = 0; k < 8; k++)
                    File.WriteAllBytes($"{point}/upper/d{i}/f{k}", SampleTree.Bytes(i * 8 + k, 7000 + 1000 * k));
                Ext3Image.Run("setfattr", "-n", "user.x", "-v", new string('s', 300), $"{point}/upper/d{i}/f0", $"{point}/upper/d{i}/f2");
            }

            for (var i = 0; i < 30; i++)
                Ext3Image.Run("ln", $"{point}/upper/d{i}/f1", $"{point}/upper/d{(i + 7) % 30}/link{i}");
            for (var i = 0; i < 40; i++)
                File.Delete($"{point}/fill{i}");
            Ext3Image.Run("sh", "-c", $"rm -rf '{point}'/upper/d*/f3 '{point}'/upper/many/*number\\ *7,*");
        });
        return image;
    }

    private static string Describe(Ext3Image image)
    {
        var content = "";
        image.Mounted("ro", point => content = FullDescription(point));
        return content;
    }

    /// <summary>Names, modes, owners, sizes, times, links, devices, attributes and a digest of the content.</summary>
    internal static string FullDescription(string point) => Ext3Image.Run("sh", "-c", """
        cd "$0" && LC_ALL=C
        find . -printf '%P %y %m %U %G %s %n %T@ %C@ %l\n' | sort
        find . -type b -o -type c | sort | xargs -r stat -c '%n %t %T'
        find . -type f -size -50M | sort | xargs -d '\n' -r sha256sum
        find . | sort | xargs -d '\n' -r getfattr -h -d -m - 2>/dev/null
        """, point);

    private static string Identity(Ext3Image image) => string.Join(' ', image.Dump("-h").Split('\n')
        .Where(line => line.StartsWith("Filesystem UUID", StringComparison.Ordinal)
            || line.StartsWith("Directory Hash Seed", StringComparison.Ordinal)
            || line.StartsWith("Inodes per group", StringComparison.Ordinal)
            || line.StartsWith("Filesystem features", StringComparison.Ordinal)
            || line.StartsWith("Total journal blocks", StringComparison.Ordinal)));
}
