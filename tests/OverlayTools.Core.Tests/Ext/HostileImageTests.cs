using System.Diagnostics;
using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.Ext.Check;
using OverlayTools.IO;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Images that were tampered with: reading, replaying and checking them ends, with a typed error or
/// without.</summary>
public sealed class HostileImageTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const long MostAllocated = 256 * MiB;
    private const long MostReads = 20_000_000;

    private static readonly int s_mutations =
        int.Parse(Environment.GetEnvironmentVariable("OT_MUTATIONS") ?? "2000", CultureInfo.InvariantCulture);

    [Fact]
    public void Nothing_but_typed_errors_comes_out_of_a_hostile_image()
    {
        var start = int.Parse(Environment.GetEnvironmentVariable("OT_SEED") ?? Environment.TickCount.ToString(CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture);
        output.WriteLine($"seeds from {start}, {s_mutations} of them");
        using var directory = new TestSupport.TemporaryDirectory();
        var image = DirtyImages.Small(directory);
        var clean = File.ReadAllBytes(image.Path);
        DirtyImages.ByDebugfs(image, directory, new Random(start));
        var dirty = File.ReadAllBytes(image.Path);
        var rich = File.ReadAllBytes(Ext3Image.MadeByMke2fs(directory, 8 * MiB, "-d", RichImages.Tree(directory, 300) + "/upper/many").Path);
        byte[][] pristine = [clean, dirty, rich];
        var places = pristine.Select(Places).ToArray();
        var outcomes = new Dictionary<string, int>();
        var most = 0L;
        for (var seed = start; seed < start + s_mutations; seed++)
        {
            var which = (seed & int.MaxValue) % pristine.Length;
            var random = new Random(seed);
            var window = new MutatedWindow(pristine[which]);
            Mutate(window.Patch, places[which], random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var clock = Stopwatch.StartNew();
            var outcome = Outcome(window, seed);
            Assert.True(window.Reads < MostReads, $"seed {seed}: {window.Reads} reads");
            // All that this thread allocated is more than it ever held at once; other tests' memory does not count.
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            most = Math.Max(most, allocated);
            Assert.True(allocated < MostAllocated, $"seed {seed}: {allocated} bytes were allocated");
            if (clock.ElapsedMilliseconds > 5000)
                output.WriteLine($"seed {seed} took {clock.ElapsedMilliseconds} ms, {allocated} bytes");
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
        }

        foreach (var (outcome, count) in outcomes.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            output.WriteLine($"{count,6} {outcome}");
        output.WriteLine($"at most {most} bytes allocated for one");
        Assert.True(outcomes.Count > 3, "the mutations changed nothing");
    }

    private static string Outcome(MutatedWindow window, int seed)
    {
        try
        {
            var result = ExtChecker.Check(window, null, TestContext.Current.CancellationToken);
            var view = JournalReplay.Find(window, TestContext.Current.CancellationToken)?.View ?? window;
            ReadAll(ExtFileSystem.Open(view));
            return result.IsSound ? "sound" : "damaged";
        }
        catch (EngineException error)
        {
            return error.ErrorId;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new InvalidOperationException($"seed {seed}: {error.GetType().Name}", error);
        }
    }

    private static void ReadAll(ExtFileSystem fileSystem)
    {
        var pending = new Queue<uint>([2]);
        var seen = new HashSet<uint> { 2 };
        var buffer = new byte[65536];
        while (pending.TryDequeue(out var directory) && seen.Count < 1000)
        {
            foreach (var entry in fileSystem.ReadDirectory(directory))
            {
                if (!seen.Add(entry.Inode))
                    continue;
                switch (fileSystem.ReadInode(entry.Inode).FileType)
                {
                    case ExtFileType.Directory:
                        pending.Enqueue(entry.Inode);
                        break;
                    case ExtFileType.SymbolicLink:
                        fileSystem.ReadLink(entry.Inode);
                        break;
                    case ExtFileType.RegularFile:
                        using (var stream = fileSystem.OpenFile(entry.Inode))
                        {
                            for (var i = 0; i < 64 && stream.Read(buffer) > 0; i++)
                            {
                            }
                        }

                        break;
                }
            }
        }
    }

    internal static void Mutate(byte[] image, List<(int Start, int Length)> places, Random random)
    {
        for (var i = 0; i <= random.Next(6); i++)
        {
            var (start, length) = places[random.Next(places.Count)];
            var at = start + random.Next(length);
            var value = random.Next(5) switch
            {
                0 => 0u,
                1 => uint.MaxValue,
                2 => (uint)random.Next(8192),
                3 => (uint)random.Next(),
                _ => 1u << random.Next(32),
            };
            if (random.Next(2) == 0)
                image[at] = (byte)value;
            else
                BitConverter.GetBytes(value).CopyTo(image.AsSpan(at & ~3));
        }
    }

    // Where the structures are; what files hold says nothing to the reader.
    internal static List<(int Start, int Length)> Places(byte[] image)
    {
        var fileSystem = ExtFileSystem.Open(new MutatedWindow(image));
        var geometry = fileSystem.Geometry;
        var journal = (int)geometry.OffsetOf(fileSystem.ReadInode(8).Pointer(0));
        List<(int, int)> places = [(1024, 0x110), (2048, 32), (journal, 0x50)];
        places.AddRange(Enumerable.Range(1, 10).Select(block => (journal + block * geometry.BlockSize, 64)));
        for (var number = 1u; number <= geometry.InodesCount; number++)
        {
            var inode = fileSystem.ReadInode(number);
            if (inode.Mode == 0)
                continue;
            places.Add(((int)fileSystem.OffsetOfInode(number), 0xA0));
            if (inode.AttributeBlock != 0)
                places.Add(((int)geometry.OffsetOf(inode.AttributeBlock), 128));
            if (inode.FileType is not (ExtFileType.Directory or ExtFileType.RegularFile))
                continue;
            for (var slot = inode.FileType == ExtFileType.Directory ? 0 : ExtInode.DirectCount; slot < ExtInode.PointerCount; slot++)
            {
                if (inode.Pointer(slot) != 0)
                    places.Add(((int)geometry.OffsetOf(inode.Pointer(slot)), geometry.BlockSize));
            }
        }

        return places;
    }

    private sealed class MutatedWindow(byte[] pristine) : Window
    {
        public byte[] Patch { get; } = (byte[])pristine.Clone();

        public long Reads { get; private set; }

        public override long Length => Patch.Length;

        public override void Flush()
        {
        }

        public override void Clear(long position, long count) => throw new InvalidOperationException("A check wrote.");

        public override void SetLength(long length) => throw new InvalidOperationException("A check wrote.");

        protected override void ReadCore(long position, Span<byte> buffer)
        {
            Reads++;
            Patch.AsSpan((int)position, buffer.Length).CopyTo(buffer);
        }

        protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException("A check wrote.");
    }
}
