using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Replays journals beside e2fsck: the images are the same afterwards.</summary>
public sealed class JournalReplayTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    // Of the superblock: the times of the last write, check and mount, and the count of KiB that were written.
    private static readonly (int At, int Length)[] s_toldApart = [(0x30, 4), (0x40, 4), (0x2C, 4), (0x178, 8)];

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    public void A_log_that_the_kernel_left_is_replayed_as_by_e2fsck(uint flags)
    {
        Machine.NeedRoot();
        for (var seed = 0; seed < 4; seed++)
        {
            using var directory = new TemporaryDirectory();
            var image = Ext3Image.MadeByMke2fs(directory, seed % 2 == 0 ? 24 * MiB : 600 * MiB);
            DirtyImages.ByTheKernel(image, flags, new Random(seed));
            AssertReplaysAsE2fsck(image, directory, $"flags {flags}, seed {seed}");
        }
    }

    [Fact]
    public void A_log_that_debugfs_made_is_replayed_as_by_e2fsck()
    {
        Machine.NeedTool("debugfs");
        var start = Environment.TickCount;
        output.WriteLine($"seeds from {start}");
        var revoked = 0;
        for (var seed = start; seed < start + 30; seed++)
        {
            using var directory = new TemporaryDirectory();
            var image = DirtyImages.Small(directory);
            var random = new Random(seed);
            DirtyImages.ByDebugfs(image, directory, random);
            if (random.Next(2) == 0)
                DirtyImages.Rotate(image, 1000 + random.Next(24));
            revoked += AssertReplaysAsE2fsck(image, directory, $"seed {seed}").RevokedBlocks;
        }

        Assert.True(revoked > 0, "nothing was revoked");
    }

    [Fact]
    public void The_view_reads_as_the_image_does_after_the_replay_and_changes_nothing()
    {
        using var directory = new TemporaryDirectory();
        var image = DirtyImages.Small(directory);
        DirtyImages.ByDebugfs(image, directory, new Random(7));
        var before = File.ReadAllBytes(image.Path);
        using var file = image.Open();
        var replay = JournalReplay.Find(new FileWindow(file), TestContext.Current.CancellationToken)!;
        var seen = new byte[before.Length];
        replay.View.Read(0, seen);
        Assert.Equal(before, File.ReadAllBytes(image.Path));
        Assert.Throws<NotSupportedException>(() => replay.View.Write(0, [1]));

        replay.Apply(null, TestContext.Current.CancellationToken);
        Assert.True(seen.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)));
        Assert.Null(JournalReplay.Find(new FileWindow(file), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void After_a_crash_anywhere_the_replay_is_done_again()
    {
        Machine.NeedTool("e2fsck");
        using var directory = new TemporaryDirectory();
        var image = DirtyImages.Small(directory);
        DirtyImages.ByDebugfs(image, directory, new Random(11));
        var pristine = File.ReadAllBytes(image.Path);
        RecordingWindow recording;
        using (var file = image.Open())
        {
            recording = new RecordingWindow(new FileWindow(file));
            JournalReplay.Find(recording, TestContext.Current.CancellationToken)!.Apply(null, TestContext.Current.CancellationToken);
        }

        var expected = Comparable(File.ReadAllBytes(image.Path));
        Assert.True(recording.Writes.Count > 3 && recording.Flushes >= 3, "nothing was recorded");
        for (var count = 0; count <= recording.Steps.Count; count++)
        {
            var crashed = new Ext3Image(directory["crashed"]);
            File.WriteAllBytes(crashed.Path, pristine);
            using (var file = crashed.Open())
            {
                var window = new FileWindow(file);
                foreach (var step in recording.Steps.Take(count))
                    window.Write(step.Position, step.Bytes);
                if (count < recording.Steps.Count)
                {
                    var torn = recording.Steps[count];
                    window.Write(torn.Position, torn.Bytes.AsSpan(0, Math.Max(512, torn.Bytes.Length / 2)));
                }

                JournalReplay.Find(window, TestContext.Current.CancellationToken)?.Apply(null, TestContext.Current.CancellationToken);
            }

            var after = Comparable(File.ReadAllBytes(crashed.Path));
            var journal = JournalSequenceAt(crashed);
            // A log that is empty already is left out once more: only its number counts on.
            expected.AsSpan(journal, 4).CopyTo(after.AsSpan(journal));
            Assert.True(expected.AsSpan().SequenceEqual(after), $"after {count} of {recording.Steps.Count}");
        }
    }

    [Theory]
    [InlineData(0x00, 0u, ErrorIds.OverlayCorrupt)]
    [InlineData(0x0C, 512u, ErrorIds.OverlayCorrupt)]
    [InlineData(0x10, 1_000_000u, ErrorIds.OverlayCorrupt)]
    [InlineData(0x14, 0u, ErrorIds.OverlayCorrupt)]
    [InlineData(0x1C, 5000u, ErrorIds.OverlayCorrupt)]
    [InlineData(0x24, 1u, ErrorIds.OverlayFeatureUnsupported)]  // checksums of version 1
    [InlineData(0x28, 8u, ErrorIds.OverlayFeatureUnsupported)]  // of version 2
    [InlineData(0x28, 16u, ErrorIds.OverlayFeatureUnsupported)] // of version 3
    [InlineData(0x28, 2u, ErrorIds.OverlayFeatureUnsupported)]  // block numbers of 64 bits
    [InlineData(0x28, 32u, ErrorIds.OverlayFeatureUnsupported)] // fast commits
    [InlineData(0x2C, 1u, ErrorIds.OverlayFeatureUnsupported)]
    [InlineData(0x40, 2u, ErrorIds.OverlayFeatureUnsupported)]
    public void A_journal_that_we_do_not_know_is_refused(int offset, uint value, string error)
    {
        using var directory = new TemporaryDirectory();
        var image = DirtyImages.Small(directory);
        DirtyImages.ByDebugfs(image, directory, new Random(3));
        using (var file = image.Open())
        {
            var window = new FileWindow(file);
            var bytes = BitConverter.GetBytes(value);
            Array.Reverse(bytes);
            window.Write(JournalSequenceAt(image) - 0x18 + offset, bytes);
        }

        using var open = image.Open();
        var thrown = Assert.Throws<EngineException>(
            () => JournalReplay.Find(new FileWindow(open), TestContext.Current.CancellationToken));
        Assert.Equal(error, thrown.ErrorId);
    }

    private JournalReplay AssertReplaysAsE2fsck(Ext3Image image, TemporaryDirectory directory, string what)
    {
        Machine.NeedTool("e2fsck");
        var reference = directory["reference"];
        Ext3Image.Run("cp", "--sparse=always", image.Path, reference);
        var (exit, said, error) = Machine.RunWith("e2fsck", ["-y", "-E", "journal_only", reference], null, null,
            ("E2FSCK_TIME", "1000000000"));
        Assert.True(exit is 0 or 1, $"{what}: {said}{error}");

        using var file = image.Open();
        var replay = JournalReplay.Find(new FileWindow(file), TestContext.Current.CancellationToken);
        Assert.True(replay is { Blocks: > 0 } or { RevokedBlocks: > 0 }, what);
        replay.Apply(null, TestContext.Current.CancellationToken);
        output.WriteLine($"{what}: {replay.Transactions} transactions, {replay.Blocks} blocks, {replay.RevokedBlocks} revoked");
        AssertSame(reference, image.Path, what);
        return replay;
    }

    private static void AssertSame(string expected, string actual, string what)
    {
        using var left = File.OpenRead(expected);
        using var right = File.OpenRead(actual);
        Assert.Equal(left.Length, right.Length);
        var (a, b) = (new byte[MiB], new byte[MiB]);
        for (var at = 0L; at < left.Length; at += MiB)
        {
            var count = left.ReadAtLeast(a, (int)Math.Min(MiB, left.Length - at));
            right.ReadExactly(b, 0, count);
            if (at == 0)
                (a, b) = (Comparable(a), Comparable(b));
            var same = a.AsSpan(0, count).CommonPrefixLength(b.AsSpan(0, count));
            Assert.True(same == count, $"{what}: they differ at 0x{at + same:x}");
        }
    }

    private static byte[] Comparable(byte[] image)
    {
        foreach (var (at, length) in s_toldApart)
            image.AsSpan(1024 + at, length).Clear();
        return image;
    }

    private static int JournalSequenceAt(Ext3Image image) =>
        (int)image.Read(fs => fs.Geometry.OffsetOf(new BlockMap(fs, fs.ReadInode(8), 8).Find(0))) + 0x18;
}
