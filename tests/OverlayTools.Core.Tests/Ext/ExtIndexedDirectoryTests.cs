using System.Globalization;
using System.Text.RegularExpressions;
using CsCheck;
using OverlayTools.Ext;
using OverlayTools.Ext.Check;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Large directories of new images have their index from the start.</summary>
public sealed partial class ExtIndexedDirectoryTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const string Seed = "66666666-7777-8888-9999-aaaaaaaaaaaa";

    private static readonly int s_iterations =
        int.Parse(Environment.GetEnvironmentVariable("OT_MODEL_RUNS") ?? "5", CultureInfo.InvariantCulture);

    private static readonly string[] s_indexLines = ["Entry #", "levels:", "Version:", "Number of entries"];

    [Theory]
    [InlineData(1024, 31, null)] // as many names as a block of 1 KiB holds
    [InlineData(1024, 32, 0)]
    [InlineData(1024, 3000, 0)]
    [InlineData(1024, 12_000, 1)]
    [InlineData(2048, 20_000, 1)]
    [InlineData(4096, 12_000, 0)]
    public void The_layout_is_that_of_a_directory_that_e2fsck_optimised(int blockSize, int count, int? levels)
    {
        Machine.NeedTool("mke2fs");
        Machine.NeedTool("e2fsck");
        using var directory = new TemporaryDirectory();
        var source = Directory.CreateDirectory(directory["source/many"]).FullName;
        for (var i = 0; i < count; i++)
            File.Create(Path.Combine(source, ShortName(i))).Dispose();
        var block = blockSize.ToString(CultureInfo.InvariantCulture);
        var theirs = Ext3Image.MadeByMke2fs(directory, 300 * MiB,
            "-b", block, "-N", "60000", "-E", "hash_seed=" + Seed, "-d", directory["source"]);
        var (exit, said, error) = Machine.Run("e2fsck", "-f", "-y", "-D", theirs.Path);
        Assert.True(exit is 0 or 1, said + error);

        var ours = Ext3Image.Made(directory, 300 * MiB, ExtNode.FromDirectory(directory["source"], TestContext.Current.CancellationToken),
            new ExtFormatOptions { BlockSize = blockSize, InodeCount = 60_000, HashSeed = new Guid(Seed) });
        AssertSound(ours);
        if (levels is null)
        {
            Assert.Contains("Not a hash-indexed directory", Machine.Run("debugfs", "-R", "htree_dump /many", ours.Path).Error);
            return;
        }

        var (want, got) = (Index(theirs), Index(ours));
        Assert.Contains($"Indirect levels: {levels}", got, StringComparison.Ordinal);
        Assert.Equal(want, got);
        Assert.Equal(theirs.Debug("stat /many").Split("Size: ")[1].Split('\n')[0], ours.Debug("stat /many").Split("Size: ")[1].Split('\n')[0]);
    }

    [Theory]
    [InlineData(1024, 12_000)]
    [InlineData(4096, 60_000)]
    public void The_kernel_and_the_editor_use_it_as_their_own(int blockSize, int count)
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var names = Enumerable.Range(0, count).Select(MixedName).ToList();
        var image = Ext3Image.Made(directory, 400 * MiB, Tree(names), new ExtFormatOptions { BlockSize = blockSize, InodeCount = 80_000 });
        AssertSound(image);
        image.Mounted("rw", point =>
        {
            foreach (var name in names)
                Assert.True(File.Exists($"{point}/many/{name}"), name);
            Assert.Equal(names.Order(StringComparer.Ordinal), NamesIn(point));
            for (var i = 0; i < 3000; i++)
                File.Create($"{point}/many/by the kernel {i}").Dispose();
            for (var i = 0; i < count; i += 7)
                File.Delete($"{point}/many/{names[i]}");
        });
        AssertSound(image);
        using (var file = image.Open())
        {
            using var editor = ExtEditor.Open(new FileWindow(file));
            var many = editor.Find("/many")!.Value;
            for (var i = 1; i < count; i += 70)
                editor.Unlink(many, names[i]);
            for (var i = 0; i < 1000; i++)
                editor.CreateFile(many, $"by the editor {i}", 0x1A4, 0, 0);
            Assert.True(editor.Commit());
        }

        AssertSound(image);
        var want = names.Where((_, i) => i % 7 != 0 && i % 70 != 1)
            .Concat(Enumerable.Range(0, 3000).Select(i => $"by the kernel {i}"))
            .Concat(Enumerable.Range(0, 1000).Select(i => $"by the editor {i}"));
        image.Mounted("ro", point => Assert.Equal(want.Order(StringComparer.Ordinal), NamesIn(point)));
    }

    [Fact]
    public void Names_of_the_same_hash_are_found_on_both_sides_of_a_border()
    {
        Machine.NeedRoot();
        using var directory = new TemporaryDirectory();
        var names = NamesOfEqualHash(1_000_000, 300);
        var image = Ext3Image.Made(directory, 64 * MiB, Tree(names), new ExtFormatOptions { HashSeed = new Guid(Seed) });
        AssertSound(image);
        // A border inside a pair has its lowest bit set.
        var borders = BorderHash().Matches(image.Debug("htree_dump /many")).Count(match => (Convert.ToUInt32(match.Groups[1].Value, 16) & 1) != 0);
        output.WriteLine($"{names.Count} names, {borders} borders between two of the same hash");
        Assert.True(borders > 10, "no pair is on both sides of a border");
        image.Mounted("rw", point =>
        {
            foreach (var name in names)
                Assert.True(File.Exists($"{point}/many/{name}"), name);
            foreach (var name in names.Where((_, i) => i % 3 == 0))
                File.Delete($"{point}/many/{name}");
        });
        AssertSound(image);
    }

    [Fact]
    public void Any_names_are_found_and_the_measure_holds()
    {
        Machine.NeedRoot();
        var shape = Gen.Select(Gen.Int[0, 3], Gen.Int[1, 255], Gen.Int[0, 60_000], Gen.Int);
        shape.Sample(drawn =>
        {
            var (scale, longest, most, seed) = drawn;
            var count = (int)(most / Math.Pow(8, scale));
            output.WriteLine($"{count} names of up to {longest} bytes, seed {seed}");
            using var directory = new TemporaryDirectory();
            var root = Tree(RandomNames(new Random(seed), count, longest));
            var image = Ext3Image.Made(directory, ExtSizing.SizeFor(root), root);
            AssertSound(image);
            var need = ExtSizing.Measure(root, image.Read(fileSystem => fileSystem.Geometry.BlockSize)).Blocks;
            var used = image.Read(fileSystem => ExtSizing.Available(fileSystem.Geometry) - fileSystem.Superblock.FreeBlocksCount);
            Assert.InRange(used, need * 0.7 - 5, need);
            image.Mounted("ro", point => Assert.Equal(root.Children.First().Node.Children.Count(), CountFound(point, root)));
        }, iter: s_iterations, threads: 1, writeLine: output.WriteLine);
    }

    [Fact]
    public void Any_layout_has_every_name_once_where_its_hash_belongs() =>
        Gen.Select(Gen.Int[1, 255].Array[1, 2000], Gen.Int[1, 2000], Gen.Int[0, 2]).Sample(drawn =>
        {
            var (lengths, hashes, size) = drawn;
            var blockSize = 1024 << size;
            var names = lengths.Select((length, i) => new ExtName(i.ToString("x4", CultureInfo.InvariantCulture).PadRight(length, 'n'))).ToList();
            uint HashOf(ExtName name) => (uint)(Convert.ToInt32(name.ToString()[..4], 16) * 7919 % hashes) * 2;
            var layout = IndexLayout.Of(names, blockSize, HashOf);
            Assert.Equal(Enumerable.Range(0, names.Count), layout.Order.Order());
            Assert.Equal(names.Count, layout.Leaves.Sum(leaf => leaf.Names));
            Assert.InRange(layout.Blocks, 2, IndexLayout.MostBlocks(names.Select(name => name.Bytes.Length), blockSize));
            var next = 0;
            foreach (var leaf in layout.Leaves)
            {
                var inLeaf = layout.Order.AsSpan(next, leaf.Names).ToArray().Select(i => names[i]).ToList();
                Assert.InRange(inLeaf.Sum(name => DirectoryBlocks.SizeOf(name.Bytes.Length)), 12, blockSize);
                var before = next == 0 ? uint.MaxValue : HashOf(names[layout.Order[next - 1]]);
                Assert.Equal(HashOf(inLeaf[0]) | (before == HashOf(inLeaf[0]) ? 1u : 0), leaf.Hash);
                Assert.Equal(inLeaf.Select(HashOf).Order(), inLeaf.Select(HashOf));
                Assert.True(next == 0 || before <= HashOf(inLeaf[0]));
                next += leaf.Names;
            }
        }, iter: 200, writeLine: output.WriteLine);

    [Fact]
    public void More_names_than_two_levels_hold_are_refused_before_anything_is_written()
    {
        using var directory = new TemporaryDirectory();
        // Three of these fit into a leaf of 1 KiB, and there are 124 times 127 leaves at most.
        var file = ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0);
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var many = root.Add("many", ExtNode.Directory(0x1ED, 0, 0));
        for (var i = 0; i < 3 * 124 * 127; i++)
            many.Add(i.ToString(CultureInfo.InvariantCulture).PadRight(255, 'x'), file);
        var image = Ext3Image.Made(directory, 64 * MiB, root, new ExtFormatOptions { BlockSize = 1024 });
        AssertSound(image);
        many.Add("one more".PadRight(255, 'x'), file);
        var refused = directory["refused.img"];
        using (var handle = File.OpenHandle(refused, FileMode.CreateNew, FileAccess.ReadWrite))
        {
            var window = new FileWindow(handle);
            window.SetLength(64 * MiB);
            var error = Assert.Throws<EngineException>(() =>
                ExtFormatter.Format(window, new ExtFormatOptions(), root, null, TestContext.Current.CancellationToken));
            Assert.Equal(ErrorIds.OverlayFull, error.ErrorId);
            Assert.Contains("/many", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal("0", Ext3Image.Run("stat", "-c", "%b", refused).Trim());
        var size = ExtSizing.SizeFor(root);
        Assert.True(size >= 512 * MiB, "blocks of 4 KiB hold them");
        AssertSound(Ext3Image.Made(directory, size, root));
    }

    [Fact]
    public void Lost_and_found_keeps_its_free_blocks()
    {
        using var directory = new TemporaryDirectory();
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var lost = root.Add("lost+found", ExtNode.Directory(0x1C0, 0, 0));
        for (var i = 0; i < 200; i++)
            lost.Add($"#{i}", ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0));
        var image = Ext3Image.Made(directory, 64 * MiB, root);
        AssertSound(image);
        Assert.Equal(12 * 1024, image.Read(fileSystem => fileSystem.ReadInode(ExtInode.LostAndFound).Size));
        Assert.Contains("Not a hash-indexed", Machine.Run("debugfs", "-R", "htree_dump /lost+found", image.Path).Error);
    }

    private static ExtNode Tree(IEnumerable<string> names)
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var many = root.Add("many", ExtNode.Directory(0x1ED, 0, 0));
        foreach (var name in names)
            many.Add(name, ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0));
        return root;
    }

    private static string ShortName(int i) => $"a file, {i:d7} of it";

    private static string MixedName(int i) => (i % 4) switch
    {
        0 => $"a rather long name, number {i}, with äöü",
        1 => $"f{i}",
        2 => $"{i} ÿ{new string('n', 30)}",
        _ => $"{i}".PadRight(i % 40 == 3 ? 255 : 12, 'x'),
    };

    private static HashSet<string> RandomNames(Random random, int count, int longest)
    {
        var names = new HashSet<string>();
        // Where so few letters make fewer names than were asked for, there are fewer.
        for (var i = 0; i < count; i++)
            names.Add(string.Create(random.Next(1, longest + 1), random, (name, from) =>
            {
                foreach (ref var letter in name)
                    letter = (char)from.Next('0', 'z' + 1);
            }));
        return names;
    }

    private static IEnumerable<string?> NamesIn(string point) =>
        Directory.GetFiles($"{point}/many").Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static int CountFound(string point, ExtNode root) =>
        root.Children.First().Node.Children.Count(child => File.Exists($"{point}/many/{child.Name}"));

    // The hash has 31 bits: among a million names some hundred pairs have the same.
    private static List<string> NamesOfEqualHash(int among, int others)
    {
        var seed = new Guid(Seed).ToByteArray(bigEndian: true);
        var seen = new Dictionary<uint, string>();
        var names = new List<string>();
        for (var i = 0; i < among; i++)
        {
            var name = i.ToString(CultureInfo.InvariantCulture).PadRight(255, 'p');
            var hash = DirectoryHash.InIndex(DirectoryHash.HalfMd4, ExtSuperblockTemplate.HashesUnsigned, new ExtName(name).Bytes, seed);
            if (!seen.TryAdd(hash, name))
                names.AddRange([seen[hash], name]);
        }

        names.AddRange(Enumerable.Range(0, others).Select(i => $"another {i}"));
        return [.. names.Distinct()];
    }

    private static string Index(Ext3Image image) => string.Join('\n', image.Debug("htree_dump /many").Split('\n')
        .Where(line => s_indexLines.Any(part => line.Contains(part, StringComparison.Ordinal))
            && !line.Contains("Reading directory block", StringComparison.Ordinal))
        .Select(line => Place().Replace(line, "")));

    private static void AssertSound(Ext3Image image)
    {
        var (exit, said, error) = Machine.Run("e2fsck", "-f", "-n", image.Path);
        Assert.True(exit == 0 && !said.Contains("Fix?", StringComparison.Ordinal), said + error);
        Assert.DoesNotContain("htree", said, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("rebuild", said, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("optimiz", said, StringComparison.OrdinalIgnoreCase);
        using var file = image.Open();
        var check = ExtChecker.Check(new FileWindow(file), null, TestContext.Current.CancellationToken);
        Assert.True(check.IsSound, string.Join('\n', check.Findings));
        Assert.Empty(check.Findings);
    }

    [GeneratedRegex(@"Hash 0x([0-9a-f]{8}), block")]
    private static partial Regex BorderHash();

    // Where a leaf lies on disk is another matter.
    [GeneratedRegex(@"\(\d+\)")]
    private static partial Regex Place();
}
