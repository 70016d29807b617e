using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

public sealed class ExtGeometryTests(ITestOutputHelper output)
{
    private const long KiB = 1 << 10;
    private const long MiB = 1 << 20;
    private const long GiB = 1 << 30;
    private const long TiB = 1L << 40;

    private static readonly string[] Incomparable =
    [
        "Filesystem UUID:", "Directory Hash Seed:", "Filesystem created:", "Last write time:", "Last checked:",
        "Reserved block count:",
    ];

    public static TheoryData<long> Sizes =>
    [
        // The least that has a journal, and the usage types' edges.
        2 * MiB, 2 * MiB + 4 * KiB, 3 * MiB - 4 * KiB, 3 * MiB, 4 * MiB, 5 * MiB + 1, 8 * MiB, 8 * MiB + KiB,
        8 * MiB + 600 * KiB, 16 * MiB, 31 * MiB, 32 * MiB - 4 * KiB, 32 * MiB,
        // Groups of 8 MiB: one block more or less, and last groups that are too small or just large enough.
        64 * MiB - 4 * KiB, 64 * MiB, 64 * MiB + KiB, 64 * MiB + 4 * KiB, 64 * MiB + 400 * KiB, 64 * MiB + 564 * KiB,
        64 * MiB + 568 * KiB, 64 * MiB + 1000 * KiB, 72 * MiB + 820 * KiB, 72 * MiB + 824 * KiB, 65 * MiB + 1234,
        100 * MiB, 128 * MiB, 200 * MiB + 12345, 255 * MiB, 256 * MiB, 257 * MiB,
        512 * MiB - 1, 512 * MiB - 4 * KiB, 512 * MiB, 512 * MiB + 4 * KiB,
        // Groups of 128 MiB.
        640 * MiB, 640 * MiB + 2 * MiB, 640 * MiB + 2260 * KiB, 640 * MiB + 3 * MiB, 1000 * MiB,
        GiB - 4 * KiB, GiB, GiB + 4 * KiB, 2 * GiB - 4 * KiB, 2 * GiB, 4 * GiB + 777, 10 * GiB, 16 * GiB - 4 * KiB,
        16 * GiB, 32 * GiB, 50_000_000_000, 64 * GiB, 128 * GiB - 4 * KiB, 128 * GiB,
    ];

    /// <summary>mke2fs writes up to a gigabyte of bitmaps for these, so it only says what it would do.</summary>
    public static TheoryData<long> HugeSizes =>
    [
        TiB, 2 * TiB + 5 * MiB, 4 * TiB - 4 * KiB, 4 * TiB, 4 * TiB + 4 * KiB, 5 * TiB + 123_456_789, 8 * TiB,
        15 * TiB + 130 * MiB, 16 * TiB - 8 * KiB, 16 * TiB - 4 * KiB,
    ];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void An_empty_image_is_what_mke2fs_makes_of_that_size(long size) => AssertSameAsMke2fs(size);

    [Fact]
    public void An_empty_image_of_any_size_is_what_mke2fs_makes()
    {
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var i = 0; i < 100; i++)
        {
            // Evenly over the orders of magnitude from 64 MiB to 64 GiB.
            var size = (long)(64 * MiB * Math.Pow(1024, random.NextDouble()));
            output.WriteLine($"size {size}");
            AssertSameAsMke2fs(size, perGroup: size < 4 * GiB);
        }
    }

    [Theory]
    [MemberData(nameof(HugeSizes))]
    public void A_huge_plan_is_what_mke2fs_plans(long size)
    {
        Machine.NeedTool("mke2fs");
        using var directory = new TemporaryDirectory();
        var path = directory["huge.img"];
        using (var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite))
        {
            try
            {
                new FileWindow(file).SetLength(size);
            }
            catch (LinuxException error) when (error.ErrorNumber == Errno.EFBIG)
            {
                Assert.Skip("the scratch directory's file system holds no file of this size");
            }
        }

        var plan = ExtGeometry.Plan(size);
        var said = Ext3Image.Run("mke2fs", "-n", "-t", "ext3", "-F", path);
        Assert.Contains($"{plan.BlocksCount} {plan.BlockSize / 1024}k blocks and {plan.InodesCount} inodes", said);
    }

    public static TheoryData<long, int?, long?, int?> Choices => new()
    {
        // Size, bytes for each inode, inodes, block size.
        { 64 * MiB, 1024, null, null }, { 64 * MiB, 16384, null, null }, { 64 * MiB, 1 << 20, null, null },
        { 64 * MiB, 64 << 20, null, null }, { 64 * MiB, null, null, 4096 }, { 64 * MiB, null, null, 2048 },
        { 64 * MiB, null, 1, null }, { 64 * MiB, null, 12, null }, { 64 * MiB, null, 20_000, null },
        // More inodes than a bitmap of 1 KiB has bits, and the most that leave room.
        { 64 * MiB, null, 100_000, null }, { 64 * MiB, null, 150_000, null }, { 100 * MiB, null, 200_001, 2048 },
        { 500 * MiB, null, 400_000, null }, { 500 * MiB, 4096, null, 4096 }, { 511 * MiB, null, 1_000_000, 4096 },
        { 512 * MiB, 4096, null, 1024 }, { GiB, 4096, null, null }, { GiB, 1024, null, null }, { GiB, 2048, null, 1024 },
        { GiB, null, 25_000, null }, { GiB, null, 400_000, null }, { GiB, null, 2_000_000, null },
        { GiB, null, null, 1024 }, { GiB, null, null, 2048 }, { 2 * GiB, null, 100_000, null },
        { 5 * GiB, null, 200_000, null }, { 10 * GiB, null, 400_000, null }, { 15 * GiB, null, 500_000, 2048 },
        { 10 * GiB, 1 << 20, null, null }, { 50 * GiB, null, 10_000_000, null }, { 33 * MiB + 12_345, null, null, 4096 },
    };

    [Theory]
    [MemberData(nameof(Choices))]
    public void An_image_with_choices_is_what_mke2fs_makes_with_them(
        long size, int? bytesPerInode, long? inodeCount, int? blockSize) =>
        AssertSameAsMke2fs(size, size < 4 * GiB, bytesPerInode, inodeCount, blockSize);

    [Fact]
    public void An_image_with_any_choices_is_what_mke2fs_makes_with_them()
    {
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var i = 0; i < 40; i++)
        {
            var size = (long)(64 * MiB * Math.Pow(64, random.NextDouble()));
            int? blockSize = random.Next(2) == 0 ? null : 1024 << random.Next(3);
            int? ratio = random.Next(2) == 0 ? null : (int)(1024 * Math.Pow(1024, random.NextDouble()));
            long? inodes = ratio is null ? (long)(size / (1500 * Math.Pow(500, random.NextDouble()))) : null;
            output.WriteLine($"size {size}, -b {blockSize}, -i {ratio}, -N {inodes}");
            AssertSameAsMke2fs(size, size < 2 * GiB, ratio, inodes, blockSize);
        }
    }

    [Theory]
    [InlineData(64 * MiB, 1000, null, null)]
    [InlineData(64 * MiB, (64 << 20) + 1, null, null)]
    [InlineData(64 * MiB, null, -1L, null)]
    [InlineData(64 * MiB, null, 262_144L, null)]
    [InlineData(64 * MiB, null, 1L << 32, null)]
    [InlineData(64 * MiB, null, long.MaxValue, null)]
    [InlineData(64 * MiB, null, null, 512)]
    [InlineData(64 * MiB, null, null, 8192)]
    [InlineData(64 * MiB, null, null, 3000)]
    public void Choices_that_leave_no_file_system_are_refused(
        long size, int? bytesPerInode, long? inodeCount, int? blockSize)
    {
        var error = Assert.Throws<EngineException>(() => ExtGeometry.Plan(size, bytesPerInode, inodeCount, blockSize));
        Assert.Equal(ErrorIds.OptionConflict, error.ErrorId);
        Assert.NotNull(error.RecommendedAction);
    }

    [Fact]
    public void As_many_inodes_as_there_may_be_still_make_a_sound_file_system()
    {
        // Nearly all of it inode tables: refused, or sound and with as many inodes as asked for, but for what mke2fs too
        // rounds off: up to seven in each group.
        using var directory = new TemporaryDirectory();
        foreach (var inodes in (long[])[230_000, 245_000, 250_000, 255_000, 258_000, 261_000, 262_000])
        {
            try
            {
                var image = Ext3Image.Made(directory, 64 * MiB, ExtNode.Directory(0x1ED, 0, 0),
                    new ExtFormatOptions { InodeCount = inodes });
                image.AssertClean();
                var count = image.Field("Inode count");
                Assert.InRange(count, inodes - 7 * count / image.Field("Inodes per group"), long.MaxValue);
            }
            catch (EngineException error)
            {
                Assert.Contains(error.ErrorId, (string[])[ErrorIds.OptionConflict, ErrorIds.OverlayFull]);
            }
        }
    }

    [Fact]
    public void An_image_of_one_tebibyte_is_what_mke2fs_makes() => AssertSameAsMke2fs(TiB, perGroup: false);

    [Fact]
    public void The_largest_image_is_what_mke2fs_makes()
    {
        // The bitmaps of all groups, in two images.
        using var memory = TemporaryDirectory.InMemory(3L << 30);
        AssertSameAsMke2fs(16 * TiB - 4 * KiB, perGroup: false, directory: memory);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(2 * MiB - 1)]
    public void A_size_without_room_for_a_journal_is_too_small(long size) =>
        Assert.Equal(ErrorIds.OverlaySizeTooSmall, Assert.Throws<EngineException>(() => ExtGeometry.Plan(size)).ErrorId);

    [Theory]
    [InlineData(16 * TiB)]
    [InlineData(long.MaxValue)]
    public void Sixteen_tebibytes_are_too_large(long size) =>
        Assert.Equal(ErrorIds.OverlaySizeTooLarge, Assert.Throws<EngineException>(() => ExtGeometry.Plan(size)).ErrorId);

    private static void AssertSameAsMke2fs(
        long size, bool perGroup = true, int? bytesPerInode = null, long? inodeCount = null, int? blockSize = null,
        TemporaryDirectory? directory = null)
    {
        using var made = directory is null ? new TemporaryDirectory() : null;
        directory ??= made!;
        var theirs = Ext3Image.MadeByMke2fs(directory, size,
        [
            .. Given("-i", bytesPerInode), .. Given("-N", inodeCount), .. Given("-b", blockSize),
        ]);
        var ours = Ext3Image.Made(directory, size, ExtNode.Directory(0x1ED, 0, 0), new ExtFormatOptions
        {
            BytesPerInode = bytesPerInode,
            InodeCount = inodeCount,
            BlockSize = blockSize,
        });
        ours.AssertClean();
        string[] options = perGroup ? [] : ["-h"];
        Assert.Equal(Comparable(theirs.Dump(options)), Comparable(ours.Dump(options)));
    }

    private static string[] Given(string option, long? value) =>
        value is { } given ? [option, given.ToString(CultureInfo.InvariantCulture)] : [];

    private static string Comparable(string dump) =>
        string.Join('\n', dump.Split('\n').Where(line => !Incomparable.Any(line.StartsWith)));
}
