using System.Globalization;
using System.Security.Cryptography;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>
/// Many small files and a sparse one of 3 GiB, into an image and out again: they are the same, and take the same room.
/// <c>OVERLAYTOOLS_TEST_FILES</c> says how many files; 50,000 is what a Python environment has.
/// </summary>
public sealed class ManyFilesCopyTests(ITestOutputHelper output) : IDisposable
{
    private const long SparseBytes = 3L << 30;
    private const int Pieces = 20;
    private const int PieceBytes = 1 << 20;
    private const long Tolerance = 1 << 20; // blocks that say where the others are

    private static readonly int[] s_sizes = [0, 1, 200, 800, 4096, 5000, 9000, 40_000];

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static int Files =>
        int.TryParse(Environment.GetEnvironmentVariable("OVERLAYTOOLS_TEST_FILES"), NumberStyles.None, CultureInfo.InvariantCulture, out var files)
            ? files
            : 5000;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Many_files_and_a_large_sparse_one_come_out_as_they_went_in()
    {
        Machine.NeedTool("e2fsck");
        MakeSource();
        var image = _directory["o.img"];
        OverlayCreator.Create(new OverlayCreation { Path = image, SizeBytes = 2L << 30, UserId = 0, GroupId = 0 }, token: Token);
        Watch("in", () => new OverlayItemImport
        {
            ImagePath = image, Sources = [_directory["source"]], ItemDestination = "/", Recurse = true, KeepOwner = true,
        }.Run(text => output.WriteLine(text), null, Token));
        new Ext3Image(image).AssertClean();
        Watch("out", () =>
        {
            using var export = OverlayItemExport.Open(image, null, _directory["out"], replace: false, token: Token);
            export.Copy("/source", recurse: true);
            Assert.Equal(0, export.LostAttributes);
        });

        Native.FileSystemStatus.Sync(_directory.Path);
        var (before, after) = (Describe(_directory["source"]), Describe(_directory["out/source"]));
        Assert.True(before.Count > Files, "The walk saw too little.");
        Assert.Equal(before.Select(file => file.What), after.Select(file => file.What));
        foreach (var (one, other) in before.Zip(after))
            Assert.True(Math.Abs(one.Allocated - other.Allocated) <= Tolerance, $"{one.What}: {one.Allocated} and {other.Allocated} bytes");
        var (total, copied) = (before.Sum(file => file.Allocated), after.Sum(file => file.Allocated));
        output.WriteLine($"{before.Count} files, {total} and {copied} bytes of disk");
        Assert.InRange(copied, total * 0.98 - Tolerance, total * 1.02 + Tolerance);
        // The image, too: what is in it, its journal, and the tables of inodes.
        Assert.InRange(Statx.Of(File.OpenHandle(image)).Sectors * 512, Pieces * PieceBytes, total * 1.1 + (160 << 20));
    }

    private void Watch(string what, Action work)
    {
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        work();
        output.WriteLine($"{what}: {System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }

    private void MakeSource()
    {
        var random = new Random(1);
        var bytes = new byte[PieceBytes];
        for (var i = 0; i < Files; i++)
        {
            var folder = _directory[$"source/lib{i / 2000}/package{i / 100}"];
            if (i % 100 == 0)
                Directory.CreateDirectory(folder);
            var path = Path.Combine(folder, $"module_{i}.py");
            var content = bytes.AsSpan(0, s_sizes[random.Next(s_sizes.Length)]);
            random.NextBytes(content);
            File.WriteAllBytes(path, content.ToArray());
            File.SetUnixFileMode(path, (UnixFileMode)(i % 3 == 0 ? 0x1ED : 0x180));
            if (i % 50 == 0)
            {
                using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
                Assert.Equal(0, ExtendedAttributes.TrySet(file, "user.number", content.IsEmpty ? "none"u8 : content[..1]));
            }

            File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddSeconds(i * 1000L));
        }

        using var sparse = File.OpenHandle(_directory["source/sparse"], FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(sparse, SparseBytes);
        for (var piece = 0; piece < Pieces; piece++)
        {
            random.NextBytes(bytes);
            RandomAccess.Write(sparse, bytes, SparseBytes / Pieces * piece / 4096 * 4096);
        }
    }

    private static List<(string What, long Allocated)> Describe(string root) =>
    [
        .. Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path =>
        {
            using var file = Open.File(path, Open.ReadOnly);
            var status = Statx.Of(file);
            var isFile = status.FileType == Statx.RegularFile;
            var note = Convert.ToHexString(ExtendedAttributes.TryGet(file, "user.number", 64) ?? []);
            return ($"{path[root.Length..]} {status.Mode:x} {status.UserId}:{status.GroupId} {status.ModifiedSeconds} {note} {(isFile ? status.Size : 0)} {(isFile ? Digest(path) : "")}",
                isFile ? status.Sectors * 512 : 0);
        }),
    ];

    private static string Digest(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexString(SHA256.HashData(stream));
    }
}
