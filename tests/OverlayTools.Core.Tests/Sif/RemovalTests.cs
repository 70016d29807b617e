using OverlayTools.Sif;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Deleting and choosing the primary partition, byte for byte as the reference implementation does
/// (specification, 7.3 and 7.4).</summary>
public sealed class RemovalTests
{
    private static readonly Guid s_id = new("de170c43-36ab-44a8-bca9-1ea1a070a274");

    private static readonly SifChangeOptions s_unset = new() { Deterministic = true };

    private static readonly SifChangeOptions s_timed = new() { Time = Time };

    public static TheoryData<string, int, string> Removed => new()
    {
        { "D02", 32176, "1987d6041b278a3a" },
        { "D03", 32180, "0575e008a5afb6fe" },
        { "D04", 32180, "011b64995e536fe3" },
        { "D05", 32180, "0575e008a5afb6fe" },
        { "D06", 32180, "002087a783866f08" },
        { "D07", 32178, "d171b98e01261243" },
        { "D08", 32178, "d171b98e01261243" },
        { "D09", 32178, "14843ad41a0d269c" },
        { "D10", 32178, "0d254bbaec228810" },
        { "D11", 32770, "9cbc6752ee070527" },
        { "D14", 32180, "05c72055ef50a38d" },
        { "D15", 32176, "1987d6041b278a3a" },
        { "D16", 32176, "1987d6041b278a3a" },
        { "D17", 32182, "35666c4ffd5b2e20" },
        { "D18", 32182, "35666c4ffd5b2e20" },
        { "D19", 32182, "35666c4ffd5b2e20" },
        { "D20", 32182, "35666c4ffd5b2e20" },
    };

    public static TheoryData<string, int, string> Switched => new()
    {
        { "S02", 32770, "00e9d3a06b551622" },
        { "S03", 36866, "7dce7863f8958756" },
        { "S04", 32770, "b624f28a4c4c8b17" },
        { "S05", 36866, "b1f84ec40ddc39cc" },
    };

    public static TheoryData<string, int, string> Described => new()
    {
        { "S06", 32178, "de179713edb1ba6b" },
        { "S07", 32178, "6d2fec2dc9d25f4e" },
        { "S08", 32178, "24b2c75b0f207165" },
        { "S09", 32180, "ff66b2634f9782d6" },
        { "S11", 32178, "3cfce302a99ae12f" },
        { "S12", 32178, "f4f51b70ff72be82" },
        { "S13", 32178, "2e4f7c806dfcd632" },
        { "S14", 32180, "49da3f92ca801c22" },
    };

    // A signature of the old format may be about an object that is in no group.
    [Fact]
    public void An_object_in_no_group_that_a_signature_is_about_stays()
    {
        var image = Create(Deterministic,
            new SifNewObject { DataType = SifDataType.OciBlob, Content = SifContent.FromBytes(Face), GroupId = null },
            Partition(Face, SifPartitionType.System, group: null), SignatureOf(1, group: false), SignatureOf(2, group: false));
        foreach (var change in new Action<RecordingWindow>[]
        {
            file => SifEditor.Remove(file, ImagePath, [1], token: TestContext.Current.CancellationToken),
            file => SifEditor.SetPrimary(file, ImagePath, 2, token: TestContext.Current.CancellationToken),
            file => SifEditor.SetMetadata(file, ImagePath, 1, SifDigestMetadata.FromHash(new byte[32]),
                token: TestContext.Current.CancellationToken),
        })
        {
            var file = new RecordingWindow(image);
            Assert.Equal(ErrorIds.SifSigned, Assert.Throws<EngineException>(() => change(file)).ErrorId);
            Assert.Equal(image, file.Bytes);
        }

        var gone = new RecordingWindow(image);
        SifEditor.Remove(gone, ImagePath, [1, 3], token: TestContext.Current.CancellationToken);
    }

    [Theory]
    [MemberData(nameof(Described))]
    public void An_image_with_other_metadata_has_the_reference_bytes(string scenario, int size, string hash)
    {
        SifNewObject Blob(byte[] bytes) => new() { DataType = SifDataType.OciBlob, Content = SifContent.FromBytes(bytes) };
        var digest = scenario is "S06" or "S07" or "S08" or "S09"
            ? "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            : "sha256:93a6ab73f77ce27501f74bb35af9b4da5b964c62f96175a1bc0e8ba2ae0dec08";
        var (image, id, options) = scenario switch
        {
            "S06" or "S11" => (Create(new() { Id = s_id, Time = Time }, Blob(Face)), 1u, s_unset),
            "S07" or "S12" => (Create(Deterministic, Blob(Face)), 1u, s_timed),
            "S08" or "S13" => (Create(Deterministic, Blob(Face)), 1u, null),
            _ => (Create(Deterministic, Blob(Face), Blob(Feed)), 2u, (SifChangeOptions?)null),
        };
        var file = new RecordingWindow(image);
        SifEditor.SetMetadata(file, ImagePath, id, new SifDigestMetadata(digest), options,
            TestContext.Current.CancellationToken);

        Assert.Equal(size, file.Bytes.Length);
        Assert.StartsWith(hash, Hash(file.Bytes));
    }

    [Fact]
    public void Metadata_of_another_type_is_refused() // S10
    {
        var file = new RecordingWindow(Create(Deterministic, Generic(Face)));
        GoldenTests.Fails(ErrorIds.SifInvalidValue,
            () => SifEditor.SetMetadata(file, ImagePath, 1, new SifSbomMetadata(SifSbomFormat.SpdxJson)));
        GoldenTests.Fails(ErrorIds.SifInvalidValue,
            () => SifEditor.SetMetadata(file, ImagePath, 1, new SifDigestMetadata("sha256:")));
        Assert.Empty(file.Changes);
    }

    [Theory]
    [MemberData(nameof(Removed))]
    public void An_image_that_lost_objects_has_the_reference_bytes(string scenario, int size, string hash)
    {
        var image = Remove(scenario);

        Assert.Equal(size, image.Length);
        Assert.StartsWith(hash, Hash(image));
    }

    [Theory]
    [MemberData(nameof(Switched))]
    public void An_image_with_another_primary_partition_has_the_reference_bytes(string scenario, int size, string hash)
    {
        var (image, id, options) = ToSwitch(scenario);
        var file = new RecordingWindow(image);
        SifEditor.SetPrimary(file, ImagePath, id, options, TestContext.Current.CancellationToken);

        Assert.Equal(size, file.Bytes.Length);
        Assert.StartsWith(hash, Hash(file.Bytes));
    }

    [Fact]
    public void An_object_that_is_not_there_cannot_be_removed_or_run() // D01, D12, S01
    {
        var file = new RecordingWindow(Create(Deterministic));

        GoldenTests.Fails(ErrorIds.SifDescriptorNotFound, () => SifEditor.Remove(file, ImagePath, [1]));
        GoldenTests.Fails(ErrorIds.SifDescriptorNotFound, () => SifEditor.SetPrimary(file, ImagePath, 1));
        Assert.Empty(file.Changes);
    }

    [Fact]
    public void When_one_of_several_is_not_there_none_is_removed()
    {
        var file = new RecordingWindow(OneGroup());

        GoldenTests.Fails(ErrorIds.SifDescriptorNotFound, () => SifEditor.Remove(file, ImagePath, [1, 9]));
        Assert.Empty(file.Changes);
    }

    [Fact]
    public void The_root_file_system_goes_only_by_force()
    {
        var file = new RecordingWindow(OneGroup());

        GoldenTests.Fails(ErrorIds.SifPrimaryPartitionProtected, () => SifEditor.Remove(file, ImagePath, [2]));
        Assert.Empty(file.Changes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_a_signature_covers_stays_until_the_signature_goes(bool ofGroup)
    {
        var signed = Create(Deterministic, Generic(Face), Primary(Feed),
            Partition(Feed, SifPartitionType.System), SignatureOf(1, ofGroup, ofGroup ? null : 1));
        var file = new RecordingWindow(signed);
        foreach (var force in new[] { false, true })
        {
            var error = GoldenTests.Fails(ErrorIds.SifSigned,
                () => SifEditor.Remove(file, ImagePath, [1], new() { Force = force }));
            Assert.Contains("Remove-SifObject -Id 4", error.RecommendedAction, StringComparison.Ordinal);
        }

        GoldenTests.Fails(ErrorIds.SifSigned, () => SifEditor.SetPrimary(file, ImagePath, 3));
        Assert.Empty(file.Changes);

        SifEditor.Remove(file, ImagePath, [4], token: TestContext.Current.CancellationToken);
        SifEditor.Remove(file, ImagePath, [1], token: TestContext.Current.CancellationToken);
        SifEditor.SetPrimary(file, ImagePath, 3, token: TestContext.Current.CancellationToken);
        Assert.Equal([2u, 3u], Open(file.Bytes).Objects.Select(o => o.Id));

        var both = new RecordingWindow(signed);
        SifEditor.Remove(both, ImagePath, [1, 4], token: TestContext.Current.CancellationToken);
        Assert.Equal([2u, 3u], Open(both.Bytes).Objects.Select(o => o.Id));
    }

    [Fact]
    public void Links_that_lead_nowhere_are_named()
    {
        var image = Create(Deterministic, Generic(Face),
            new() { DataType = SifDataType.Generic, Content = SifContent.FromBytes(Feed), LinkedId = 1 },
            new() { DataType = SifDataType.Generic, Content = SifContent.FromBytes(Feed), LinkedId = 1, LinkedToGroup = true });

        Assert.Equal([2u], SifEditor.Remove(new RecordingWindow(image), ImagePath, [1],
            token: TestContext.Current.CancellationToken).Dangling.Select(o => o.Id));
        Assert.Empty(SifEditor.Remove(new RecordingWindow(image), ImagePath, [1, 2],
            token: TestContext.Current.CancellationToken).Dangling);
    }

    [Fact]
    public void Only_a_system_partition_can_be_run()
    {
        var image = new RecordingWindow(Create(Deterministic, Generic(Face), Partition(Feed, SifPartitionType.Data),
            Primary(Feed)));

        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => SifEditor.SetPrimary(image, ImagePath, 1));
        GoldenTests.Fails(ErrorIds.SifInvalidValue, () => SifEditor.SetPrimary(image, ImagePath, 2));
        Assert.False(SifEditor.SetPrimary(image, ImagePath, 3, token: TestContext.Current.CancellationToken).Changed);
        Assert.Empty(image.Changes);
    }

    [Fact]
    public void A_code_that_nobody_knows_survives_a_change_of_the_primary_partition() // d46
    {
        var image = Patch(Create(Deterministic, Partition(Feed, SifPartitionType.System)),
            4096 + 201 + 8, 0xFF, 0xFF, 0xFF, 0xAA);
        var file = new RecordingWindow(image);
        SifEditor.SetPrimary(file, ImagePath, 1, token: TestContext.Current.CancellationToken);

        Assert.Equal([0xFF, 0xFF, 0xFF], file.Bytes[45..48]);
        Assert.Equal([0xFF, 0xFF, 0xFF, 0], file.Bytes[(4096 + 209)..(4096 + 213)]);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void A_size_that_cannot_be_is_corrected(long dataSize)
    {
        var file = new RecordingWindow(Patch(OneGroup(), 120, dataSize));
        SifEditor.Remove(file, ImagePath, [1], token: TestContext.Current.CancellationToken);

        Assert.Equal(8784, Open(file.Bytes).Header.DataSize);
    }

    private static byte[] Remove(string scenario)
    {
        var two = Create(Deterministic, Generic(Face), Generic(Feed));
        var primary = Create(Deterministic, Primary(Face));
        var dated = Create(new() { Id = s_id, Time = Time }, Generic(Face));
        var words = Create(Deterministic, Generic("abc"u8.ToArray()), Generic("def"u8.ToArray()));
        SifRemoveOptions none = new(), zero = new() { Zero = true }, compact = new() { Compact = true },
            both = new() { Zero = true, Compact = true };
        return scenario switch
        {
            "D02" => Apply(Apply(two, [1], compact), [2], compact),
            "D03" => Apply(two, [1], zero),
            "D04" => Apply(two, [1], compact),
            "D05" => Apply(two, [1], both),
            "D06" => Apply(two, [2], zero),
            "D07" => Apply(two, [2], compact),
            "D08" => Apply(two, [2], both),
            "D09" => Apply(dated, [1], new() { Change = s_unset }),
            "D10" => Apply(Create(Deterministic, Generic(Face)), [1], new() { Change = s_timed }),
            "D11" => Apply(primary, [1], new() { Force = true }),
            "D14" => Apply(two, [1, 2], none),
            "D15" => Apply(two, [1, 2], compact),
            "D16" => Apply(primary, [1], new() { Compact = true, Force = true }),
            "D17" => Add(Apply(words, [2], compact), Generic("ghi"u8.ToArray())),
            "D18" => Add(Apply(words, [2], none), Generic("ghi"u8.ToArray())),
            "D19" => Add(Apply(words, [2], zero), Generic("ghi"u8.ToArray())),
            "D20" => Add(Apply(words, [2], both), Generic("ghi"u8.ToArray())),
            _ => throw new ArgumentOutOfRangeException(nameof(scenario)),
        };
    }

    private static byte[] Apply(byte[] image, uint[] ids, SifRemoveOptions options)
    {
        var file = new RecordingWindow(image);
        SifEditor.Remove(file, ImagePath, ids, options);
        return file.Bytes;
    }

    private static (byte[] Image, uint Id, SifChangeOptions? Options) ToSwitch(string scenario)
    {
        SifNewObject Raw(byte[] bytes, SifPartitionType type, SifArchitecture architecture) =>
            Partition(bytes, type, architecture, SifFileSystem.Raw);
        var one = Raw(Face, SifPartitionType.System, SifArchitecture.I386);
        var two = new[]
        {
            Raw(Face, SifPartitionType.PrimarySystem, SifArchitecture.I386),
            Raw(Feed, SifPartitionType.System, SifArchitecture.Amd64),
        };
        return scenario switch
        {
            "S02" => (Create(new() { Id = s_id, Time = Time }, one), 1, s_unset),
            "S03" => (Create(Deterministic, two), 2, s_timed),
            "S04" => (Create(Deterministic, one), 1, null),
            "S05" => (Create(Deterministic, two), 2, null),
            _ => throw new ArgumentOutOfRangeException(nameof(scenario)),
        };
    }
}
