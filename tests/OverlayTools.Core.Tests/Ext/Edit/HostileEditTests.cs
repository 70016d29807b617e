using System.Diagnostics;
using System.Globalization;
using OverlayTools.Ext;
using OverlayTools.Ext.Edit;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext.Edit;

/// <summary>Images that were tampered with: editing them ends, with a typed error or without.</summary>
public sealed class HostileEditTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const long MostAllocated = 256 * MiB;
    private const long MostReads = 5_000_000;

    private static readonly int s_mutations =
        int.Parse(Environment.GetEnvironmentVariable("OT_MUTATIONS") ?? "600", CultureInfo.InvariantCulture);

    [Fact]
    public void Nothing_but_typed_errors_comes_out_of_editing_a_hostile_image()
    {
        var start = int.Parse(Environment.GetEnvironmentVariable("OT_SEED") ?? Environment.TickCount.ToString(CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture);
        output.WriteLine($"seeds from {start}, {s_mutations} of them");
        using var directory = new TemporaryDirectory();
        byte[][] pristine =
        [
            File.ReadAllBytes(DirtyImages.Small(directory).Path),
            Indexed(File.ReadAllBytes(Ext3Image.MadeByMke2fs(directory, 8 * MiB, "-b", "1024").Path)),
        ];
        var places = pristine.Select(Places).ToArray();
        var outcomes = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var most = 0L;
        for (var seed = start; seed < start + s_mutations; seed++)
        {
            var which = (seed & int.MaxValue) % pristine.Length;
            var random = new Random(seed);
            var window = new MemoryWindow((byte[])pristine[which].Clone());
            Mutate(window.Bytes, places[which], random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var clock = Stopwatch.StartNew();
            Try(() => OrphanList.Process(window, TestContext.Current.CancellationToken), outcomes, seed);
            Edit(window, random, outcomes, seed);
            Assert.True(window.Reads < MostReads, $"seed {seed}: {window.Reads} reads");
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            most = Math.Max(most, allocated);
            Assert.True(allocated < MostAllocated, $"seed {seed}: {allocated} bytes were allocated");
            if (clock.ElapsedMilliseconds > 5000)
                output.WriteLine($"seed {seed} took {clock.ElapsedMilliseconds} ms, {allocated} bytes");
        }

        foreach (var (outcome, count) in outcomes)
            output.WriteLine($"{count,6} {outcome}");
        output.WriteLine($"at most {most} bytes allocated for one");
        Assert.True(outcomes.GetValueOrDefault("done") > s_mutations && outcomes.GetValueOrDefault(ErrorIds.OverlayCorrupt) > s_mutations / 10,
            "the mutations changed nothing");
    }

    private static void Edit(MemoryWindow window, Random random, SortedDictionary<string, int> outcomes, int seed)
    {
        ExtEditor? editor = null;
        Try(() => editor = ExtEditor.Open(window), outcomes, seed);
        if (editor is null)
            return;
        using (editor)
        {
            editor.CommitsWhenLarge = random.Next(2) == 0;
            for (var i = 0; i < 40; i++)
                Try(() => DoOne(editor, random), outcomes, seed);
            Try(() => editor.Commit(), outcomes, seed);
        }
    }

    private static void DoOne(ExtEditor editor, Random random)
    {
        var (parent, name, inode) = Pick(editor, random);
        var (other, otherName, otherInode) = Pick(editor, random);
        ExtName made = $"new{random.Next(100)}";
        switch (random.Next(16))
        {
            case 0: editor.CreateFile(parent, made, 0x1A4, 0, 0); break;
            case 1: editor.MakeDirectory(parent, made, 0x1ED, 0, 0); break;
            case 2: editor.MakeSymbolicLink(parent, made, new string('t', random.Next(1, 200)), 0, 0); break;
            case 3: editor.Link(inode, other, made); break;
            case 4: editor.Unlink(parent, name); break;
            case 5: editor.RemoveDirectory(parent, name); break;
            case 6: editor.Rename(parent, name, other, otherName); break;
            case 7: editor.Rename(parent, name, other, made); break;
            case 8 or 9: editor.Write(inode, random.Next(6_000_000), SampleTree.Bytes(1, random.Next(1, 20_000))); break;
            case 10: editor.Truncate(inode, random.Next(6_000_000)); break;
            case 11: editor.SetAttribute(otherInode, "user.n" + random.Next(3), new byte[random.Next(200)]); break;
            case 12: editor.RemoveAttribute(inode, "user.long"); break;
            case 13: editor.RemoveTree(parent, name); break;
            case 14: editor.SetOwner(inode, 1, 2); break;
            default: editor.WriteFrom(inode, ExtContent.FromBytes(SampleTree.Bytes(2, random.Next(100_000)))); break;
        }
    }

    // Some file of the tree, as far as it can be read; sometimes any inode at all.
    private static (uint Parent, ExtName Name, uint Inode) Pick(ExtEditor editor, Random random)
    {
        var fileSystem = editor.FileSystem;
        uint parent = ExtEditor.Root, inode = ExtEditor.Root;
        ExtName name = "missing";
        for (var depth = 0; depth < 1 + random.Next(4); depth++)
        {
            var entries = new List<ExtDirectoryEntry>();
            foreach (var entry in fileSystem.ReadDirectory(inode).Take(50))
                entries.Add(entry);
            if (entries.Count == 0)
                break;
            var chosen = entries[random.Next(entries.Count)];
            (parent, name, inode) = (inode, chosen.Name, chosen.Inode);
            if (fileSystem.ReadInode(inode).FileType != ExtFileType.Directory)
                break;
        }

        return random.Next(10) == 0 ? (parent, name, (uint)random.Next(40)) : (parent, name, inode);
    }

    private static void Try(Action action, SortedDictionary<string, int> outcomes, int seed)
    {
        var outcome = "done";
        try
        {
            action();
        }
        catch (EngineException error)
        {
            outcome = error.ErrorId;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new InvalidOperationException($"seed {seed}: {error.GetType().Name}", error);
        }

        outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
    }

    private static byte[] Indexed(byte[] image)
    {
        using var editor = ExtEditor.Open(new MemoryWindow(image));
        var many = editor.MakeDirectories("/upper/many", 0x1ED, 0, 0);
        for (var i = 0; i < 400; i++)
            editor.CreateFile(many, $"a rather long name, number {i}", 0x1A4, 0, 0);
        editor.Write(editor.CreateFile(ExtEditor.Root, "large", 0x1A4, 0, 0), 0, SampleTree.Bytes(1, 500_000));
        editor.SetAttribute(many, "user.long", new byte[300]);
        editor.Commit();
        return image;
    }

    // Where the structures are; what files hold says nothing to the editor.
    private static List<(int Start, int Length)> Places(byte[] image)
    {
        var fileSystem = ExtFileSystem.Open(new MemoryWindow(image));
        var geometry = fileSystem.Geometry;
        var first = (int)geometry.OffsetOf(geometry.BlockBitmap(0));
        List<(int, int)> places = [(1024, 0x110), (2048, 32), (2048, 32), (first, geometry.BlockSize), (first + geometry.BlockSize, 64)];
        for (var number = 2u; number <= geometry.InodesCount; number++)
        {
            var inode = fileSystem.ReadInode(number);
            if (inode.Mode == 0 || number is 7 or 8)
                continue;
            places.Add(((int)fileSystem.OffsetOfInode(number), 0xA0));
            if (inode.AttributeBlock != 0)
                places.Add(((int)geometry.OffsetOf(inode.AttributeBlock), 128));
            if (inode.FileType is not (ExtFileType.Directory or ExtFileType.RegularFile))
                continue;
            for (var slot = inode.FileType == ExtFileType.Directory ? 0 : ExtInode.DirectCount; slot < ExtInode.PointerCount; slot++)
            {
                if (inode.Pointer(slot) != 0)
                    places.AddRange(Enumerable.Repeat(((int)geometry.OffsetOf(inode.Pointer(slot)), geometry.BlockSize), 3));
            }
        }

        return places;
    }

    private static void Mutate(byte[] image, List<(int Start, int Length)> places, Random random)
    {
        for (var i = 0; i <= random.Next(8); i++)
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

    private sealed class MemoryWindow(byte[] bytes) : Window
    {
        public byte[] Bytes { get; } = bytes;

        public long Reads { get; private set; }

        public override long Length => Bytes.Length;

        public override void Flush()
        {
        }

        public override void Clear(long position, long count) => Bytes.AsSpan((int)position, (int)count).Clear();

        public override void SetLength(long length) => throw new InvalidOperationException("An edit changed the length.");

        protected override void ReadCore(long position, Span<byte> buffer)
        {
            Reads++;
            Bytes.AsSpan((int)position, buffer.Length).CopyTo(buffer);
        }

        protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => bytes.CopyTo(Bytes.AsSpan((int)position));
    }
}
