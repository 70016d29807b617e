using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext.Edit;

/// <summary>What random operations seldom come to: limits, large files, full images, shared attributes, refusals.</summary>
public sealed class ExtEditorTests
{
    private const long MiB = 1 << 20;
    private const long GiB = 1 << 30;

    [Theory]
    [InlineData("1024", 80 * MiB)]  // third level of indirect blocks
    [InlineData("4096", 5 * GiB)]   // the same, and the feature large_file
    public void A_file_reaches_into_every_level_of_indirect_blocks(string blockSize, long far)
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 128 * MiB, "-b", blockSize, "-O", "^large_file");
        var places = new[] { 0, 40_000, 2 * MiB + 77, 30 * MiB, far };
        Edit(image, editor =>
        {
            var file = editor.CreateFile(ExtEditor.Root, "sparse", 0x1A4, 0, 0);
            foreach (var place in places)
                editor.Write(file, place, SampleTree.Bytes((int)(place % 1000), 5000));
            // Made longer, cut again in the third level, and the same file once more, emptied.
            editor.Truncate(file, far + 100 * MiB);
            editor.Truncate(file, far + 4000);
            var emptied = editor.CreateFile(ExtEditor.Root, "emptied", 0x1A4, 0, 0);
            foreach (var place in places)
                editor.Write(emptied, place, SampleTree.Bytes(1, 100_000));
            editor.Truncate(emptied, 0);
        });
        image.AssertClean();
        Assert.Equal(far > int.MaxValue, image.Dump("-h").Contains("large_file", StringComparison.Ordinal));
        image.Mounted("ro", point =>
        {
            using var file = File.OpenRead(point + "/sparse");
            Assert.Equal(far + 4000, file.Length);
            foreach (var place in places)
            {
                var expected = SampleTree.Bytes((int)(place % 1000), 5000)[..(place == far ? 4000 : 5000)];
                var read = new byte[expected.Length];
                file.Position = place;
                file.ReadExactly(read);
                Assert.Equal(expected, read);
            }

            Assert.Equal("0 0", Ext3Image.Run("stat", "-c", "%s %b", point + "/emptied").Trim());
        });
        Edit(image, editor => editor.Unlink(ExtEditor.Root, "sparse"));
        image.AssertClean();
    }

    [Fact]
    public void An_attribute_that_a_file_does_not_have_cannot_be_removed()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 16 * MiB);
        Edit(image, editor =>
        {
            var error = Assert.Throws<EngineException>(() => editor.RemoveAttribute(ExtEditor.Root, "user.none"));
            Assert.Equal(ErrorIds.OverlayAttributeNotFound, error.ErrorId);
        });
        image.AssertClean();
    }

    [Fact]
    public void Attributes_that_the_kernel_let_files_share_are_copied_when_one_changes()
    {
        Machine.NeedRoot();
        Machine.NeedTool("setfattr");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 24 * MiB);
        var value = new string('v', 300);
        image.Mounted("rw,user_xattr", point =>
        {
            foreach (var name in (string[])["a", "b", "c", "d"])
            {
                File.WriteAllText($"{point}/{name}", name);
                Ext3Image.Run("setfattr", "-n", "user.note", "-v", value, $"{point}/{name}");
            }
        });
        Assert.Single(image.Read(fs => "abcd".Select(name => fs.ReadInode(fs.Find("/" + name)!.Value).AttributeBlock).Distinct().ToList()));
        Edit(image, editor =>
        {
            editor.SetAttribute(editor.Find("/a")!.Value, "user.note", SampleTree.Bytes(1, 400));
            editor.RemoveAttribute(editor.Find("/b")!.Value, "user.note");
            editor.Unlink(ExtEditor.Root, "c");
        });
        image.AssertClean();
        image.Mounted("ro,user_xattr", point =>
        {
            Assert.Contains(Convert.ToHexString(SampleTree.Bytes(1, 400)), Attribute("a"), StringComparison.OrdinalIgnoreCase);
            Assert.Equal("", Attribute("b"));
            Assert.Contains(Convert.ToHexString(System.Text.Encoding.ASCII.GetBytes(value)), Attribute("d"), StringComparison.OrdinalIgnoreCase);

            string Attribute(string name) => Machine.Run("getfattr", "-n", "user.note", "-e", "hex", $"{point}/{name}").Output;
        });
        Edit(image, editor => editor.SetAttribute(editor.Find("/d")!.Value, "user.note", [1]));
        image.AssertClean();
    }

    [Fact]
    public void What_does_not_fit_into_the_journal_is_refused_whole_or_made_in_steps()
    {
        Machine.NeedTool("mke2fs");
        using var directory = new TemporaryDirectory();
        var source = directory["source"];
        Directory.CreateDirectory(source);
        for (var i = 0; i < 4500; i++)
            File.WriteAllBytes($"{source}/{i}", []);
        var image = Ext3Image.MadeByMke2fs(directory, 32 * MiB, "-b", "1024", "-N", "8192", "-J", "size=1", "-d", source);
        Edit(image, editor => editor.SetLabel("before"));
        var before = File.ReadAllBytes(image.Path);
        using (var file = image.Open())
        {
            using var editor = ExtEditor.Open(new FileWindow(file));
            ChangeAll(editor);
            var error = Assert.Throws<EngineException>(() => editor.Commit());
            Assert.Equal(ErrorIds.OverlayChangeTooLarge, error.ErrorId);
        }

        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)), "the image changed");
        using (var file = image.Open())
        {
            var window = new RecordingWindow(new FileWindow(file));
            using var editor = ExtEditor.Open(window);
            for (var i = 0; i < 4500; i++)
            {
                editor.SetOwner(editor.Find(ExtEditor.Root, i.ToString(CultureInfo.InvariantCulture))!.Value, 1, 1);
                editor.CommitIfLarge();
            }

            Assert.True(window.Flushes >= 14);
        }

        using (var file = image.Open())
        {
            using var editor = ExtEditor.Open(new FileWindow(file));
            editor.CommitsWhenLarge = true;
            ChangeAll(editor);
            editor.Commit();
        }

        image.AssertClean();
        Assert.Equal(4500, image.Read(fs => fs.ReadDirectory(2).Count(entry => fs.ReadInode(entry.Inode).UserId == 4_000_000_000)));

        static void ChangeAll(ExtEditor editor)
        {
            for (var i = 0; i < 4500; i++)
                editor.SetOwner(editor.Find(ExtEditor.Root, i.ToString(CultureInfo.InvariantCulture))!.Value, 4_000_000_000, 5);
        }
    }

    [Fact]
    public void A_tree_larger_than_the_journal_is_made_and_removed_in_steps()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 48 * MiB, "-b", "1024", "-N", "8192", "-J", "size=1");
        var (blocks, inodes) = (image.Field("Free blocks"), image.Field("Free inodes"));
        using (var file = image.Open())
        {
            var window = new RecordingWindow(new FileWindow(file));
            using var editor = ExtEditor.Open(window);
            editor.CommitsWhenLarge = true;
            for (var i = 0; i < 6000; i++)
            {
                var parent = editor.MakeDirectories($"/tree/{i % 7}/{i % 31}", 0x1ED, 0, 0);
                editor.Write(editor.CreateFile(parent, $"f{i}", 0x1A4, 0, 0), 0, SampleTree.Bytes(i, 1 + i % 3000));
            }

            editor.Commit();
            image.AssertClean();
            var flushes = window.Flushes;
            Assert.True(flushes >= 14);
            editor.CommitsWhenLarge = false;
            editor.RemoveTree(ExtEditor.Root, "tree", null, TestContext.Current.CancellationToken);
            Assert.Equal(ErrorIds.OverlayChangeTooLarge, Assert.Throws<EngineException>(() => editor.Commit()).ErrorId);
        }

        image.AssertClean();
        using (var file = image.Open())
        {
            using var editor = ExtEditor.Open(new FileWindow(file));
            editor.CommitsWhenLarge = true;
            editor.RemoveTree(ExtEditor.Root, "tree", null, TestContext.Current.CancellationToken);
            editor.Commit();
        }

        image.AssertClean();
        Assert.Equal((blocks, inodes), (image.Field("Free blocks"), image.Field("Free inodes")));
    }

    [Fact]
    public void A_full_image_keeps_what_it_has_and_data_can_still_be_overwritten()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 8 * MiB, "-b", "1024");
        var kept = SampleTree.Bytes(1, 100_000);
        Edit(image, editor =>
        {
            editor.Write(editor.CreateFile(ExtEditor.Root, "kept", 0x1A4, 0, 0), 0, kept);
            var filler = editor.CreateFile(ExtEditor.Root, "filler", 0x1A4, 0, 0);
            var at = 0L;
            var full = Assert.Throws<EngineException>(() =>
            {
                for (; at < 64 * MiB; at += 1000)
                    editor.Write(filler, at, SampleTree.Bytes(3, 1000));
            });
            Assert.Equal(ErrorIds.OverlayFull, full.ErrorId);
            Assert.Equal(0, editor.FreeBytes);
            Assert.Equal(at, editor.FileSystem.ReadInode(filler).Size);
        });
        image.AssertClean();
        var changed = SampleTree.Bytes(4, 30_000);
        Edit(image, editor =>
        {
            editor.Write(editor.Find("/kept")!.Value, 12_345, changed);
            Assert.Equal(ErrorIds.OverlayFull,
                Assert.Throws<EngineException>(() => editor.MakeDirectory(ExtEditor.Root, "no room", 0x1ED, 0, 0)).ErrorId);
            editor.Unlink(ExtEditor.Root, "filler");
            // What was freed is the file's until the commit.
            Assert.Throws<EngineException>(() => editor.MakeDirectory(ExtEditor.Root, "no room", 0x1ED, 0, 0));
            editor.Commit();
            editor.MakeDirectory(ExtEditor.Root, "room", 0x1ED, 0, 0);
        });
        image.AssertClean();
        changed.CopyTo(kept, 12_345);
        image.Mounted("ro", point => Assert.Equal(kept, File.ReadAllBytes(point + "/kept")));
    }

    [Fact]
    public void No_inode_is_left()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 8 * MiB, "-N", "64");
        Edit(image, editor =>
        {
            var made = 0;
            var error = Assert.Throws<EngineException>(() =>
            {
                for (; made < 1000; made++)
                    editor.CreateFile(ExtEditor.Root, $"f{made}", 0x1A4, 0, 0);
            });
            Assert.Equal((ErrorIds.OverlayFull, true), (error.ErrorId, made > 40));
            // An inode that was freed can be had at once.
            editor.Unlink(ExtEditor.Root, "f7");
            editor.CreateFile(ExtEditor.Root, "again", 0x1A4, 0, 0);
        });
        image.AssertClean();
    }

    [Fact]
    public void What_is_not_committed_is_not_there_and_what_is_staged_can_be_seen()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 24 * MiB, SampleTree.Everything());
        using (var file = image.Open())
        {
            using var editor = ExtEditor.Open(new FileWindow(file));
            var upper = editor.Find("/upper")!.Value;
            var made = editor.CreateFile(upper, "made", 0x1A4, 7, 8);
            editor.WriteFrom(made, 10, new MemoryStream(SampleTree.Bytes(1, 300_000)), null, TestContext.Current.CancellationToken);
            editor.Unlink(upper, "small");
            var free = image.Field("Free inodes");
            var view = editor.FileSystem;
            Assert.Equal(made, view.Find("/upper/made"));
            Assert.Null(view.Find("/upper/small"));
            Assert.Equal((uint)free, view.Superblock.FreeInodesCount);
            using var content = new MemoryStream();
            view.OpenFile(made).CopyTo(content);
            Assert.Equal([.. new byte[10], .. SampleTree.Bytes(1, 300_000)], content.ToArray());
            Assert.True(editor.HasChanges);
        }

        image.AssertClean();
        Assert.Null(image.Read(fs => fs.Find("/upper/made")));
        Assert.NotNull(image.Read(fs => fs.Find("/upper/small")));
    }

    [Fact]
    public void Fuse2fs_sees_what_the_kernel_sees_and_times_of_any_kind_can_be_set()
    {
        Machine.NeedRoot();
        Machine.NeedTool("fuse2fs");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 48 * MiB, SampleTree.Everything());
        // A name that is no text is nothing that .NET can open.
        Edit(image, editor => editor.RemoveDirectory(editor.Find("/upper")!.Value, new ExtName([0xFF, 0xFE, (byte)'x'])));
        foreach (var time in new ExtTime?[] { new(0, 0), new(4_000_000_000, 5), new(10_700_000_000, 999_999_999), new(-1, 1), null })
        {
            Edit(image, editor =>
            {
                editor.Time = time;
                Assert.Throws<ArgumentOutOfRangeException>(() => editor.Time = new ExtTime(11_000_000_000, 0));
                var upper = editor.Find("/upper")!.Value;
                var made = editor.MakeDirectory(upper, $"at {time}", 0x1ED, 1, 2);
                editor.Write(editor.CreateFile(made, "file", 0x9ED, 3, 4), 0, SampleTree.Bytes(5, 50_000));
                editor.CreateFile(made, "gone", 0x9ED, 3, 4);
                editor.Unlink(made, "gone");
                editor.Rename(upper, "small", made, "small");
                editor.Rename(made, "small", upper, "small");
            });
            image.AssertClean();
        }

        string byKernel = "", byFuse = "";
        image.Mounted("ro", point => byKernel = SampleTree.Describe(point));
        image.FuseMounted("ro", point => byFuse = SampleTree.Describe(point));
        Assert.Equal(byKernel, byFuse);
        Assert.Contains("at ExtTime", byKernel, StringComparison.Ordinal);
    }

    [Fact]
    public void A_write_that_is_stopped_leaves_the_file_as_it_was()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 48 * MiB, SampleTree.Everything());
        Edit(image, editor =>
        {
            var file = editor.Find("/upper/large")!.Value;
            using var stop = new CancellationTokenSource();
            var progress = new Told(() => stop.Cancel());
            Assert.ThrowsAny<OperationCanceledException>(() =>
                editor.WriteFrom(file, 3, new PatternStream(20 * MiB), progress, stop.Token));
            Assert.ThrowsAny<OperationCanceledException>(() =>
                editor.WriteFrom(file, new ExtContent(20 * MiB, () => new PatternStream(20 * MiB)), progress, stop.Token));
            Assert.ThrowsAny<OperationCanceledException>(() => editor.RemoveTree(ExtEditor.Root, "upper", null, stop.Token));
            editor.SetLabel("stopped");
        });
        image.AssertClean();
        image.Mounted("ro", point => Assert.Equal(SampleTree.Bytes(2, 5_000_001), File.ReadAllBytes(point + "/upper/large")));
    }

    [Fact]
    public void What_cannot_be_changed_safely_is_refused()
    {
        Machine.NeedTool("debugfs");
        using var directory = new TemporaryDirectory();
        AssertRefused(ErrorIds.OverlayFeatureUnsupported, "-O", "^has_journal");
        AssertRefused(ErrorIds.OverlayFeatureUnsupported, "-O", "extents");
        AssertRefused(ErrorIds.OverlayFeatureUnsupported, "-O", "dir_nlink");
        foreach (var (damage, expected) in new[]
        {
            ("ssv state 3", ErrorIds.OverlayCorrupt), ("ssv state 0", ErrorIds.OverlayDirtyJournal),
            ("feature needs_recovery", ErrorIds.OverlayDirtyJournal), ("ssv last_orphan 12", ErrorIds.OverlayDirtyJournal),
        })
        {
            var image = Ext3Image.MadeByMke2fs(directory, 8 * MiB);
            Ext3Image.Run("debugfs", "-w", "-R", damage, image.Path);
            Assert.Equal(expected, Opened(image).ErrorId);
        }

        void AssertRefused(string id, params string[] options) =>
            Assert.Equal(id, Opened(Ext3Image.MadeByMke2fs(directory, 8 * MiB, options)).ErrorId);

        static EngineException Opened(Ext3Image image)
        {
            using var file = image.Open();
            return Assert.Throws<EngineException>(() => ExtEditor.Open(new FileWindow(file)));
        }
    }

    [Fact]
    public void Names_and_targets_that_cannot_be_are_refused()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 8 * MiB, "-b", "1024");
        Edit(image, editor =>
        {
            foreach (var name in new[] { "", ".", "..", "a/b", "a\0b", new string('n', 256), new string('ä', 128) })
                Assert.Equal(ErrorIds.InvalidDirectoryName,
                    Assert.Throws<EngineException>(() => editor.CreateFile(ExtEditor.Root, name, 0, 0, 0)).ErrorId);
            Assert.Throws<EngineException>(() => editor.CreateFile(ExtEditor.Root, default, 0, 0, 0));
            Assert.Throws<EngineException>(() => editor.MakeSymbolicLink(ExtEditor.Root, "l", new string('t', 1024), 0, 0));
            Assert.Throws<EngineException>(() => editor.MakeSymbolicLink(ExtEditor.Root, "l", "", 0, 0));
            editor.MakeSymbolicLink(ExtEditor.Root, "l", new string('t', 1023), 0, 0);
            editor.CreateFile(ExtEditor.Root, new ExtName([0xFF, 0xFE]), 0x1A4, 0, 0);
            Assert.Equal(ErrorIds.OverlayFileNotFound, Assert.Throws<EngineException>(() => editor.Write(8, 0, [1])).ErrorId);
            Assert.Equal(ErrorIds.OverlayFileNotFound, Assert.Throws<EngineException>(() => editor.SetOwner(700, 1, 1)).ErrorId);
            Assert.Equal(ErrorIds.OverlaySizeTooLarge, Assert.Throws<EngineException>(() =>
                editor.Truncate(editor.CreateFile(ExtEditor.Root, "f", 0, 0, 0), long.MaxValue, TestContext.Current.CancellationToken)).ErrorId);
            Assert.Equal(editor.MakeDirectories("/a/b/c", 0x1ED, 0, 0), editor.MakeDirectories("a//b/c/", 0x1ED, 0, 0));
            Assert.Equal((editor.Find("/a/b")!.Value, "c"), (editor.Split("/a/b/c").Parent, editor.Split("/a/b/c/").Name.ToString()));
            Assert.Equal(editor.Find("/a"), editor.Find("/a/b/../../../a"));
        });
        image.AssertClean();
    }

    private static void Edit(Ext3Image image, Action<ExtEditor> edit)
    {
        using var file = image.Open();
        using var editor = ExtEditor.Open(new FileWindow(file));
        edit(editor);
        editor.Commit();
    }

    private sealed class Told(Action then) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value) => then();
    }
}
