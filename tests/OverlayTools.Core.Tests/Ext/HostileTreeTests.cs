using System.Diagnostics;
using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Trees are read from images that were tampered with: it ends, with a typed error or without.</summary>
public sealed class HostileTreeTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const long MostAllocated = 256 * MiB;
    private const long MostReads = 2_000_000;

    private static readonly int s_mutations =
        int.Parse(Environment.GetEnvironmentVariable("OT_MUTATIONS") ?? "1500", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("-t", "ext3", "-b", "1024")]
    [InlineData("-t", "ext4", "-b", "1024", "-O", "inline_data,ea_inode")]
    public void Nothing_but_typed_errors_comes_out(params string[] options)
    {
        var start = int.Parse(Environment.GetEnvironmentVariable("OT_SEED") ?? Environment.TickCount.ToString(CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture);
        output.WriteLine($"seeds from {start}, {s_mutations} of them");
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, 8 * MiB, [.. options, "-N", "200"]);
        image.Mounted("rw", point => Fill(point, options[1] == "ext4"));
        var pristine = File.ReadAllBytes(image.Path);
        var places = Places(pristine);
        var outcomes = new Dictionary<string, int>();
        for (var seed = start; seed < start + s_mutations; seed++)
        {
            var window = new PatchedWindow(pristine);
            Mutate(window, places, new Random(seed));
            var before = GC.GetAllocatedBytesForCurrentThread();
            var clock = Stopwatch.StartNew();
            var outcome = Outcome(window, seed);
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(window.Reads < MostReads, $"seed {seed}: {window.Reads} reads");
            Assert.True(allocated < MostAllocated, $"seed {seed}: {allocated} bytes were allocated");
            if (clock.ElapsedMilliseconds > 3000)
                output.WriteLine($"seed {seed} took {clock.ElapsedMilliseconds} ms");
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
        }

        foreach (var (outcome, count) in outcomes)
            output.WriteLine($"{count,6} {outcome}");
        Assert.True(outcomes.ContainsKey(ErrorIds.OverlayCorrupt) && outcomes.ContainsKey("read"));
    }

    private static void Fill(string point, bool isExt4)
    {
        Machine.NeedTool("setfattr");
        using (var pieces = File.OpenHandle(point + "/pieces", FileMode.CreateNew, FileAccess.ReadWrite))
        {
            for (var i = 0; i < 400; i++)
                RandomAccess.Write(pieces, [1], i * 2048L);
        }

        File.WriteAllBytes(point + "/large", SampleTree.Bytes(1, 400_000));
        Ext3Image.Run("sh", "-e", "-c", $$"""
            cd '{{point}}'; mkdir -p many a/b/c; for i in $(seq 1 90); do ln large "many/name that is long $i"; done
            for i in 1 2 3; do echo $i > a/small$i; setfattr -n user.note -v "{{new string('v', 150)}}" a/small$i; done
            setfattr -n user.short -v y a/b; ln -s target a/link; ln -s {{new string('l', 100)}} a/longlink; mknod a/null c 1 3
            {{(isExt4 ? $"setfattr -n user.huge -v {new string('h', 3000)} a" : "")}}
            """);
    }

    private static string Outcome(PatchedWindow window, int seed)
    {
        var token = TestContext.Current.CancellationToken;
        try
        {
            var pending = new Queue<ExtNode>([ExtNode.FromFileSystem(ExtFileSystem.OpenForReading(window), "/", token)]);
            var buffer = new byte[65536];
            while (pending.TryDequeue(out var node))
            {
                foreach (var (_, child) in node.Children)
                    pending.Enqueue(child);
                if (node.Type != ExtFileType.RegularFile)
                    continue;
                using var content = node.Content.Open();
                foreach (var (first, end) in node.Content.DataRuns)
                {
                    content.Position = first;
                    for (var at = first; at < end;)
                        at += Math.Max(1, content.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at))));
                }
            }

            return "read";
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

    private static void Mutate(PatchedWindow window, List<(int Start, int Length)> places, Random random)
    {
        for (var i = 0; i <= random.Next(5); i++)
        {
            var (start, length) = places[random.Next(places.Count)];
            var value = random.Next(5) switch
            {
                0 => 0u,
                1 => uint.MaxValue,
                2 => (uint)random.Next(8192),
                3 => (uint)random.Next(),
                _ => 1u << random.Next(32),
            };
            var at = start + random.Next(length);
            if (random.Next(2) == 0)
                window.Patches.Add((at, [(byte)value]));
            else
                window.Patches.Add((at & ~3, BitConverter.GetBytes(value)));
        }
    }

    private static List<(int Start, int Length)> Places(byte[] image)
    {
        var fs = ExtFileSystem.OpenForReading(new PatchedWindow(image));
        var geometry = fs.Geometry;
        List<(int, int)> places = [(1024, 0x160), (2048, 128)];
        for (var number = 1u; number <= geometry.InodesCount; number++)
        {
            var inode = fs.ReadInode(number);
            if (inode.Mode == 0)
                continue;
            for (var i = 0; i < 3; i++) // inodes are what says most
                places.Add(((int)fs.OffsetOfInode(number), geometry.InodeSize));
            if (inode.AttributeBlock != 0)
                places.Add(((int)geometry.OffsetOf(inode.AttributeBlock), geometry.BlockSize));
            foreach (var pointer in Enumerable.Range(0, ExtInode.PointerCount).Select(inode.Pointer))
            {
                if (pointer > geometry.FirstDataBlock && pointer < geometry.BlocksCount)
                    places.Add(((int)geometry.OffsetOf(pointer), geometry.BlockSize));
            }
        }

        return places;
    }

    private sealed class PatchedWindow(byte[] pristine) : Window
    {
        public List<(int At, byte[] Bytes)> Patches { get; } = [];

        public long Reads { get; private set; }

        public override long Length => pristine.Length;

        public override void Flush() => throw Wrote();

        public override void Clear(long position, long count) => throw Wrote();

        public override void SetLength(long length) => throw Wrote();

        protected override void ReadCore(long position, Span<byte> buffer)
        {
            Reads++;
            pristine.AsSpan((int)position, buffer.Length).CopyTo(buffer);
            foreach (var (at, bytes) in Patches)
            {
                for (var i = 0; i < bytes.Length; i++)
                {
                    if (at + i >= position && at + i < position + buffer.Length)
                        buffer[(int)(at + i - position)] = bytes[i];
                }
            }
        }

        protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => throw Wrote();

        private static InvalidOperationException Wrote() => new("A reader wrote.");
    }
}
