using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext.Edit;

/// <summary>Large directories, with an index and without.</summary>
public sealed class ExtEditorDirectoryTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData("1024", "half_md4", 1)]
    [InlineData("1024", "legacy", 2)]
    [InlineData("4096", "tea", 1)]
    [InlineData("1024", "tea", 2)]
    [InlineData("4096", "half_md4", 2)]
    [InlineData("2048", "legacy", 1)]
    public void An_index_grows_and_the_kernel_finds_every_name(string blockSize, string hash, int signedness)
    {
        Machine.NeedRoot();
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 64 * MiB, "-b", blockSize, "-N", "16384");
        Ext3Image.Run("debugfs", "-w", "-R", $"ssv def_hash_version {hash}", image.Path);
        Ext3Image.Run("debugfs", "-w", "-R", string.Create(CultureInfo.InvariantCulture, $"ssv flags {signedness}"), image.Path);
        const int count = 10_000;
        Edit(image, editor =>
        {
            var many = editor.MakeDirectory(ExtEditor.Root, "many", 0x1ED, 0, 0);
            for (var i = 0; i < count; i++)
                editor.CreateFile(many, Name(i), 0x1A4, 0, 0);
        });
        image.AssertClean();
        var index = image.Debug("htree_dump /many");
        Assert.Contains($"Hash Version: {Array.IndexOf(["legacy", "half_md4", "tea"], hash)}", index, StringComparison.Ordinal);
        Assert.Contains(blockSize == "4096" ? "Indirect levels: 0" : "Indirect levels: 1", index, StringComparison.Ordinal);
        image.Mounted("rw", point =>
        {
            Assert.Equal(count, Directory.GetFiles(point + "/many").Length);
            for (var i = 0; i < count; i++)
                Assert.True(File.Exists($"{point}/many/{Name(i)}"), Name(i));
            // And the kernel can go on with it.
            for (var i = 0; i < 500; i++)
                File.WriteAllText($"{point}/many/by the kernel {i}", "");
            for (var i = 0; i < count; i += 7)
                File.Delete($"{point}/many/{Name(i)}");
        });
        image.AssertClean();
        Edit(image, editor =>
        {
            var many = editor.Find("/many")!.Value;
            for (var i = 0; i < count; i++)
            {
                if (i % 7 != 0 && i % 5 != 0)
                    editor.Unlink(many, Name(i));
            }

            for (var i = 0; i < 1000; i++)
                editor.CreateFile(many, $"once more {i}", 0x1A4, 0, 0);
        });
        image.AssertClean();
        var left = Enumerable.Range(0, count).Count(i => i % 7 != 0 && i % 5 == 0) + 1500;
        image.Mounted("ro", point =>
        {
            Assert.Equal(left, Directory.GetFiles(point + "/many").Length);
            Assert.True(File.Exists(point + "/many/once more 999") && File.Exists(point + "/many/by the kernel 499"));
        });
    }

    [Fact]
    public void A_large_directory_without_an_index_is_read_once_for_a_batch()
    {
        using var directory = new TemporaryDirectory();
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var many = root.Add("many", ExtNode.Directory(0x1ED, 0, 0));
        for (var i = 0; i < 5000; i++)
            many.Add(Name(i), ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0));
        var image = Ext3Image.Made(directory, 64 * MiB, root);
        // Without the mark, its blocks are those of a directory that has none: as who knows no indexes reads them.
        Ext3Image.Run("debugfs", "-w", "-R", "sif /many flags 0", image.Path);
        using (var file = image.Open())
        {
            var window = new CountingWindow(new FileWindow(file));
            using var editor = ExtEditor.Open(window);
            var parent = editor.Find("/many")!.Value;
            window.BytesRead = 0;
            for (var i = 0; i < 5000; i++)
            {
                editor.CreateFile(parent, $"new {i}", 0x1A4, 0, 0);
                if (i % 2 == 0)
                    editor.Unlink(parent, Name(i));
            }

            output.WriteLine($"{window.BytesRead} bytes were read");
            Assert.InRange(window.BytesRead, 1, 16 * MiB);
            Assert.True(editor.Commit());
        }

        image.AssertClean();
        var listed = image.Debug("ls -l /many").Split('\n').Count(line => line.Contains("100644", StringComparison.Ordinal));
        Assert.Equal(7500, listed);
    }

    [Fact]
    public void An_index_that_is_full_says_so_and_nothing_changed()
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 64 * MiB, "-b", "1024", "-N", "4096");
        Edit(image, editor =>
        {
            var file = editor.CreateFile(ExtEditor.Root, "file", 0x1A4, 0, 0);
            var many = editor.MakeDirectory(ExtEditor.Root, "many", 0x1ED, 0, 0);
            var made = 0;
            var error = Assert.Throws<EngineException>(() =>
            {
                // Names of one file: three fit into a leaf, and there are 124 times 127 leaves at most.
                for (; made < 60_000; made++)
                    editor.Link(file, many, new string('x', 240) + made.ToString(CultureInfo.InvariantCulture));
            });
            output.WriteLine($"{made} names: {error.Message}");
            Assert.True(error.ErrorId == ErrorIds.OverlayFull && error.Message.Contains("index", StringComparison.Ordinal), error.Message);
            Assert.Null(editor.Find(many, new string('x', 240) + made.ToString(CultureInfo.InvariantCulture)));
            Assert.NotNull(editor.Find(many, new string('x', 240) + (made - 1).ToString(CultureInfo.InvariantCulture)));
        });
        image.AssertClean();
    }

    [Fact]
    public void More_links_than_the_format_counts_are_refused()
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 24 * MiB);
        Edit(image, editor =>
        {
            editor.MakeDirectory(ExtEditor.Root, "full", 0x1ED, 0, 0);
            editor.MakeDirectory(ExtEditor.Root, "moves", 0x1ED, 0, 0);
            editor.CreateFile(ExtEditor.Root, "linked", 0x1A4, 0, 0);
        });
        Ext3Image.Run("debugfs", "-w", "-R", "sif /full links_count 65000", image.Path);
        Ext3Image.Run("debugfs", "-w", "-R", "sif /linked links_count 65000", image.Path);
        using var file = image.Open();
        using var editor = ExtEditor.Open(new FileWindow(file));
        var full = editor.Find("/full")!.Value;
        AssertError(ErrorIds.OverlayTooManyLinks, () => editor.MakeDirectory(full, "one more", 0x1ED, 0, 0));
        AssertError(ErrorIds.OverlayTooManyLinks, () => editor.Rename(ExtEditor.Root, "moves", full, "moves"));
        AssertError(ErrorIds.OverlayTooManyLinks, () => editor.Link(editor.Find("/linked")!.Value, full, "one more"));
        editor.CreateFile(full, "a file is fine", 0x1A4, 0, 0);
    }

    private static string Name(int i) => (i % 3) switch
    {
        0 => $"a rather long name, number {i}, with äöü",
        1 => $"f{i}",
        _ => $"{i} ÿ{new string('n', 30)}",
    };

    private static void Edit(Ext3Image image, Action<ExtEditor> edit)
    {
        using var file = image.Open();
        using var editor = ExtEditor.Open(new FileWindow(file));
        edit(editor);
        Assert.True(editor.Commit());
        Assert.False(editor.Commit());
    }

    private static void AssertError(string id, Action action) => Assert.Equal(id, Assert.Throws<EngineException>(action).ErrorId);

    private sealed class CountingWindow(Window inner) : Window
    {
        public long BytesRead { get; set; }

        public override long Length => inner.Length;

        public override void Flush() => inner.Flush();

        public override void Clear(long position, long count) => inner.Clear(position, count);

        public override void SetLength(long length) => inner.SetLength(length);

        protected override void ReadCore(long position, Span<byte> buffer)
        {
            BytesRead += buffer.Length;
            inner.Read(position, buffer);
        }

        protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => inner.Write(position, bytes);
    }
}
