using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

public sealed class ExtTreeReaderTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(100, null, 700, 8192)]
    [InlineData(600, null, 100, 16384)]
    [InlineData(100, "128", 100, 4096)]
    public void A_file_system_made_anew_is_the_same_to_the_kernel(int sizeInMiB, string? inodeSize, int newSizeInMiB, int bytesPerInode)
    {
        using var directory = new TemporaryDirectory();
        string[] options = inodeSize is null ? [] : ["-I", inodeSize];
        var image = Ext3Image.MadeByMke2fs(directory, sizeInMiB * MiB, options);
        image.Mounted("rw,acl,user_xattr", point => KernelTree.Fill(point, 3000, 200 * MiB));
        Ext3Image? made = null;
        image.Read(fs =>
        {
            made = Ext3Image.Made(directory, newSizeInMiB * MiB, Tree(fs),
                new ExtFormatOptions { BytesPerInode = bytesPerInode });
            return 0;
        });
        made!.AssertClean();
        string? before = null, after = null;
        image.Mounted("ro", point => before = KernelView.Of(point));
        made.Mounted("ro", point => after = KernelView.Of(point));
        Assert.Contains("trusted.overlay.opaque=0x79", before);
        Assert.Contains("user:1234:rw-", before);
        Assert.Equal(before, after);
        Assert.NotEqual(image.Field("Inode count"), made.Field("Inode count"));
        Assert.Contains("--A", Flags(made, "/upper/same1"));
        // A hole stays a hole: six pieces, each with the indirect blocks that lead to it.
        var sparse = made.Read(fs => fs.ReadInode(fs.Find("/upper/sparse")!.Value).Sectors);
        Assert.InRange(sparse, 1u, 300u);
        if (inodeSize is null)
            Assert.Equal(Crtime(image), Crtime(made));
    }

    [Fact]
    public void Attributes_take_no_block_where_the_inode_has_room_and_equal_ones_share_theirs()
    {
        using var directory = new TemporaryDirectory();
        var root = ExtNode.Directory(0x1ED, 0, 0);
        Dictionary<string, byte[]> small = new() { ["user.overlay.opaque"] = "y"u8.ToArray() };
        Dictionary<string, byte[]> large = new() { ["user.text"] = new byte[500], ["user.b"] = "b"u8.ToArray() };
        for (var i = 0; i < 1500; i++)
            root.Add($"f{i}", ExtNode.File(ExtContent.FromBytes([1]), 0x1A4, 0, 0, null, i < 50 ? small : large));
        // As full as inode and block can be together: 92 bytes there, 988 here.
        root.Add("full", ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0, null, new Dictionary<string, byte[]>
        {
            ["user.a"] = new byte[20], ["user.bb"] = new byte[28], ["user.c"] = new byte[948], ["user.d"] = new byte[0],
        }));
        var image = Ext3Image.Made(directory, 64 * MiB, root);
        image.AssertClean();
        var need = ExtSizing.Measure(root, 1024);
        image.Read(fs =>
        {
            var blocks = fs.ReadDirectory(2).Select(entry => fs.ReadInode(entry.Inode).AttributeBlock).Where(b => b != 0).ToList();
            Assert.Equal(1451, blocks.Count);
            Assert.Equal(3, blocks.Distinct().Count()); // 1024 and 426 that share, and one of its own
            // The measure counts the most blocks that the directory's index can take.
            var spare = IndexLayout.MostBlocks(root.Children.Select(child => child.Name.Bytes.Length).Append(10), 1024) - fs.ReadInode(2).Size / 1024;
            Assert.Equal(ExtSizing.Available(fs.Geometry) - need.Blocks + spare, fs.Superblock.FreeBlocksCount);
            Assert.Equal(948, fs.ReadAttributes(fs.Find("/full")!.Value)["user.c"].Length);
            return 0;
        });
        image.Mounted("rw", point =>
        {
            // Whoever changes one of those that share does not change the others.
            Ext3Image.Run("setfattr", "-n", "user.text", "-v", "changed", point + "/f100");
            Assert.Equal(500, Ext3Image.Run("getfattr", "--only-values", "-n", "user.text", point + "/f101").Length);
        });
        image.AssertClean();
    }

    [Fact]
    public void Whatever_leads_in_circles_or_is_claimed_twice_is_a_typed_error()
    {
        using var directory = new TemporaryDirectory();
        var damages = new (string Command, string Expected)[]
        {
            ("ln /upper /upper/again", "has another name"),
            ("ln /upper/small /upper/more", "has more names"),
            ("ln <8> /upper/journal", "is reserved"),
            ("clri /upper/small", "is not in use"),
            ("set_inode_field /upper/large block[IND] 9999999", "outside the file system"),
            ("set_inode_field /upper/attributes file_acl 9999999", "outside the file system"),
            ("set_inode_field /upper/small extra_isize 400", "after the first 128"),
            ("set_inode_field /upper/large size 0x7fffffffffff", "its size is"),
        };
        foreach (var (command, expected) in damages)
        {
            var image = Ext3Image.Made(directory, 8 * MiB, SampleTree.Everything());
            Ext3Image.Run("debugfs", "-w", "-R", command, image.Path);
            var error = Record.Exception(() => image.Read(fs => Tree(fs))) as EngineException;
            Assert.True(error?.ErrorId == ErrorIds.OverlayCorrupt, $"{command}: {error?.Message}");
            Assert.Contains(expected, error!.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Files_that_claim_all_blocks_again_and_again_are_stopped()
    {
        using var directory = new TemporaryDirectory();
        var root = ExtNode.Directory(0x1ED, 0, 0);
        for (var i = 0; i < 100; i++)
            root.Add($"f{i:D2}", ExtNode.File(new ExtContent(1 << 20, () => new PatternStream(1 << 20), i == 0 ? null : [(0, 1024)]), 0x1A4, 0, 0));
        var image = Ext3Image.Made(directory, 16 * MiB, root);
        using (var file = image.Open())
        {
            // All the others get the block pointers of the first.
            var fs = ExtFileSystem.Open(new FileWindow(file));
            var first = fs.ReadInode(fs.Find("/f00")!.Value).Pointers.ToArray();
            for (var i = 1; i < 100; i++)
            {
                var at = fs.OffsetOfInode(fs.Find($"/f{i:D2}")!.Value) + 0x28;
                RandomAccess.Write(file, first, at);
            }
        }

        var error = Assert.Throws<EngineException>(() => image.Read(fs => Tree(fs)));
        Assert.Equal(ErrorIds.OverlayCorrupt, error.ErrorId);
        Assert.Contains("more blocks than there are", error.Message);
    }

    [Fact]
    public void A_part_of_a_file_system_is_a_tree_too()
    {
        using var directory = new TemporaryDirectory();
        Ext3Image.Made(directory, 8 * MiB, SampleTree.Everything()).Read(fs =>
        {
            var upper = Tree(fs, "/upper");
            Assert.Equal(18, upper.Children.Count);
            Assert.Equal(SampleTree.BigId, upper.UserId);
            Assert.Same(upper.Find(new ExtName("large")), upper.Find(new ExtName("also-large")));
            var error = Assert.Throws<EngineException>(() => Tree(fs, "/upper/small"));
            Assert.Equal(ErrorIds.OverlayFileNotFound, error.ErrorId);
            return 0;
        });
    }

    private static ExtNode Tree(ExtFileSystem fs, string path = "/") =>
        ExtNode.FromFileSystem(fs, path, TestContext.Current.CancellationToken);

    private static string Flags(Ext3Image image, string path) =>
        image.Read(fs => (fs.ReadInode(fs.Find(path)!.Value).Flags & 0x80) != 0) ? "--A" : "---";

    private static string Crtime(Ext3Image image) =>
        image.Debug("stat /upper/same3").Split('\n').FirstOrDefault(line => line.StartsWith("crtime", StringComparison.Ordinal)) ?? "";
}
