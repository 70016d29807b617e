using System.Text;
using OverlayTools.IO;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

public sealed class ExporterTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Image => _directory["image.sif"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData((1 << 20) + 5)]
    public void An_object_comes_out_as_it_went_in(int size)
    {
        var bytes = new byte[size];
        new Random(size).NextBytes(bytes);
        SifWriter.Create(Image, Deterministic, [Generic(Face), Generic(bytes, 512)],
            token: TestContext.Current.CancellationToken);

        SifExporter.ToFile(Image, 2, _directory["out"], force: false, token: TestContext.Current.CancellationToken);
        Assert.Equal(bytes, File.ReadAllBytes(_directory["out"]));
        var chunks = SifExporter.Read(Image, 2, TestContext.Current.CancellationToken).ToList();
        Assert.Equal(bytes, chunks.SelectMany(chunk => chunk));
        Assert.All(chunks, chunk => Assert.InRange(chunk.Length, 1, 1 << 20));
    }

    [Fact]
    public void The_image_itself_is_not_replaced_by_one_of_its_objects()
    {
        SifWriter.Create(Image, Deterministic, [Generic(Face)], token: TestContext.Current.CancellationToken);
        var before = File.ReadAllBytes(Image);
        var error = Assert.Throws<EngineException>(() =>
            SifExporter.ToFile(Image, 1, Image, force: true, token: TestContext.Current.CancellationToken));
        Assert.Equal(ErrorIds.OverlayAlreadyExists, error.ErrorId);
        Assert.Equal(before, File.ReadAllBytes(Image));
    }

    [Fact]
    public void Beyond_4_GiB_holes_stay_holes() // offsets of 3 GiB + 3 GiB
    {
        const long length = 3L << 30;
        using (var content = SifContent.Written(length, (window, _, _) => window.Write(length - 2, Face)))
        {
            var sparse = new SifNewObject { DataType = SifDataType.Generic, Content = content };
            SifWriter.Create(Image, Deterministic, [sparse, sparse, Generic(Feed)],
                token: TestContext.Current.CancellationToken);
        }

        SifExporter.ToFile(Image, 2, _directory["out"], force: false, token: TestContext.Current.CancellationToken);
        Assert.Equal(length, new FileInfo(_directory["out"]).Length);
        Assert.True(Blocks(_directory["out"]) * 512 < 1 << 20);
        using (var file = File.OpenRead(_directory["out"]))
        {
            file.Position = length - 2;
            var end = new byte[2];
            file.ReadExactly(end);
            Assert.Equal(Face, end);
        }

        // The same offsets through removal, a change of the table, and optimization.
        SifEditor.Remove(Image, [1], token: TestContext.Current.CancellationToken);
        var result = SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);
        Assert.Equal(length, result.OldLength - result.NewLength);
        Assert.True(Blocks(Image) * 512 < 1 << 20);
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        var last = new byte[2];
        image.Find(2).OpenData().Read(length - 2, last);
        Assert.Equal(Face, last);
        image.Find(3).OpenData().Read(0, last);
        Assert.Equal(Feed, last);
    }

    [Fact]
    public void The_primary_partition_of_an_image_beyond_4_GiB_can_be_changed()
    {
        using (var content = SifContent.Written(5L << 30, (window, _, _) => window.Write(0, Face)))
        {
            SifWriter.Create(Image, Deterministic,
                [new() { DataType = SifDataType.Generic, Content = content }, Partition(Feed, SifPartitionType.System)],
                token: TestContext.Current.CancellationToken);
        }

        var length = new FileInfo(Image).Length;
        SifEditor.SetPrimary(Image, 2, token: TestContext.Current.CancellationToken);
        Assert.Equal(length, new FileInfo(Image).Length);
        Assert.True(Blocks(Image) * 512 < 1 << 20);
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        Assert.Equal(2u, image.PrimaryPartition?.Id);
    }

    [Fact]
    public void An_existing_file_is_kept_and_a_failure_leaves_nothing()
    {
        File.WriteAllBytes(Image, OneGroup());
        File.WriteAllText(_directory["out"], "precious");

        GoldenTests.Fails(ErrorIds.OverlayAlreadyExists, () => SifExporter.ToFile(Image, 1, _directory["out"], false));
        Assert.Equal("precious", File.ReadAllText(_directory["out"]));
        GoldenTests.Fails(ErrorIds.SifDescriptorNotFound, () => SifExporter.ToFile(Image, 9, _directory["new"], false));
        File.WriteAllBytes(Image, Patch(OneGroup(), 4096 + 25, 1L << 40));
        GoldenTests.Fails(ErrorIds.SifCorrupt, () => SifExporter.ToFile(Image, 1, _directory["new"], false));
        GoldenTests.Fails(ErrorIds.SifCorrupt, () => SifExporter.Read(Image, 1).ToList());
        Assert.Equal(2, Directory.GetFileSystemEntries(_directory.Path).Length);
    }

    [Fact]
    public void A_partition_that_somebody_writes_is_refused()
    {
        File.WriteAllBytes(Image, OneGroup());
        using var writer = Native.Open.File(Image, Native.Open.ReadWrite);
        Assert.True(RangeLock.Acquire(writer, Image, exclusive: true, 36864, 4096));

        GoldenTests.Fails(ErrorIds.OverlayInUse, () => SifExporter.ToFile(Image, 2, _directory["out"], false));
        GoldenTests.Fails(ErrorIds.OverlayInUse, () => SifExporter.Read(Image, 2).ToList());
        SifExporter.ToFile(Image, 1, _directory["out"], false, token: TestContext.Current.CancellationToken);
        Native.FileLock.Release(writer, 0, 0);
    }

    [Theory]
    [InlineData("data.json", "data.json")]
    [InlineData("my data", "my data")]
    [InlineData("", "image.1.bin")]
    [InlineData("../../etc/passwd", "image.1.bin")]
    [InlineData("/etc/passwd", "image.1.bin")]
    [InlineData(".bashrc", "image.1.bin")]
    [InlineData("a\nb", "image.1.bin")]
    [InlineData("..", "image.1.bin")]
    public void A_name_from_the_image_leads_nowhere(string name, string expected)
    {
        var bytes = new byte[128];
        Encoding.UTF8.GetBytes(name, bytes);
        using var image = Open(Patch(Create(Deterministic, Generic(Face)), 4096 + 73, bytes));

        Assert.Equal(expected, SifExporter.FileName("/some/where/image.sif", image.Objects[0]));
    }

    [Fact]
    public void Every_type_has_an_extension()
    {
        using var image = Open(Create(Deterministic,
            new() { DataType = SifDataType.DefinitionFile, Content = SifContent.FromBytes(Face) },
            new() { DataType = SifDataType.GenericJson, Content = SifContent.FromBytes(Face) },
            Primary(Face), Partition(Face, SifPartitionType.Overlay, fileSystem: SifFileSystem.Ext3), SignatureOf(1)));

        Assert.Equal(["a.1.def", "a.2.json", "a.3.squashfs", "a.4.img", "a.5.sig"],
            image.Objects.Select(o => SifExporter.FileName("a.sif", o)));
    }

    private static long Blocks(string path) =>
        long.Parse(Machine.Run("stat", "-c", "%b", path).Output, System.Globalization.CultureInfo.InvariantCulture);
}
