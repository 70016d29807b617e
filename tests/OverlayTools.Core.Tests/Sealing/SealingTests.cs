using OverlayTools.Containers;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using Machine = OverlayTools.TestSupport.Machine;

namespace OverlayTools.Core.Tests.Sealing;

/// <summary>Overlays become squashfs with all that squashfs can hold, and are refused where that would not be what they
/// hold.</summary>
public sealed class SealingTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    public static TheoryData<SealCompression, int?> Compressors => new()
    {
        { SealCompression.Zstd, 3 }, { SealCompression.Gzip, null },
    };

    [Theory]
    [MemberData(nameof(Compressors))]
    public void All_that_is_in_an_image_is_in_its_seal(SealCompression compression, int? level)
    {
        Need();
        var image = Ext3Image.MadeByMke2fs(_directory, 100 << 20);
        image.Mounted("rw,user_xattr,acl", point =>
        {
            KernelTree.Fill(point, names: 500, sparseEnd: 100L << 20);
            Ext3Image.Run("sh", "-ec", $"cd {point}/upper; chmod 0 whiteout; chown 70001:3000000001 .; chmod 2751 .; setfattr -n user.top -v top .; "
                + "setfattr -n trusted.top -v top .; touch -d '2011-11-11 11:11:11.5' .");
        });
        var before = File.ReadAllBytes(image.Path);
        var result = Convert(image.Path, "s.sqfs", new SquashfsPacking(compression, level));
        Assert.Equal(before, File.ReadAllBytes(image.Path));
        Assert.Contains(result.Warnings, warning => warning.Contains("access control lists", StringComparison.Ordinal));
        // Whoever is not root writes the same.
        var expected = "";
        image.Mounted("ro,user_xattr", point => expected = StackView.Of(point + "/upper", links: true));
        expected = Held(expected);
        Mounted(result.Path, point => Assert.Equal(expected, StackView.Of(point, links: true)));

        var back = Convert(result.Path, "back.img");
        LayerScene.AssertClean(back.Path);
        Mounted(back.Path, point => Assert.Equal(expected, StackView.Of(point + "/upper", links: true)));
        Assert.True(OnDisk(result.Path) < 20 << 20);
    }

    [Fact]
    public void An_image_whose_journal_has_to_be_replayed_is_sealed_as_it_will_be()
    {
        Need();
        var image = Ext3Image.MadeByMke2fs(_directory, 64 << 20);
        image.Mounted("rw", point => Directory.CreateDirectory(point + "/upper"));
        DirtyImages.ByTheKernel(image, 1, new Random(5));
        var before = File.ReadAllBytes(image.Path);
        Assert.Contains("needs_recovery", image.Dump("-h"), StringComparison.Ordinal);
        var result = Convert(image.Path, "s.sqfs");
        Assert.Equal(before, File.ReadAllBytes(image.Path));
        var shown = "";
        image.Mounted("rw", point => shown = StackView.Of(point + "/upper"));
        Mounted(result.Path, point => Assert.Equal(shown, StackView.Of(point)));
    }

    [Fact]
    public void An_overlay_goes_on_remembering_its_base()
    {
        Need();
        var image = NewImage("a.img");
        var known = OverlayBase.Of(Directory.CreateDirectory(_directory["base"]).FullName);
        Assert.True(OverlayBase.Record(image, null, known));
        var back = Convert(Convert(image, "s.sqfs").Path, "b.img").Path;
        Assert.Equal(known.Describe(), OverlayBase.Read(back)!.Describe());
        Mounted(back, point => Assert.DoesNotContain("overlaytools", StackView.Of(point + "/upper"), StringComparison.Ordinal));
    }

    [Fact]
    public void Tar2sqfs_packs_the_same()
    {
        Need();
        Machine.NeedTool("tar2sqfs");
        var layer = new LayerNormalizer(TestContext.Current.CancellationToken).Run(SampleLayer());
        var shown = new List<string>();
        foreach (var program in (string[])["sqfstar", "tar2sqfs"])
        {
            using var file = AtomicFile.Create(_directory[program], 0x180, force: false);
            var packer = SquashfsTreePacker.Create(
                new SquashfsPacking(), null, TestContext.Current.CancellationToken, new HelperProgram([program], "squashfs-tools", "pack"));
            packer.Pack(layer, file.Handle, file.TemporaryPath, "a layer");
            Mounted(file.TemporaryPath, point => shown.Add(StackView.Of(point, links: true)));
        }

        Assert.Equal(shown[0], shown[1]);
    }

    [Fact]
    public void Times_before_1970_and_after_2106_are_the_nearest_that_there_are()
    {
        Need();
        var root = ExtNode.Directory(0x1ED, 0, 0);
        foreach (var (name, seconds) in ((string, long)[])[("early", -5), ("late", 5_000_000_000)])
            root.Add(name, ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0, new ExtTime(seconds, 7)));
        using var file = AtomicFile.Create(_directory["t"], 0x180, force: false);
        SquashfsTreePacker.Create(new SquashfsPacking(), null, TestContext.Current.CancellationToken).Pack(root, file.Handle, file.TemporaryPath, "a layer");
        Mounted(file.TemporaryPath, point => Assert.Equal("0 4294967295",
            Ext3Image.Run("stat", "-c", "%Y", point + "/early", point + "/late").Trim().Replace('\n', ' ')));
    }

    [Fact]
    public void Who_writes_the_image_or_left_errors_in_it_is_named()
    {
        Need();
        var image = NewImage("a.img");
        using (var writer = File.OpenHandle(image, FileMode.Open, FileAccess.ReadWrite))
        {
            RangeLock.Acquire(writer, image, exclusive: true, 0, 0);
            AssertRefused(ErrorIds.OverlayInUse, () => Convert(image, "s.sqfs"));
        }

        Mounted(image, _ => AssertRefused(ErrorIds.OverlayInUse, () => Convert(image, "s.sqfs")), "rw");
        Ext3Image.Run("debugfs", "-w", "-R", "ssv state 2", image);
        AssertRefused(ErrorIds.OverlayCorrupt, () => Convert(image, "s.sqfs"));
        Assert.Equal(["a.img"], Names());
    }

    [Fact]
    public void What_cannot_be_meant_is_refused_and_leaves_nothing()
    {
        Need();
        var image = NewImage("a.img");
        File.WriteAllText(_directory["there"], "old");
        AssertRefused(ErrorIds.OverlayAlreadyExists, () => Convert(image, "there"));
        AssertRefused(ErrorIds.OptionConflict, () => Convert(image, "s.sqfs", new SquashfsPacking(SealCompression.Xz, 5)));
        AssertRefused(ErrorIds.OptionConflict, () => Convert(image, "s.sqfs", new SquashfsPacking(SealCompression.Gzip, 10)));
        AssertRefused(ErrorIds.OptionConflict, () => Run(new OverlayConversion { Path = image, Destination = _directory["s"], Replace = true }));
        AssertRefused(ErrorIds.OptionConflict, () => Run(new OverlayConversion { Path = image, Destination = _directory["s"], SizeBytes = 1 << 30 }));
        AssertRefused(ErrorIds.OptionConflict, () => Run(new OverlayConversion { Path = image, Destination = _directory["s"], Id = 2 }));
        AssertRefused(ErrorIds.ImageNotRecognized, () => Convert(_directory["there"], "s.sqfs"));
        AssertRefused(ErrorIds.OverlayFileNotFound, () => Convert(_directory["gone"], "s.sqfs"));
        AssertRefused(ErrorIds.OverlayMissingUpper, () => Convert(Directory.CreateDirectory(_directory["d"]).FullName, "s.sqfs"));
        var seal = Convert(image, "s.sqfs").Path;
        AssertRefused(ErrorIds.OverlayFull, () => Run(new OverlayConversion
        {
            Path = Convert(Fill(_directory["d"]), "big.sqfs").Path, Destination = _directory["x.img"], SizeBytes = 2 << 20, Force = true,
        }));
        AssertRefused(ErrorIds.OptionConflict, () => OverlayMerger.Merge(
            new OverlayMerge { Overlays = [new(seal)], Destination = _directory["x.sqfs"] }, null, TestContext.Current.CancellationToken));
        AssertRefused(ErrorIds.OptionConflict, () => OverlayMerger.Merge(
            new OverlayMerge { Overlays = [new(seal), new(image)], Destination = _directory["noending"] }, null, TestContext.Current.CancellationToken));
        AssertRefused(ErrorIds.OptionConflict, () => OverlayMerger.Merge(
            new OverlayMerge { Overlays = [new(seal), new(image)], Destination = seal, Force = true }, null, TestContext.Current.CancellationToken));
        Assert.Equal("old", File.ReadAllText(_directory["there"]));
        Assert.Equal(["a.img", "big.sqfs", "d", "s.sqfs", "there"], Names());
        Assert.Equal("old", File.ReadAllText(_directory["there"]));
        Run(new OverlayConversion { Path = image, Destination = _directory["there"], Force = true, Format = SifFileSystem.Squashfs });
        Mounted(_directory["there"], point => Assert.True(File.Exists(point + "/file")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Stopped_in_the_middle_it_leaves_nothing(bool merge)
    {
        Need();
        Fill(_directory["d"]);
        var before = Names();
        using var stop = new CancellationTokenSource();
        var progress = new StopAfter(stop, 3);
        Assert.ThrowsAny<OperationCanceledException>(() => _ = merge
            ? OverlayMerger.Merge(new OverlayMerge { Overlays = [new(_directory["d"])], Base = _directory["d"], Destination = _directory["s.sif"] }, progress, stop.Token)
            : OverlayConverter.Convert(new OverlayConversion { Path = _directory["d"], Destination = _directory["s.sqfs"] }, progress, stop.Token));
        Assert.Equal(before, Names());
        Assert.Equal(0, progress.Left);
        Assert.DoesNotContain(_directory.Path, Machine.Run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").Output, StringComparison.Ordinal);
    }

    private string Fill(string path)
    {
        Directory.CreateDirectory(path + "/upper");
        for (var i = 0; i < 40; i++)
            File.WriteAllBytes($"{path}/upper/f{i}", SampleTree.Bytes(i, 1 << 20));
        return path;
    }

    private string NewImage(string name)
    {
        var image = Ext3Image.MadeByMke2fs(_directory, 64 << 20);
        image.Mounted("rw", point =>
        {
            Directory.CreateDirectory(point + "/upper");
            File.WriteAllText(point + "/upper/file", "content");
        });
        File.Move(image.Path, _directory[name]);
        return _directory[name];
    }

    private static ExtNode SampleLayer()
    {
        var root = ExtNode.Directory(0x1C0, 70000, 3_000_000_000, new ExtTime(1_000_000_000, 0), new Dictionary<string, byte[]> { ["user.top"] = [1, 2, 3] });
        var time = new ExtTime(1_200_000_000, 5);
        var file = root.Add("file", ExtNode.File(ExtContent.FromBytes(new byte[300_000]), 0x9ED, 5, 6, time,
            new Dictionary<string, byte[]> { ["trusted.x"] = [0, 1], ["user.empty"] = [] }));
        var directory = root.Add(new string('d', 200), ExtNode.Directory(0x1FF, 1, 2, time));
        directory.Add(new string('n', 255), file);
        directory.Add("sparse", ExtNode.File(new ExtContent(9_000_001, () => new MemoryStream(new byte[9_000_001]),
            [(4_000_100, 4_000_200), (9_000_000, 9_000_001)]), 0x1A4, 0, 0, time));
        directory.Add("link", ExtNode.SymbolicLink(new byte[] { (byte)'/', 0xFF, (byte)'x' }, 7, 8, time));
        directory.Add("device", ExtNode.Special(ExtFileType.BlockDevice, 0x1B0, 0, 6, 259, 300, time));
        directory.Add("gone", LayerMarks.Whiteout(time));
        directory.Add(new ExtName("a\nb\\c"u8), ExtNode.Special(ExtFileType.Fifo, 0x1B0, 0, 6, modified: time));
        return root;
    }

    private OverlayConversionResult Convert(string source, string target, SquashfsPacking? packing = null) =>
        Run(new OverlayConversion { Path = source, Destination = _directory[target], Packing = packing ?? new() });

    private static OverlayConversionResult Run(OverlayConversion conversion) =>
        OverlayConverter.Convert(conversion, null, TestContext.Current.CancellationToken);

    private string[] Names() =>
        [.. Directory.EnumerateFileSystemEntries(_directory.Path).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    private void Mounted(string image, Action<string> look, string options = "ro")
    {
        var point = Directory.CreateDirectory(_directory["mounted"]).FullName;
        Ext3Image.Run("mount", "-o", "loop," + options, image, point);
        try
        {
            look(point);
        }
        finally
        {
            Ext3Image.Run("umount", point);
            Directory.Delete(point);
        }
    }

    // What squashfs holds of it: no sockets, no access control lists, and times from 1970 to 2106.
    private static string Held(string view) => string.Join('\n', view.Split('\n')
        .Where(line => !line.Contains("\ts ", StringComparison.Ordinal) && !line.Contains(" system.posix_acl", StringComparison.Ordinal))
        .Select(line => System.Text.RegularExpressions.Regex.Replace(line, @"(\t[dflcbp] .* )(-\d+|\d{10,})( ?)([^ ]*)$", match =>
            match.Groups[1].Value + Math.Clamp(long.Parse(match.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture), 0, uint.MaxValue)
                + match.Groups[3].Value + match.Groups[4].Value)));

    private static long OnDisk(string path) => long.Parse(Ext3Image.Run("stat", "-c", "%b", path), System.Globalization.CultureInfo.InvariantCulture) * 512;

    private static void AssertRefused(string id, Action work) => Assert.Equal(id, Assert.Throws<EngineException>(work).ErrorId);

    private static void Need()
    {
        Machine.NeedRoot();
        Machine.NeedTool("sqfstar");
    }

    private sealed class StopAfter(CancellationTokenSource stop, int reports) : IProgress<EngineProgress>
    {
        public int Left { get; private set; } = reports;

        public void Report(EngineProgress value)
        {
            if (Left > 0 && --Left == 0)
                stop.Cancel();
        }
    }
}
