using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

public sealed class EditorTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Image => _directory["image.sif"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0u)]
    [InlineData(1u << 28)]
    [InlineData(uint.MaxValue)]
    public void Numbers_outside_28_bits_are_refused(uint number)
    {
        SifNewObject With(uint? group, uint? link, bool linkedToGroup) => new()
        {
            DataType = SifDataType.Generic,
            Content = SifContent.FromBytes(Face),
            GroupId = group,
            LinkedId = link,
            LinkedToGroup = linkedToGroup,
        };

        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(), With(number, null, false)));
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(), With(1, number, false)));
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(), With(1, number, true)));
    }

    [Fact]
    public void A_name_fills_its_field_and_no_more()
    {
        SifNewObject Named(string name) =>
            new() { DataType = SifDataType.Generic, Content = SifContent.FromBytes(Face), Name = name };
        var longest = new string('ä', 64);

        using var image = Open(Add(OneGroup(), Named(longest)));
        Assert.Equal(longest, image.Objects[2].Name);
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(), Named(longest + "x")));
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(), Named("a\0b")));
    }

    [Fact]
    public void A_launch_script_leaves_room_for_its_NUL()
    {
        using var image = Open(Create(new SifCreateOptions { LaunchScript = new string('#', 31) }));
        Assert.Equal(new string('#', 31), image.LaunchScript);
        GoldenTests.Fails(ErrorIds.SifInvalidValue,
            () => Create(new SifCreateOptions { LaunchScript = new string('#', 32) }));
    }

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(7, 1, 1)]
    [InlineData(1, 0, 1)]
    [InlineData(1, 5, 1)]
    [InlineData(1, 1, 0)]
    [InlineData(1, 1, 14)]
    public void Partition_values_that_nobody_knows_are_refused(int fileSystem, int type, int architecture) =>
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(), Partition(
            Face, (SifPartitionType)type, (SifArchitecture)architecture, (SifFileSystem)fileSystem)));

    [Fact]
    public void Metadata_of_another_type_is_refused() // I13, I15, I17, I19
    {
        SifMetadata[] all =
        [
            new SifMessageMetadata(SifMessageFormat.Pem, SifMessageType.RsaOaep),
            new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Data, SifArchitecture.Amd64),
            new SifSignatureMetadata(SifHashType.Sha256, null),
            new SifSbomMetadata(SifSbomFormat.SpdxJson),
        ];
        foreach (var metadata in all)
        {
            var added = new SifNewObject
            {
                DataType = SifDataType.Generic,
                Content = SifContent.FromBytes(Face),
                Metadata = metadata,
            };
            GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(), added));
        }

        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(),
            new SifNewObject { DataType = SifDataType.Partition, Content = SifContent.FromBytes(Face) }));
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => Add(OneGroup(), new SifNewObject
        {
            DataType = SifDataType.Generic,
            Content = SifContent.FromBytes(Face),
            Metadata = new SifCustomMetadata(new byte[385]),
        }));
    }

    [Fact]
    public void A_full_table_refuses_another_object()
    {
        var full = Create(new SifCreateOptions { Capacity = 2, Deterministic = true }, Generic(Face), Generic(Feed));
        var file = new RecordingWindow(full);

        GoldenTests.Fails(ErrorIds.SifNoFreeDescriptor, () => SifEditor.Add(file, ImagePath, Generic(Face)));
        Assert.Empty(file.Changes);
    }

    [Fact]
    public void A_signed_group_refuses_objects_and_so_does_a_signed_image_those_of_no_group()
    {
        var signed = Create(Deterministic, Generic(Face), SignatureOf(1));
        var legacy = Create(Deterministic, Generic(Face), SignatureOf(1, group: false, ownGroup: 1));
        foreach (var image in new[] { signed, legacy })
        {
            GoldenTests.Fails(ErrorIds.SifSigned, () => Add(image, Generic(Feed)));
            GoldenTests.Fails(ErrorIds.SifSigned, () => Add(image, 
                Partition(Feed, SifPartitionType.Data, group: null)));
            using var other = Open(Add(image, Partition(Feed, SifPartitionType.Data, group: 2)));
            Assert.Equal(3, other.Objects.Count);
            using var again = Open(Add(image, SignatureOf(2)));
            Assert.Equal(3, again.Objects.Count);
        }
    }

    [Fact]
    public void Encryption_is_seen_by_type_and_by_content()
    {
        byte[] luks = [.. "LUKS"u8, 0xBA, 0xBE, 0, 2];
        bool IsEncrypted(byte[] data, SifFileSystem fileSystem)
        {
            using var image = Open(Create(Deterministic,
                Partition(data, SifPartitionType.PrimarySystem, fileSystem: fileSystem)));
            return image.IsEncrypted;
        }

        Assert.True(IsEncrypted(Face, SifFileSystem.EncryptedSquashfs));
        Assert.True(IsEncrypted(Face, SifFileSystem.GocryptfsSquashfs));
        Assert.True(IsEncrypted(luks, SifFileSystem.Squashfs));
        Assert.False(IsEncrypted(Face, SifFileSystem.Squashfs));
    }

    [Fact]
    public void Only_overlays_of_the_primary_partitions_group_are_used()
    {
        var image = Create(Deterministic, Partition(Face, SifPartitionType.PrimarySystem, group: 3),
            Partition(Face, SifPartitionType.Overlay, group: 1), Partition(Face, SifPartitionType.Overlay, group: 3),
            Partition(Face, SifPartitionType.Overlay, group: null));
        using var read = Open(image);
        Assert.Equal([3u], read.Overlays.Select(o => o.Id));

        using var noPrimary = Open(Create(Deterministic, Partition(Face, SifPartitionType.Overlay, group: null)));
        Assert.Single(noPrimary.Overlays);
    }

    [Fact]
    public void A_deterministic_image_stays_so_and_another_gets_the_time()
    {
        using var same = Open(Add(OneGroup(), Generic(Feed)));
        Assert.Null(same.Modified);

        var random = Create(new SifCreateOptions { Time = Time });
        Assert.NotEqual(Guid.Empty, Open(random).Id);
        Assert.Equal(4, Open(random).Id.Version);
        Assert.NotEqual(Open(random).Id, Open(Create(new SifCreateOptions())).Id);
        using var dated = Open(Add(random, Generic(Feed)));
        Assert.True(dated.Modified > Time);
        Assert.Equal(Time, dated.Created);
        Assert.Equal(dated.Modified, dated.Objects[0].Created);
    }

    [Fact]
    public void An_object_that_leaves_holes_shows_nothing_of_what_was_there()
    {
        var junk = new byte[3 * 4096];
        Array.Fill(junk, (byte)0xAA);
        File.WriteAllBytes(Image, Delete(Create(Deterministic, Primary(Face), Generic(junk, 4096)), 1));
        using var content = SifContent.Written(2 * 4096, (window, _, _) => window.Write(4096, Face));

        SifEditor.Add(Image, PartitionOf(content), token: TestContext.Current.CancellationToken);

        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        var data = new byte[2 * 4096];
        image.Objects[1].OpenData().Read(0, data);
        Assert.Equal(36864, image.Objects[1].Offset);
        Assert.Equal(Face, data[4096..4098]);
        Assert.All(data[..4096].Concat(data[4098..]), b => Assert.Equal(0, b));
    }

    [Fact]
    public void A_copied_file_keeps_its_holes_and_offsets_beyond_4_GiB_work()
    {
        const long gibibyte = 1L << 30;
        SifWriter.Create(Image, new SifCreateOptions(), [], token: TestContext.Current.CancellationToken);
        for (byte number = 1; number <= 2; number++)
        {
            using (var file = OpenToWrite(_directory["sparse"]))
            {
                RandomAccess.SetLength(file, 3 * gibibyte);
                RandomAccess.Write(file, [number, 0xAB], 3 * gibibyte - 2);
                RandomAccess.Write(file, [number], 5000);
            }

            using var content = SifContent.FromFile(_directory["sparse"]);
            SifEditor.Add(Image, PartitionOf(content), token: TestContext.Current.CancellationToken);
        }

        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        var second = image.Objects[1];
        Assert.True(second.Offset > 3 * gibibyte);
        var end = new byte[2];
        second.OpenData().Read(3 * gibibyte - 2, end);
        Assert.Equal([2, 0xAB], end);
        second.OpenData().Read(5000, end.AsSpan(0, 1));
        Assert.Equal(2, end[0]);
        Assert.True(BlocksOf(Image) * 512 < 1 << 20, "the holes were filled");
    }

    [Fact]
    public void A_failure_while_the_data_is_written_leaves_the_file_as_it_was()
    {
        File.WriteAllBytes(Image, OneGroup());
        using var content = SifContent.Written(1 << 20, (window, _, _) =>
        {
            window.Write(0, Face);
            throw new IOException("No space left on device");
        });

        Assert.Throws<IOException>(() => SifEditor.Add(Image, PartitionOf(content),
            token: TestContext.Current.CancellationToken));
        Assert.Equal(OneGroup(), File.ReadAllBytes(Image));
    }

    [Fact]
    public void Stopping_the_work_leaves_the_file_as_it_was()
    {
        File.WriteAllBytes(Image, OneGroup());
        File.WriteAllBytes(_directory["big"], new byte[8 << 20]);
        using var stop = new CancellationTokenSource();
        using var content = SifContent.FromFile(_directory["big"]);

        Assert.Throws<OperationCanceledException>(
            () => SifEditor.Add(Image, PartitionOf(content), progress: new StopAt(2 << 20, stop), token: stop.Token));
        Assert.Equal(OneGroup(), File.ReadAllBytes(Image));
    }

    [Fact]
    public void A_broken_write_at_any_point_leaves_the_old_objects_or_the_new_ones()
    {
        var image = OneGroup();
        var whole = new RecordingWindow(image);
        SifEditor.Add(whole, ImagePath, OverlayOf(Feed), token: TestContext.Current.CancellationToken);
        for (var failing = 0; failing < whole.Changes.Count; failing++)
        {
            var file = new RecordingWindow(image) { FailAt = failing };
            Assert.Throws<IOException>(
                () => SifEditor.Add(file, ImagePath, OverlayOf(Feed), token: TestContext.Current.CancellationToken));

            using var left = Open(file.Bytes);
            if (left.Objects.Count == 2)
                Assert.Equal(image, file.Bytes);
            else
                Assert.Equal(3, left.Objects.Count);
        }
    }

    [Fact]
    public void An_image_whose_partition_is_in_use_is_not_touched()
    {
        File.WriteAllBytes(Image, OneGroup());
        using var user = OpenToWrite(Image);
        Assert.True(RangeLock.Acquire(user, Image, exclusive: false, 36864, 4096));

        var error = GoldenTests.Fails(ErrorIds.OverlayInUse, () => SifEditor.Add(Image, Generic(Feed)));
        Assert.Contains($"process {Environment.ProcessId}", error.Message, StringComparison.Ordinal);
        Assert.Equal(OneGroup(), File.ReadAllBytes(Image));
    }

    [Fact]
    public void A_source_that_somebody_writes_is_not_copied()
    {
        File.WriteAllBytes(_directory["overlay.img"], new byte[4096]);
        using var writer = OpenToWrite(_directory["overlay.img"]);
        Assert.True(RangeLock.Acquire(writer, "overlay.img", exclusive: true, 0, 0));

        GoldenTests.Fails(ErrorIds.OverlayInUse, () => SifContent.FromFile(_directory["overlay.img"]));
    }

    [Fact]
    public void A_source_that_shrinks_is_an_error_and_changes_nothing()
    {
        File.WriteAllBytes(Image, OneGroup());
        File.WriteAllBytes(_directory["source"], new byte[8192]);
        using var content = SifContent.FromFile(_directory["source"]);
        File.WriteAllBytes(_directory["source"], new byte[100]);

        Assert.Throws<EndOfStreamException>(() => SifEditor.Add(Image, PartitionOf(content),
            token: TestContext.Current.CancellationToken));
        Assert.Equal(OneGroup(), File.ReadAllBytes(Image));
    }

    [Fact]
    public void What_is_not_a_regular_file_is_said_to_be_so_without_waiting_for_it()
    {
        Machine.NeedTool("mkfifo");
        Machine.Run("mkfifo", _directory["pipe"]);

        GoldenTests.Fails(ErrorIds.SifBadMagic, () => SifImage.Open(_directory["pipe"]));
        GoldenTests.Fails(ErrorIds.SifBadMagic, () => SifImage.Open(_directory.Path));
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => SifContent.FromFile(_directory["pipe"]));
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => SifContent.FromFile(_directory.Path));
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(
            () => SifImage.Open(_directory["none"], TestContext.Current.CancellationToken)).ErrorNumber);
    }

    [Fact]
    public void An_existing_file_is_replaced_only_by_force()
    {
        File.WriteAllText(Image, "precious");

        GoldenTests.Fails(ErrorIds.OverlayAlreadyExists, () => SifWriter.Create(Image, Deterministic, []));
        Assert.Equal("precious", File.ReadAllText(Image));
        SifWriter.Create(Image, Deterministic, [], force: true, token: TestContext.Current.CancellationToken);
        Assert.Equal(32176, new FileInfo(Image).Length);
    }

    private static SifNewObject OverlayOf(byte[] bytes) => Partition(bytes, SifPartitionType.Overlay);

    private static SifNewObject PartitionOf(SifContent content) => new()
    {
        DataType = SifDataType.Partition,
        Content = content,
        Metadata = new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Overlay, SifArchitecture.Amd64),
    };

    private static Microsoft.Win32.SafeHandles.SafeFileHandle OpenToWrite(string path) =>
        Native.Open.File(path, Native.Open.ReadWrite | Native.Open.Create, 0x180);

    private static long BlocksOf(string path) =>
        long.Parse(Machine.Run("stat", "-c", "%b", path).Output, System.Globalization.CultureInfo.InvariantCulture);

    private sealed class StopAt(long bytes, CancellationTokenSource stop) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value)
        {
            if (value.Done >= bytes)
                stop.Cancel();
        }
    }
}
