using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>siftool reads what we write, and we read what it writes.</summary>
public sealed class SiftoolTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public SiftoolTests() => Machine.NeedTool("siftool");

    private string Image => _directory["image.sif"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void It_lists_and_dumps_every_type_that_we_write()
    {
        SifWriter.Create(Image, new SifCreateOptions { LaunchScript = SifCreateOptions.RunSingularity }, AllTypes(),
            token: TestContext.Current.CancellationToken);

        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        Assert.Equal(SiftoolTable.Render(image.Objects), Siftool("list", Image));
        foreach (var found in image.Objects)
        {
            var data = new byte[found.SizeBytes];
            found.OpenData().Read(0, data);
            Assert.Equal(System.Text.Encoding.ASCII.GetString(data), Siftool("dump", $"{found.Id}", Image));
        }

        var header = Siftool("header", Image);
        Assert.Contains("Launch Script:        #!/usr/bin/env run-singularity\n", header, StringComparison.Ordinal);
        Assert.Contains("Primary Architecture: amd64\n", header, StringComparison.Ordinal);
        Assert.Contains($"ID:                   {image.Id}\n", header, StringComparison.Ordinal);
        Assert.Contains("Descriptors Free:     39\n", header, StringComparison.Ordinal);
    }

    [Fact]
    public void It_shows_what_we_said_of_an_object()
    {
        File.WriteAllBytes(Image, OneGroup());
        SifEditor.Add(Image, new SifNewObject
        {
            DataType = SifDataType.Partition,
            Content = SifContent.FromBytes(Feed),
            GroupId = 5,
            LinkedId = 2,
            Name = "my overlay",
            Time = Time,
            Metadata = new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Overlay, SifArchitecture.Arm64),
        }, token: TestContext.Current.CancellationToken);

        var words = Siftool("info", "3", Image).Split('\n').Select(line => line.Trim());
        Assert.Equal(
            [
                "Data Type:        FS", "ID:               3", "Group ID:         5", "Linked ID:        2",
                "Offset:           40960", "Size:             2", "Created At:       2000-01-01 05:00:00 +0000 UTC",
                "Modified At:      2000-01-01 05:00:00 +0000 UTC", "Name:             my overlay",
                "Filesystem Type:  Ext3", "Partition Type:   Overlay", "Architecture:     arm64", "",
            ], words);
    }

    [Fact]
    public void Adding_gives_the_bytes_that_it_would_give_but_for_the_times()
    {
        File.WriteAllBytes(_directory["overlay"], new byte[10000]);
        File.WriteAllBytes(Image, OneGroup());
        File.WriteAllBytes(_directory["theirs.sif"], OneGroup());
        Siftool("add", _directory["theirs.sif"], _directory["overlay"], "--datatype", "4", "--partfs", "2",
            "--parttype", "4", "--partarch", "2", "--groupid", "1");
        using (var content = SifContent.FromFile(_directory["overlay"]))
        {
            SifEditor.Add(Image, new SifNewObject
            {
                DataType = SifDataType.Partition,
                Content = content,
                Metadata = new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Overlay,
                    SifArchitecture.Amd64),
            }, token: TestContext.Current.CancellationToken);
        }

        Assert.Equal(WithoutTimes(_directory["theirs.sif"]), WithoutTimes(Image));
    }

    [Fact]
    public void We_read_what_it_made()
    {
        File.WriteAllText(_directory["object"], "hello");
        Siftool("new", Image);
        Siftool("add", Image, _directory["object"], "--datatype", "7", "--filename", "greeting");
        Siftool("add", Image, _directory["object"], "--datatype", "4", "--partfs", "1", "--parttype", "2",
            "--partarch", "2", "--groupid", "9");
        Siftool("del", "1", Image);
        Siftool("add", Image, _directory["object"], "--datatype", "1", "--link", "2");

        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        Assert.Null(image.ModificationFault);
        Assert.Equal(SiftoolTable.Render(image.Objects), Siftool("list", Image));
        Assert.Equal(9u, image.PrimaryPartition?.GroupId);
        Assert.Equal(SifArchitecture.Amd64, image.HeaderArchitecture);
    }

    private static SifNewObject[] AllTypes()
    {
        SifNewObject Of(SifDataType type, SifMetadata? metadata = null, uint? link = null, bool toGroup = false) =>
            new()
            {
                DataType = type,
                Content = SifContent.FromBytes("content"u8.ToArray()),
                Metadata = metadata,
                LinkedId = link,
                LinkedToGroup = toGroup,
                GroupId = toGroup ? null : 1,
                Name = $"{type}",
            };
        return
        [
            Of(SifDataType.DefinitionFile), Of(SifDataType.EnvironmentVariables), Of(SifDataType.Labels),
            Of(SifDataType.Partition,
                new SifPartitionMetadata(SifFileSystem.Squashfs, SifPartitionType.PrimarySystem,
                    SifArchitecture.Amd64)),
            Of(SifDataType.GenericJson), Of(SifDataType.Generic, link: 4),
            Of(SifDataType.CryptographicMessage, new SifMessageMetadata(SifMessageFormat.Pem, SifMessageType.RsaOaep),
                4),
            Of(SifDataType.Sbom, new SifSbomMetadata(SifSbomFormat.SyftJson)),
            Of(SifDataType.Signature,
                new SifSignatureMetadata(SifHashType.Sha512, "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84"), 1,
                    toGroup: true),
        ];
    }

    // Old siftool gives even a deterministic image the present time.
    private static byte[] WithoutTimes(string path)
    {
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(72, 8).Clear();
        bytes.AsSpan(4096 + (2 * 585) + 41, 16).Clear();
        return bytes;
    }

    private static string Siftool(params string[] arguments)
    {
        var (exit, output, error) = Machine.Run("siftool", arguments);
        Assert.True(exit == 0, error);
        return output;
    }
}
