using System.Security.Cryptography;
using OverlayTools.Ext;
using OverlayTools.Ext.Check;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>File systems of the wrong kind: read, and never written.</summary>
public sealed class Ext4ReadingTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(300, 64000, "-t", "ext4")]
    [InlineData(100, 3000, "-t", "ext4", "-b", "1024")]
    [InlineData(100, 300, "-t", "ext4", "-b", "2048", "-O", "^has_journal,meta_bg,^resize_inode")]
    [InlineData(100, 300, "-t", "ext4", "-O", "inline_data,ea_inode,large_dir")]
    [InlineData(100, 300, "-t", "ext4", "-O", "^64bit,^metadata_csum,uninit_bg", "-I", "512")]
    [InlineData(100, 3000, "-t", "ext2", "-b", "1024")]
    [InlineData(100, 300, "-t", "ext3", "-b", "2048")]
    [InlineData(100, 300, "-t", "ext2", "-b", "4096", "-O", "^filetype,^dir_index")]
    public void The_reader_sees_what_the_kernel_sees(int sizeInMiB, int names, params string[] options)
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, sizeInMiB * MiB, options);
        image.Mounted("rw", point =>
        {
            KernelTree.Fill(point, names, 100 * MiB);
            if (options.Any(option => option.Contains("ea_inode")))
                Ext3Image.Run("setfattr", "-n", "user.huge", "-v", new string('h', 20_000), point + "/upper/small");
        });
        SortedDictionary<string, string>? kernel = null;
        image.Mounted("ro", point => kernel = KernelView.ByKernel(point));
        using var file = image.Open();
        var fs = ExtFileSystem.OpenForReading(new FileWindow(file));
        var reader = KernelView.ByReader(ExtNode.FromFileSystem(fs, "/", TestContext.Current.CancellationToken));
        Assert.True(kernel!.Count > names / 2);
        foreach (var (path, said) in kernel)
            Assert.Equal($"{path}: {said}", $"{path}: {reader.GetValueOrDefault(path)}");
        Assert.Equal(kernel.Keys, reader.Keys);
        // The cases are what they are said to be.
        var pieces = fs.ReadInode(fs.Find("/upper/pieces")!.Value);
        var tiny = fs.ReadInode(fs.Find("/upper/tiny")!.Value);
        if (options[1] == "ext4")
            Assert.InRange(pieces.Pointers[6], options.Contains("1024") ? 2 : 1, 5);
        Assert.Equal(options.Any(option => option.Contains("inline_data")), (tiny.Flags & ExtInode.InlineDataFlag) != 0);
        Assert.Equal(options[1] != "ext4", fs.FeaturesBeyondExt3.All(f => f is not ("extent" or "flex_bg" or "64bit")));
    }

    [Fact]
    public void The_content_of_an_ext4_image_goes_into_an_ext3_image()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 100 * MiB, "-t", "ext4", "-O", "inline_data");
        image.Mounted("rw", point => KernelTree.Fill(point, 300, 100 * MiB));
        using var file = image.Open();
        var tree = ExtNode.FromFileSystem(ExtFileSystem.OpenForReading(new FileWindow(file)), "/", TestContext.Current.CancellationToken);
        var made = Ext3Image.Made(directory, 128 * MiB, tree);
        made.AssertClean();
        string? before = null, after = null;
        image.Mounted("ro", point => before = KernelView.Of(point));
        made.Mounted("ro", point => after = KernelView.Of(point));
        Assert.Equal(before, after);
    }

    [Theory]
    [InlineData("bigalloc", "bigalloc")]
    [InlineData("mmp", "mmp")]
    [InlineData("encrypt", "encrypt")]
    [InlineData("casefold", "casefold")]
    public void What_cannot_be_read_is_named(string feature, string expected)
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 64 * MiB, "-t", "ext4", "-O", feature);
        using var file = image.Open();
        var error = Assert.Throws<EngineException>(() => ExtFileSystem.OpenForReading(new FileWindow(file)));
        Assert.Equal(ErrorIds.OverlayFeatureUnsupported, error.ErrorId);
        Assert.Contains($"cannot be read: {expected}.", error.Message);
        Assert.Contains(expected, ExtSuperblock.Read(new FileWindow(file)).UnsupportedByApptainer);
    }

    [Fact]
    public void Every_feature_has_the_name_that_dumpe2fs_has_for_it()
    {
        Machine.NeedTool("dumpe2fs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 8 * MiB);
        using var file = image.Open();
        var pristine = new byte[1024];
        RandomAccess.Read(file, pristine, 1024);
        var differences = new List<string>();
        for (var bit = 0; bit < 96; bit++)
        {
            var raw = (byte[])pristine.Clone();
            raw[0x5C + bit / 8] |= (byte)(1 << (bit % 8));
            RandomAccess.Write(file, raw, 1024);
            // It reads no further where it does not know a feature, but then names it.
            var (_, output, _) = Machine.Run("dumpe2fs", "-h", "-f", image.Path);
            var line = output.Split('\n').FirstOrDefault(l => l.StartsWith("Filesystem features:", StringComparison.Ordinal));
            var theirs = line?[20..].Trim();
            var ours = string.Join(' ', ExtSuperblock.Read(new FileWindow(file)).Features);
            // Where it has only a number, the name of the kernel's headers says more (btree_dir).
            if (theirs is not null && theirs != ours && !theirs.Contains("FEATURE_", StringComparison.Ordinal))
                differences.Add($"bit {bit}: '{theirs}' and '{ours}'");
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    [Fact]
    public void More_than_32_bits_of_blocks_are_refused()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 64 * MiB, "-t", "ext4");
        using var file = image.Open();
        RandomAccess.Write(file, [1], 1024 + 0x150);
        var error = Assert.Throws<EngineException>(() => ExtFileSystem.OpenForReading(new FileWindow(file)));
        Assert.Equal(ErrorIds.OverlayFeatureUnsupported, error.ErrorId);
        Assert.Contains("2^32", error.Message);
    }

    [Theory]
    [InlineData("ext4", "")]
    [InlineData("ext4", "^metadata_csum,^64bit,^flex_bg")]
    [InlineData("ext4", "^has_journal")]
    public void Nothing_that_writes_touches_ext4(string type, string features)
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 64 * MiB, ["-t", type, .. features.Length == 0 ? [] : (string[])["-O", features]]);
        image.Mounted("rw", point => File.WriteAllText(point + "/file", "content"));
        // As if it had not been unmounted, and with counts that a repair would make right.
        Ext3Image.Run("debugfs", "-w", "-R", "ssv free_blocks_count 77", image.Path);
        if (!features.Contains("journal"))
            Ext3Image.Run("debugfs", "-w", "-R", "feature +needs_recovery", image.Path);
        var before = SHA256.HashData(File.ReadAllBytes(image.Path));
        var token = TestContext.Current.CancellationToken;
        using (var file = image.Open())
        {
            var window = new FileWindow(file);
            var fs = ExtFileSystem.OpenForReading(window);
            Assert.False(fs.IsChangeable);
            Assert.Contains("extent", fs.FeaturesBeyondExt3);
            foreach (var work in (Action[])[
                () => ExtFileSystem.Open(window),
                () => ExtResizer.Grow(window, 128 * MiB, null, token),
                () => ExtResizer.LargestSize(window),
                () => ExtChecker.Check(window, null, token),
                () => ExtChecker.RepairCounts(window, null, token),
                () => JournalReplay.Find(window, token),
                () => ExtShrinker.Shrink(window, 32 * MiB, null, token),
                () => ExtEditor.Open(window),
                () => JournalLog.Open(fs),
                () => JournalTransaction.Open(fs),
            ])
                Assert.Equal(ErrorIds.OverlayFeatureUnsupported, Assert.Throws<EngineException>(work).ErrorId);
        }

        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(image.Path)));
    }

    [Fact]
    public void An_ext3_file_system_opened_for_reading_is_changeable()
    {
        using var directory = new TemporaryDirectory();
        Ext3Image.Made(directory, 8 * MiB, SampleTree.Everything()).Read(fs =>
        {
            Assert.True(ExtFileSystem.OpenForReading(fs.Window).IsChangeable);
            return 0;
        });
    }
}
