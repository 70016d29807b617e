using System.Text;
using OverlayTools.Ext;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

public sealed class ExtTarTreeTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    [Fact]
    public void What_GNU_tar_packs_as_pax_is_in_the_image_as_it_was() => PackAndCompare(
        point => Ext3Image.Run("rm", "-f", point + "/upper/socket"),
        ["--format=pax", "-S", "--acls", "--xattrs", "--xattrs-include=*"],
        ("file", ["--sparse-version=1.0"]), ("file", ["--sparse-version=0.1"]), ("pipe", ["--sparse-version=0.0"]), ("gzip", []));

    // Its own format has no attributes, no part of a second, and no time before 1970.
    [Fact]
    public void What_GNU_tar_packs_in_its_own_format_is_in_the_image_as_it_was() => PackAndCompare(
        point => Ext3Image.Run("sh", "-c", $$"""
            cd '{{point}}' && rm -f upper/socket && setfacl -R -b -k . && find . ! -name lost+found -exec sh -c '
                for f; do
                    for a in $(getfattr -h -m - "$f" 2>/dev/null | grep "^[a-z]*\.[a-z]"); do setfattr -h -x "$a" "$f"; done
                    touch -h -d "2001-02-03 04:05:06" "$f"
                done' sh {} + ; touch -d '2100-01-01' upper
            """),
        ["--format=gnu", "-S"], ("file", []), ("pipe", []));

    private static void PackAndCompare(Action<string> prepare, string[] options, params (string Way, string[] Options)[] archives)
    {
        Machine.NeedTool("tar");
        using var directory = new TemporaryDirectory();
        var source = Ext3Image.MadeByMke2fs(directory, 100 * MiB, "-b", "4096");
        string? before = null;
        source.Mounted("rw,acl,user_xattr", point =>
        {
            KernelTree.Fill(point, 300, 100 * MiB);
            prepare(point);
        });
        source.Mounted("ro", point =>
        {
            before = KernelView.Of(point, allTimes: false);
            for (var i = 0; i < archives.Length; i++)
                Ext3Image.Run("tar", ["-C", point, "--numeric-owner", .. options, .. archives[i].Options, "-cf", directory[$"{i}.tar"], "."]);
        });
        Assert.Equal(options.Contains("--xattrs"), before!.Contains("security.capability=0x01"));
        for (var i = 0; i < archives.Length; i++)
        {
            var archive = directory[$"{i}.tar"];
            if (archives[i].Way == "gzip")
            {
                Ext3Image.Run("gzip", "-1", archive);
                archive += ".gz";
            }

            string? after = null;
            using var stream = Open(archive, archives[i].Way == "pipe");
            using var tree = ExtTarTree.Read(stream, directory.Path, null, null, TestContext.Current.CancellationToken);
            Assert.DoesNotContain(Directory.EnumerateFiles(directory.Path), path => Path.GetFileName(path).StartsWith(".tar-", StringComparison.Ordinal));
            var image = Ext3Image.Made(directory, 100 * MiB, tree.Root);
            image.AssertClean();
            image.Mounted("ro", point => after = KernelView.Of(point, allTimes: false));
            Assert.Equal(before, after);
            Assert.InRange(image.Read(fs => fs.ReadInode(fs.Find("/upper/sparse")!.Value).Sectors), 1u, 200u);
        }
    }

    [Fact]
    public void A_file_that_can_seek_is_not_copied()
    {
        using var directory = new TemporaryDirectory();
        var bytes = new TarBuilder().Add("a", content: new string('a', 5000)).Bytes;
        using var stream = new MemoryStream(bytes);
        using var tree = ExtTarTree.Read(stream, "/proc/no/such/place", null, null, TestContext.Current.CancellationToken);
        Assert.Equal(5000, Read(tree, "a").Length);
        // A pipe would have had to go somewhere.
        Assert.Throws<Native.LinuxException>(() => ExtTarTree.Read(new Pipe(bytes), "/proc/no/such/place", null, null, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("../evil", '0', "", "'..' may lead outside")]
    [InlineData("a/../../evil", '0', "", "'..' may lead outside")]
    [InlineData("up/file", '0', "", "no directory")]
    [InlineData("up/dir/", '5', "", "no directory")]
    [InlineData("hard", '1', "../../etc/passwd", "'..' may lead outside")]
    [InlineData("hard", '1', "/etc/passwd", "not in the archive")]
    [InlineData("hard", '1', "up/passwd", "not in the archive")]
    [InlineData("hard", '1', "dir", "a directory")]
    [InlineData("file/below", '0', "", "no directory")]
    [InlineData(".", '0', "", "name of the root")]
    [InlineData("link", '2', "", "symbolic link of 0 bytes")]
    [InlineData("", '0', "", "a path of 0 bytes")]
    public void What_would_reach_outside_is_refused_by_its_name(string name, char type, string link, string expected)
    {
        var archive = new TarBuilder().Add("up", '2', link: "/etc").Add("dir/", '5', mode: 493).Add("file", content: "f")
            .Add(name, type, link: link);
        var error = Assert.Throws<EngineException>(() => Tree(archive));
        Assert.Equal(ErrorIds.TarMemberRefused, error.ErrorId);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_too_long_or_with_a_NUL_is_refused()
    {
        foreach (var name in new[] { new string('n', 256), "a\0b", string.Concat(Enumerable.Repeat("d/", 3000)) })
        {
            var error = Assert.Throws<EngineException>(() => Tree(new TarBuilder().Pax(("path", name)).Add("short")));
            Assert.Equal(ErrorIds.TarMemberRefused, error.ErrorId);
        }
    }

    [Fact]
    public void Later_members_replace_earlier_ones_and_absolute_names_stay_inside()
    {
        var archive = new TarBuilder().Add("/abs/file", content: "1").Add("abs/file", content: "second").Add("./abs/", '5', mode: 0b111_000_000)
            .Add("was-dir/", '5').Add("was-dir/below").Add("was-dir", content: "now a file")
            .Add("was-file").Add("was-file/", '5').Add("was-file/below", content: "x")
            .Add("one", content: "old").Add("two", '1', link: "one").Add("one", content: "new")
            .Add(".wh.deleted").Add(".wh..").Add(".wh..wh..opq").Add("z\xFF").Add("b").Add("a");
        using var tree = Tree(archive);
        Assert.Equal("second", Read(tree, "abs/file"));
        Assert.Equal(0b111_000_000u, Find(tree, "abs").Permissions);
        Assert.Equal("now a file", Read(tree, "was-dir"));
        Assert.Equal("x", Read(tree, "was-file/below"));
        Assert.Equal(("new", "old"), (Read(tree, "one"), Read(tree, "two")));
        Assert.Equal(ExtFileType.RegularFile, Find(tree, ".wh..").Type);
        var names = tree.Root.Children.Select(child => child.Name).ToList();
        Assert.Equal([".wh..", ".wh..wh..opq", ".wh.deleted", "a", "abs", "b", "one", "two", "was-dir", "was-file", "z\uFFFD"],
            names.Select(name => name.ToString()));
        Assert.Equal([(byte)'z', 0xFF], names[^1].Bytes.ToArray());
    }

    [Fact]
    public void Big_numbers_times_and_bytes_that_are_no_text_are_kept()
    {
        var capability = "\x01\0\0\x02\xFF\xFE\x80\0" + new string('\0', 12);
        var archive = new TarBuilder()
            .Pax(("uid", "4294967294"), ("gid", "3000000000"), ("mtime", "-1.25"), ("atime", "7"),
                ("SCHILY.xattr.security.capability", capability), ("SCHILY.xattr.user.empty", ""), ("SCHILY.xattr.btrfs.mine", "x"),
                ("SCHILY.acl.access", "user::rw-,user:lisp:r--:500,group::r--,mask::r--,other::---\n"))
            .Add("file", content: "f").Pax(("mtime", "4000000000.1234567899")).Add("link", '2', link: "\xE9t\xE9");
        using var tree = Tree(archive);
        var file = Find(tree, "file");
        Assert.Equal((4294967294u, 3000000000u), (file.UserId, file.GroupId));
        Assert.Equal(new ExtTime(-2, 750_000_000), file.Modified);
        Assert.Equal(new ExtTime(4000000000, 123456789), Find(tree, "link").Modified);
        Assert.Equal(Encoding.Latin1.GetBytes(capability), file.Attributes["security.capability"]);
        Assert.Equal(["security.capability", "system.posix_acl_access", "user.empty"], file.Attributes.Keys.Order(StringComparer.Ordinal));
        Assert.Equal([0xE9, (byte)'t', 0xE9], Find(tree, "link").Target.ToArray());
        using var owned = ExtTarTree.Read(new MemoryStream(archive.Bytes), "/tmp", (7, 8), null, TestContext.Current.CancellationToken);
        Assert.Equal((7u, 8u), (Find(owned, "file").UserId, Find(owned, "link").GroupId));
    }

    [Fact]
    public void Other_compressions_and_kinds_are_named()
    {
        foreach (var (start, expected) in new (byte[], string)[]
            { ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 1], "xz"), ("BZh91AY"u8.ToArray(), "bzip2"), ([0x28, 0xB5, 0x2F, 0xFD, 1, 2], "zstd") })
        {
            var error = Assert.Throws<EngineException>(() => ExtTarTree.Read(new MemoryStream(start), "/tmp", null, null, TestContext.Current.CancellationToken));
            Assert.Equal(ErrorIds.TarUnsupported, error.ErrorId);
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(ErrorIds.TarUnsupported, Assert.Throws<EngineException>(() => Tree(new TarBuilder().Add("m", 'M'))).ErrorId);
    }

    [Theory]
    [InlineData("99999999999")]
    [InlineData("77777777777")]
    [InlineData("-0000000001")]
    [InlineData("\x80\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")]
    [InlineData("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00")]
    public void A_size_that_cannot_be_is_a_typed_error(string size)
    {
        foreach (var type in "0156xLVS7")
        {
            var archive = new TarBuilder().Add("member", type, "content", size: size);
            foreach (var stream in new Stream[] { new MemoryStream(archive.Bytes), new Pipe(archive.Bytes) })
            {
                var error = Record.Exception(() => ExtTarTree.Read(stream, Path.GetTempPath(), null, null, TestContext.Current.CancellationToken).Dispose());
                if (type != '1' || error is not null)
                    Assert.IsType<EngineException>(error);
            }
        }
    }

    [Fact]
    public void Nothing_but_typed_errors_comes_out_of_a_hostile_archive()
    {
        var start = Environment.TickCount;
        output.WriteLine($"seeds from {start}");
        var pristine = new TarBuilder().Add("dir/", '5').Add("dir/file", content: new string('c', 700)).Add("link", '2', link: "dir")
            .Pax(("path", "long/name"), ("SCHILY.xattr.user.a", "value"), ("mtime", "1.5")).Add("x", content: "y")
            .Pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "sparse"), ("GNU.sparse.realsize", "100000"))
            .Add("s", content: "2\n512\n3\n99997\n3\n".PadRight(512, '\0') + "abcdef").Add("hard", '1', link: "dir/file").Bytes;
        var outcomes = new Dictionary<string, int>();
        for (var seed = start; seed < start + 4000; seed++)
        {
            var random = new Random(seed);
            var bytes = (byte[])pristine.Clone();
            for (var i = 0; i <= random.Next(3); i++)
            {
                var at = random.Next(bytes.Length);
                bytes[at] = random.Next(3) switch { 0 => (byte)random.Next(256), 1 => (byte)('0' + random.Next(10)), _ => 0xFF };
                FixChecksum(bytes, at / 512 * 512);
            }

            var archive = bytes.AsSpan(0, random.Next(4) == 0 ? random.Next(bytes.Length) : bytes.Length).ToArray();
            using Stream stream = random.Next(2) == 0 ? new MemoryStream(archive) : new Pipe(archive);
            var outcome = "read";
            try
            {
                using var tree = ExtTarTree.Read(stream, Path.GetTempPath(), null, null, TestContext.Current.CancellationToken);
                var pending = new Queue<ExtNode>([tree.Root]);
                while (pending.TryDequeue(out var node))
                {
                    foreach (var (_, child) in node.Children)
                        pending.Enqueue(child);
                    using var content = node.Content.Open();
                    content.ReadAtLeast(new byte[4096], 4096, throwOnEndOfStream: false);
                }
            }
            catch (EngineException error)
            {
                outcome = error.ErrorId;
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"seed {seed}: {error.GetType().Name}", error);
            }

            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
        }

        foreach (var (outcome, count) in outcomes)
            output.WriteLine($"{count,6} {outcome}");
        Assert.True(outcomes.Count >= 3);
    }

    private static void FixChecksum(byte[] bytes, int at)
    {
        if (at + 512 > bytes.Length || !bytes.AsSpan(at + 257, 5).SequenceEqual("ustar"u8))
            return;
        Encoding.ASCII.GetBytes("        ").CopyTo(bytes, at + 148);
        var sum = bytes.AsSpan(at, 512).ToArray().Sum(b => b);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(bytes, at + 148);
    }

    private static ExtTarTree Tree(TarBuilder archive) =>
        ExtTarTree.Read(new MemoryStream(archive.Bytes), "/tmp", null, null, TestContext.Current.CancellationToken);

    private static ExtNode Find(ExtTarTree tree, string path) =>
        path.Split('/').Aggregate(tree.Root, (node, name) => node.Find(new ExtName(name))!);

    private static string Read(ExtTarTree tree, string path)
    {
        using var reader = new StreamReader(Find(tree, path).Content.Open(), Encoding.Latin1);
        return reader.ReadToEnd();
    }

    private static Stream Open(string path, bool asPipe)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        return asPipe ? new Pipe(file) : file;
    }

    /// <summary>Bytes that come one after another, and not all at once.</summary>
    private sealed class Pipe(Stream inner) : Stream
    {
        public Pipe(byte[] bytes)
            : this(new MemoryStream(bytes))
        {
        }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, Math.Min(count, 777));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
