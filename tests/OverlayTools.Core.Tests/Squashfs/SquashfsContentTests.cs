using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Squashfs;

/// <summary>Squashfs as mksquashfs writes it, judged by what it was made from.</summary>
public sealed class SquashfsContentTests(SquashfsContentTests.SourceTree tree) : IClassFixture<SquashfsContentTests.SourceTree>
{
    private const string Tree = """
        set -e
        mkdir -p empty deep/er/est many 'a name with spaces'
        i=0; while [ $i -lt 700 ]; do echo "line $i" > many/file-with-a-longer-name-$i; i=$((i+1)); done
        head -c 1000000 /dev/urandom > deep/random
        yes text | head -c 3000001 > deep/er/compressible
        : > empty-file
        printf x > deep/er/est/one
        truncate -s 5000000 sparse; printf end >> sparse
        truncate -s 2M holes
        ln deep/random 'a name with spaces/hard'
        ln -s deep/er link; ln -s /etc/passwd absolute
        mkfifo pipe
        setfattr -n user.plain -v value deep/random
        setfattr -n user.plain -v value empty
        setfattr -n user.long -v "$(yes v | head -n 1500 | tr -d '\n')" many/file-with-a-longer-name-1
        setfattr -n user.long -v "$(yes v | head -n 1500 | tr -d '\n')" many/file-with-a-longer-name-2
        chmod 4751 deep/er/est/one; chmod 1777 empty
        touch -d @86400 deep/er/est/one; touch -d @4000000000 deep/random
        printf "x" > "$(printf 'umlaut-\303\244')"
        """;

    private const string AsRoot = """
        set -e
        mknod device c 5 1; mknod block b 259 70000
        chown 1000:70000 deep/er/est/one; chown -h 4000000000:5 link
        setfattr -n trusted.overlay.opaque -v y deep/er
        setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 deep/random
        """;

    [Theory]
    [InlineData("gzip")]
    [InlineData("xz")]
    [InlineData("xz", "-b", "1M")]
    [InlineData("xz", "-Xbcj", "x86")]
    [InlineData("lzma")]
    [InlineData("lzma", "-b", "1M")]
    [InlineData("lz4")]
    [InlineData("lz4", "-Xhc")]
    [InlineData("zstd", "-b", "4K")]
    [InlineData("gzip", "-no-fragments")]
    [InlineData("zstd", "-always-use-fragments", "-b", "1M")]
    [InlineData("gzip", "-noI", "-noD", "-noF", "-noX")]
    [InlineData("gzip", "-no-exports", "-no-duplicates")]
    public void Every_file_is_read_as_it_was_packed(string compression, params string[] options)
    {
        using var directory = new TemporaryDirectory();
        Pack(tree.Path, directory["a.sqfs"], ["-comp", compression, .. options]);

        using var layer = Layers.OpenBase(directory["a.sqfs"], null, _ => { }, TestContext.Current.CancellationToken);

        Assert.True(tree.Listing.Count > 1400, "The walk saw too little.");
        Assert.Equal(tree.Listing, LayerListing.OfLayer(layer));
    }

    [Fact]
    public void A_compression_that_is_not_read_is_named()
    {
        const string compression = "lzo";
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["tree"]);
        File.WriteAllText(directory["tree/file"], new string('x', 10_000));
        Pack(directory["tree"], directory["a.sqfs"], ["-comp", compression]);

        var error = Assert.Throws<EngineException>(() =>
        {
            using var layer = Layers.OpenBase(directory["a.sqfs"], null, _ => { }, TestContext.Current.CancellationToken);
            LayerListing.OfLayer(layer);
        });
        Assert.Equal(ErrorIds.SquashfsUnsupported, error.ErrorId);
        Assert.Contains(compression, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_one_file_are_known_as_such_and_holes_stay_holes()
    {
        using var directory = new TemporaryDirectory();
        Pack(tree.Path, directory["a.sqfs"], ["-comp", "gzip"]);
        using var layer = Layers.OpenBase(directory["a.sqfs"], null, _ => { }, TestContext.Current.CancellationToken);

        var root = layer.Read(layer.Root, TestContext.Current.CancellationToken);

        var hard = root.Find("a name with spaces")!.Find("hard");
        Assert.NotNull(hard);
        Assert.Same(hard, root.Find("deep")!.Find("random"));
        Assert.Empty(root.Find("holes")!.Content.DataRuns);
        Assert.Equal(2 << 20, root.Find("holes")!.Content.Length);
        Assert.True(root.Find("sparse")!.Content.DataRuns[0].Start > 4_000_000);
    }

    [Fact]
    public void A_file_is_read_from_anywhere()
    {
        using var directory = new TemporaryDirectory();
        Pack(tree.Path, directory["a.sqfs"], ["-comp", "gzip"]);
        using var layer = Layers.OpenBase(directory["a.sqfs"], null, _ => { }, TestContext.Current.CancellationToken);
        var deep = layer.Find(layer.Root, "deep")!;
        using var stream = layer.OpenFile(layer.Find(deep, "random")!);
        var expected = File.ReadAllBytes(Path.Combine(tree.Path, "deep/random"));
        var random = new Random(5);
        var buffer = new byte[1000];
        for (var i = 0; i < 200; i++)
        {
            stream.Position = random.Next(expected.Length - buffer.Length);
            var at = (int)stream.Position;
            stream.ReadExactly(buffer);
            Assert.True(expected.AsSpan(at, buffer.Length).SequenceEqual(buffer), $"at {at}");
        }

        Assert.Null(layer.Find(deep, "nothing"));
    }

    [Fact]
    public void Damage_is_an_error_of_its_own_and_ends()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["tree"]);
        Assert.Equal(0, Machine.RunWith("bash", ["-c", """
            mkdir -p a/b c; echo hello > a/b/file; ln -s a link; head -c 20000 /dev/urandom > c/random; setfattr -n user.x -v y c
            i=0; while [ $i -lt 40 ]; do echo $i > c/f$i; i=$((i+1)); done
            """], null, directory["tree"]).ExitCode);
        // Metadata that is not compressed, so that what is changed in it is not caught by a checksum already.
        Pack(directory["tree"], directory["a.sqfs"], ["-comp", "gzip", "-noI", "-noX", "-noId"]);
        var original = File.ReadAllBytes(directory["a.sqfs"]);
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var errors = 0;
        for (var round = 0; round < 3000; round++)
        {
            var bytes = original.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                // Mostly where the tables are: the last bytes; and the superblock.
                var at = random.Next(3) == 0 ? random.Next(96) : random.Next(20_000, bytes.Length);
                bytes[at] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)(random.Next(2) * 255);
            }

            try
            {
                using var layer = new SquashfsContent(null, new MemoryWindow(bytes), "a.sqfs", null);
                WalkAll(layer, round, seed);
            }
            catch (EngineException error) when (error.ErrorId is ErrorIds.SquashfsCorrupt or ErrorIds.SquashfsUnsupported
                or ErrorIds.ImageNotRecognized)
            {
                errors++;
            }
            catch (Exception error) when (error is not EngineException)
            {
                Assert.Fail($"Seed {seed}, round {round}: {error}");
            }
        }

        Assert.True(errors > 300, $"Only {errors} errors, seed {seed}.");
    }

    // What leads in circles, or to the same directory any number of times, is for whoever walks to stop.
    private static void WalkAll(SquashfsContent layer, int round, int seed)
    {
        var steps = 0;
        var seen = new HashSet<ulong>();
        var pending = new Stack<OverlayEntry>([layer.Root]);
        var buffer = new byte[65536];
        while (pending.TryPop(out var entry))
        {
            foreach (var child in layer.List(entry))
            {
                Assert.True(++steps < 100_000, $"Seed {seed}, round {round}: no end.");
                layer.Attributes(child);
                if (child.Type == ExtFileType.Directory && seen.Add(child.Number))
                    pending.Push(child);
                if (child.Type != ExtFileType.RegularFile)
                    continue;
                using var stream = layer.OpenFile(child);
                for (var read = 0L; read < 1 << 20 && stream.Read(buffer) is var count and > 0; read += count)
                    Assert.True(count > 0);
            }
        }
    }

    /// <summary>What is packed: made once, since it is only read.</summary>
    public sealed class SourceTree : IDisposable
    {
        private readonly TemporaryDirectory _directory = new();
        private readonly Lazy<List<string>> _listing;

        public SourceTree()
        {
            _listing = new(() => LayerListing.OfDirectory(Path));
            foreach (var script in Machine.IsRoot ? new[] { Tree, AsRoot } : [Tree])
            {
                Machine.NeedTool("setfattr");
                var (exitCode, _, error) = Machine.RunWith("bash", ["-c", script], null, Path);
                Assert.True(exitCode == 0, error);
            }
        }

        public string Path => _directory.Path;

        public List<string> Listing => _listing.Value;

        public void Dispose() => _directory.Dispose();
    }

    private static void Pack(string source, string image, params string[] options)
    {
        Machine.NeedTool("mksquashfs");
        var (exitCode, output, error) = Machine.Run("mksquashfs", [source, image, "-noappend", "-no-progress", .. options]);
        Assert.True(exitCode == 0, output + error);
    }

    private sealed class MemoryWindow(byte[] bytes) : Window
    {
        public override long Length => bytes.Length;

        public override void Flush()
        {
        }

        public override void Clear(long position, long count) => throw new NotSupportedException();

        public override void SetLength(long length) => throw new NotSupportedException();

        protected override void ReadCore(long position, Span<byte> buffer) =>
            bytes.AsSpan((int)position, buffer.Length).CopyTo(buffer);

        protected override void WriteCore(long position, ReadOnlySpan<byte> content) => throw new NotSupportedException();
    }
}
