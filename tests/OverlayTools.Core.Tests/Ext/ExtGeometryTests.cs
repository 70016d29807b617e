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

    [Fact]
    public void An_image_of_one_tebibyte_is_what_mke2fs_makes() => AssertSameAsMke2fs(TiB, perGroup: false);

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

    private static void AssertSameAsMke2fs(long size, bool perGroup = true)
    {
        using var directory = new TemporaryDirectory();
        var theirs = Ext3Image.MadeByMke2fs(directory, size);
        var ours = Ext3Image.Made(directory, size, ExtNode.Directory(0x1ED, 0, 0));
        string[] options = perGroup ? [] : ["-h"];
        Assert.Equal(Comparable(theirs.Dump(options)), Comparable(ours.Dump(options)));
    }

    private static string Comparable(string dump) =>
        string.Join('\n', dump.Split('\n').Where(line => !Incomparable.Any(line.StartsWith)));
}
