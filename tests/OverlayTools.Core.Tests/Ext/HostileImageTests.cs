using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>
/// Images that were tampered with: reading, checking, replaying, repairing, editing and resizing them ends soon, with a
/// typed error or without, and reaches nothing outside.
/// </summary>
public sealed class HostileImageTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const long MostAllocated = 256 * MiB;
    private const long MostReads = 20_000_000;

    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(10);

    private static readonly int s_mutations =
        int.Parse(Environment.GetEnvironmentVariable("OT_MUTATIONS") ?? "10000", CultureInfo.InvariantCulture);

    [Fact]
    public void Nothing_but_typed_errors_comes_out_of_a_hostile_image()
    {
        Machine.NeedTool("debugfs");
        var start = int.Parse(Environment.GetEnvironmentVariable("OT_SEED") ?? Environment.TickCount.ToString(CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture) & 0x3FFFFFFF;
        output.WriteLine($"seeds from {start}, {s_mutations} of them");
        using var directory = new TemporaryDirectory();
        var images = HostileImages.Make(directory, new Random(start));
        var outcomes = new ConcurrentDictionary<string, int>();
        var failures = new ConcurrentQueue<string>();
        var most = 0L;
        var longest = 0L;
        Parallel.For(0, s_mutations, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            () => images.Select(image => new HostileWindow(image.Bytes)).ToArray(),
            (i, _, windows) =>
            {
                var which = i % images.Count;
                var window = windows[which];
                var random = new Random(start + i);
                images[which].Mutate(window, random);
                var clock = Stopwatch.StartNew();
                var before = GC.GetAllocatedBytesForCurrentThread();
                var run = new HostileRun(window, random, s_longest);
                run.All();
                // All that the thread allocated is more than it ever held at once.
                var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                foreach (var outcome in run.Outcomes)
                    outcomes.AddOrUpdate(outcome, 1, (_, count) => count + 1);
                var wrong = run.Failure
                    ?? (allocated > MostAllocated ? $"{allocated} bytes were allocated" : null)
                    ?? (window.Reads > MostReads ? $"{window.Reads} reads" : null)
                    ?? (clock.Elapsed > s_longest ? $"it took {clock.Elapsed}" : null);
                if (wrong is not null)
                    failures.Enqueue($"seed {start + i}, {images[which].Name}: {wrong}\ntampering: {window.Tampering}");
                InterlockedMax(ref most, allocated);
                InterlockedMax(ref longest, clock.ElapsedMilliseconds);
                window.Restore();
                return windows;
            },
            _ => { });

        foreach (var (outcome, count) in outcomes.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            output.WriteLine($"{count,6} {outcome}");
        output.WriteLine($"at most {most} bytes allocated and {longest} ms for one");
        Assert.True(failures.IsEmpty, string.Join("\n----\n", failures.Take(10)));
        Assert.True(outcomes.Count > 12, "the mutations changed nothing");
    }

    /// <summary>Numbers that lie, one by one; what a run of the above prints when it fails belongs here too.</summary>
    [Theory]
    [InlineData("blocks of 2 TiB", "418:1F000000")]
    [InlineData("all inodes in one group", "400:FFFFFFFF 428:FFFFFFFF")]
    [InlineData("as many blocks as there can be", "404:FFFFFFFF")]
    [InlineData("eight blocks a group", "420:08000000")]
    [InlineData("no inodes", "400:00000000 428:00000000")]
    [InlineData("an inode of 0 bytes", "458:0000")]
    [InlineData("an inode of 64 KiB", "458:FFFF")]
    [InlineData("the journal is the root", "4E0:02000000")]
    [InlineData("the reserve is the whole group", "4CE:FFFF")]
    [InlineData("the first data block is the last", "414:FF070000")]
    public void A_number_that_lies_does_no_harm(string what, string tampering)
    {
        using var directory = new TemporaryDirectory();
        var window = new HostileWindow(File.ReadAllBytes(HostileImages.Ours(directory).Path));
        for (var seed = 0; seed < 5; seed++)
        {
            window.Tamper(tampering);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var run = new HostileRun(window, new Random(seed), s_longest);
            run.All();
            Assert.True(run.Failure is null, $"{what}: {run.Failure}");
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocated);
            window.Restore();
        }
    }

    private static void InterlockedMax(ref long most, long value)
    {
        for (var seen = Interlocked.Read(ref most); value > seen;)
        {
            var before = Interlocked.CompareExchange(ref most, value, seen);
            if (before == seen)
                return;
            seen = before;
        }
    }
}
