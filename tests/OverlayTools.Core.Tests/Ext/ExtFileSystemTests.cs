using System.Diagnostics;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

public sealed class ExtFileSystemTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(64 * MiB)]
    [InlineData(600 * MiB)]
    public void The_reader_finds_what_the_kernel_wrote(long size)
    {
        using var directory = new TemporaryDirectory();
        var sample = Ext3Image.Made(directory, size, SampleTree.Everything());
        var image = Ext3Image.MadeByMke2fs(directory, size);
        sample.Mounted("ro", from => image.Mounted("rw", to => Ext3Image.Run("cp", "-a", from + "/upper", to)));
        image.Read(fs =>
        {
            Assert.Equal(SampleTree.Bytes(2, 5_000_001), ReadAll(fs, "/upper/large"));
            Assert.Equal(SampleTree.Bytes(1, 777), ReadAll(fs, "/upper//./small"));
            Assert.Equal(fs.Find("/upper/large"), fs.Find("/upper/also-large"));
            foreach (var length in SampleTree.LinkLengths)
                Assert.Equal(length, fs.ReadLink(fs.Find($"/upper/link{length}")!.Value).Length);
            var upper = fs.ReadInode(fs.Find("/upper")!.Value);
            Assert.Equal((SampleTree.BigId, 1000u, 0x1C0u, SampleTree.Stamp),
                (upper.UserId, upper.GroupId, upper.Permissions, upper.Modified));
            Assert.Equal((259u, 300_000u), fs.ReadInode(fs.Find("/upper/disk")!.Value).Device);
            Assert.Equal(18, fs.ReadDirectory(fs.Find("/upper")!.Value).Count());
            Assert.Contains(fs.ReadDirectory(fs.Find("/upper")!.Value), entry => !entry.Name.IsText);
            Assert.Null(fs.Find("/upper/none"));
            Assert.Null(fs.Find("/upper/small/below"));
            return 0;
        });
    }

    [Fact]
    public void Links_are_followed_inside_the_image_only_and_only_on_request()
    {
        using var directory = new TemporaryDirectory();
        var root = ExtNode.Directory(0x1ED, 0, 0);
        root.Add("real", ExtNode.Directory(0x1ED, 0, 0)).Add("file", ExtNode.File(ExtContent.FromBytes([7]), 0x1A4, 0, 0));
        root.Add("up", ExtNode.SymbolicLink("../../../../real", 0, 0));
        root.Add("abs", ExtNode.SymbolicLink("/up/file", 0, 0));
        root.Add("loop", ExtNode.SymbolicLink("loop", 0, 0));
        Ext3Image.Made(directory, 8 * MiB, root).Read(fs =>
        {
            Assert.Equal(fs.Find("/real/file"), fs.Find("/abs", followLinks: true));
            Assert.Equal(ExtFileType.SymbolicLink, fs.ReadInode(fs.Find("/abs")!.Value).FileType);
            Assert.Null(fs.Find("/up/file"));
            Assert.Null(fs.Find("/loop", followLinks: true));
            return 0;
        });
    }

    [Fact]
    public void The_superblock_says_what_dumpe2fs_says()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything(), new ExtFormatOptions { Label = "my überlay" });
        var dump = image.Dump("-h");
        image.Read(fs =>
        {
            var s = fs.Superblock;
            Assert.Equal("my überlay", s.Label);
            Assert.Contains(s.Uuid.ToString(), dump);
            Assert.Contains(s.HashSeed.ToString(), dump);
            Assert.Contains(string.Join(' ', s.Features), dump);
            Assert.Equal(image.Field("Free blocks"), s.FreeBlocksCount);
            Assert.Equal(image.Field("Free inodes"), s.FreeInodesCount);
            Assert.Empty(s.UnsupportedByApptainer);
            Assert.True(s.IsValid && !s.HasErrors && !s.NeedsRecovery);
            return 0;
        });
    }

    [Fact]
    public void An_ext4_image_is_refused_by_name_of_its_features()
    {
        Machine.NeedTool("mkfs.ext4");
        using var directory = new TemporaryDirectory();
        var path = directory["ext4.img"];
        Ext3Image.Run("truncate", "-s", "16M", path);
        Ext3Image.Run("mkfs.ext4", "-q", "-F", path);
        using var file = File.OpenHandle(path);
        var error = Assert.Throws<EngineException>(() => ExtFileSystem.Open(new FileWindow(file)));
        Assert.Equal(ErrorIds.OverlayFeatureUnsupported, error.ErrorId);
        Assert.Contains("extent, 64bit, flex_bg", error.Message);
        Assert.Contains("metadata_csum", ExtSuperblock.Read(new FileWindow(file)).UnsupportedByApptainer);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(4096)]
    public void Something_else_is_not_ext3(int length)
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllBytes(directory["x"], new byte[length]);
        using var file = File.OpenHandle(directory["x"]);
        var error = Assert.Throws<EngineException>(() => ExtFileSystem.Open(new FileWindow(file)));
        Assert.Equal(ErrorIds.OverlayNotExt3, error.ErrorId);
    }

    [Fact]
    public void A_truncated_image_is_corrupt()
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.Made(directory, 64 * MiB, SampleTree.Everything());
        using (var file = image.Open())
            new FileWindow(file).SetLength(60 * MiB);
        var error = Assert.Throws<EngineException>(() => image.Read(fs => 0));
        Assert.Equal(ErrorIds.OverlayCorrupt, error.ErrorId);
        Assert.Contains("superblock at offset 1028", error.Message);
    }

    [Fact]
    public void Damage_anywhere_in_the_metadata_gives_a_typed_error_or_a_result_and_always_an_end()
    {
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var directory = new TemporaryDirectory();
        var pristine = File.ReadAllBytes(Ext3Image.Made(directory, 8 * MiB, SampleTree.Everything()).Path);
        var geometry = ExtGeometry.Plan(pristine.Length);
        var inodes = geometry.OffsetOf(geometry.InodeTable(0));
        var directories = inodes + geometry.InodeTableBlocks * geometry.BlockSize;
        var clock = Stopwatch.StartNew();
        var refused = 0;
        var allocated = GC.GetTotalAllocatedBytes();
        for (var round = 0; round < 600; round++)
        {
            var bytes = (byte[])pristine.Clone();
            // The used part of the superblock, the descriptor, the inodes, the directories and first indirect blocks.
            var (from, to) = (round % 4) switch
            {
                0 => (1024, 1024 + 0x100),
                1 => (2048, 2048 + 32),
                2 => (inodes, inodes + 40 * geometry.InodeSize),
                _ => (directories, directories + 32 * 1024),
            };
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                var at = random.NextInt64(from, to - 4);
                switch (random.Next(3))
                {
                    case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                    case 1: bytes.AsSpan((int)at, 4).Fill(0xFF); break;
                    default: random.NextBytes(bytes.AsSpan((int)at, 4)); break;
                }
            }

            try
            {
                WalkAndGrow(new MemoryWindow(bytes));
            }
            catch (EngineException error)
            {
                Assert.Contains(error.ErrorId, (string[])[ErrorIds.OverlayCorrupt, ErrorIds.OverlayNotExt3,
                    ErrorIds.OverlayFeatureUnsupported, ErrorIds.OverlayDirtyJournal, ErrorIds.OverlaySizeTooLarge,
                    ErrorIds.OverlayBelowMinimumSize]);
                refused++;
            }
        }

        output.WriteLine($"{refused} of 600 refused in {clock.Elapsed}, {GC.GetTotalAllocatedBytes() - allocated} bytes allocated");
        Assert.True(refused > 50);
    }

    private static void WalkAndGrow(MemoryWindow window)
    {
        var fs = ExtFileSystem.Open(window);
        var buffer = new byte[65536];
        var seen = new HashSet<uint>();
        var pending = new Stack<uint>([2u]);
        while (pending.TryPop(out var inode))
        {
            foreach (var entry in fs.ReadDirectory(inode))
            {
                if (!seen.Add(entry.Inode))
                    continue;
                switch (fs.ReadInode(entry.Inode).FileType)
                {
                    case ExtFileType.Directory:
                        pending.Push(entry.Inode);
                        break;
                    case ExtFileType.SymbolicLink:
                        fs.ReadLink(entry.Inode);
                        break;
                    case ExtFileType.RegularFile:
                        using (var stream = fs.OpenFile(entry.Inode))
                        {
                            for (var total = 0L; total < 8 * MiB && stream.Read(buffer) is > 0 and var count; total += count)
                            {
                            }
                        }

                        break;
                }
            }
        }

        ExtResizer.Grow(window, 24 * MiB, null, TestContext.Current.CancellationToken);
    }

    private static byte[] ReadAll(ExtFileSystem fs, string path)
    {
        using var stream = fs.OpenFile(fs.Find(path)!.Value);
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }

    private sealed class MemoryWindow(byte[] bytes) : Window
    {
        private byte[] _bytes = bytes;

        public override long Length => _bytes.Length;

        public override void Flush()
        {
        }

        public override void Clear(long position, long count) => _bytes.AsSpan((int)position, (int)count).Clear();

        public override void SetLength(long length)
        {
            Assert.InRange(length, 0, 24 * MiB);
            Array.Resize(ref _bytes, (int)length);
        }

        protected override void ReadCore(long position, Span<byte> buffer) =>
            _bytes.AsSpan((int)position, buffer.Length).CopyTo(buffer);

        protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => bytes.CopyTo(_bytes.AsSpan((int)position));
    }
}
