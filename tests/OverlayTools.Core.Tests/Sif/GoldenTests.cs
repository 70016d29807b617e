using OverlayTools.Sif;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Byte for byte what the reference implementation writes: the SHA-256 of its own test files (specification,
/// 7).</summary>
public sealed class GoldenTests
{
    private static readonly Guid s_id = new("de170c43-36ab-44a8-bca9-1ea1a070a274");

    public static TheoryData<string, int, string> Created => new()
    {
        { "C02", 32176, "1987d6041b278a3a" },
        { "C03", 32176, "31d3dbe41b33af1d" },
        { "C04", 32176, "046cf22bd62844b4" },
        { "C05", 32176, "f5ddfd876fd8ef3f" },
        { "C07", 4681, "c1cad9338fdc09e1" },
        { "C08", 32178, "d171b98e01261243" },
        { "C09", 32770, "c960f286dacba095" },
        { "C10", 32180, "5eb0b8081195d421" },
        { "C11", 32182, "bc3192f152d52870" },
    };

    public static TheoryData<string, int, string> Added => new()
    {
        { "A03", 32178, "0b4f5579fe2de951" },
        { "A04", 32178, "b85ed6f09eae1a58" },
        { "A05", 32178, "d171b98e01261243" },
        { "A06", 32178, "d171b98e01261243" },
        { "A07", 32258, "b2b663a5eb53a52e" },
        { "A08", 32770, "c960f286dacba095" },
        { "A09", 32180, "5eb0b8081195d421" },
        { "A10", 32258, "c18b8561a053721d" },
        { "D17", 32182, "35666c4ffd5b2e20" },
        { "D19", 32182, "35666c4ffd5b2e20" },
    };

    public static TheoryData<string, string> Described => new()
    {
        { "I01", "32fa63528fe0e86c" },
        { "I02", "e71725231b90cead" },
        { "I04", "7ab6d63f17834cad" },
        { "I06", "46e17bdec25ea90b" },
        { "I08", "4553f916ae49fb10" },
        { "I09", "32fa63528fe0e86c" },
        { "I10", "4de83ca3edbc3698" },
        { "I11", "ad2ea9efa16d2eda" },
        { "I12", "3fc0197cd2184b30" },
        { "I14", "5479bc5afcb89e0e" },
        { "I16", "f7915a307d993c95" },
        { "I18", "9abd0d89d9e61832" },
        { "I20", "236f9228aa934aef" },
        { "I21", "5a4e5fe8d69891b8" },
        { "I22", "df1ba61a0dcd1e23" },
    };

    [Theory]
    [MemberData(nameof(Created))]
    public void A_new_image_in_memory_has_the_reference_bytes(string scenario, int size, string hash)
    {
        var (options, objects) = ToCreate(scenario);
        var image = Create(options, objects);

        Assert.Equal(size, image.Length);
        Assert.StartsWith(hash, Hash(image));
    }

    [Theory]
    [MemberData(nameof(Created))]
    public void A_new_file_has_the_reference_bytes(string scenario, int size, string hash)
    {
        using var directory = new TestSupport.TemporaryDirectory();
        var (options, objects) = ToCreate(scenario);
        SifWriter.Create(directory["new.sif"], options, objects, token: TestContext.Current.CancellationToken);
        var image = File.ReadAllBytes(directory["new.sif"]);

        Assert.Equal(size, image.Length);
        Assert.StartsWith(hash, Hash(image));
        Assert.Single(Directory.GetFileSystemEntries(directory.Path));
    }

    [Theory]
    [MemberData(nameof(Added))]
    public void An_image_that_got_an_object_has_the_reference_bytes(string scenario, int size, string hash)
    {
        var (before, added, options) = ToAdd(scenario);
        var image = Add(before, added, options);

        Assert.Equal(size, image.Length);
        Assert.StartsWith(hash, Hash(image));
    }

    [Theory]
    [MemberData(nameof(Added))]
    public void A_file_that_got_an_object_has_the_reference_bytes(string scenario, int size, string hash)
    {
        using var directory = new TestSupport.TemporaryDirectory();
        var (before, added, options) = ToAdd(scenario);
        File.WriteAllBytes(directory["a.sif"], before);
        SifEditor.Add(directory["a.sif"], added, options, token: TestContext.Current.CancellationToken);
        var image = File.ReadAllBytes(directory["a.sif"]);

        Assert.Equal(size, image.Length);
        Assert.StartsWith(hash, Hash(image));
    }

    [Theory]
    [MemberData(nameof(Described))]
    public void A_descriptor_has_the_reference_bytes(string scenario, string hash)
    {
        var added = ToDescribe(scenario);
        var descriptor = added.ToDescriptor();
        added.AddDigest(descriptor, new RecordingWindow([]));
        var bytes = new byte[SifDescriptor.Size];
        descriptor.Write(bytes);

        Assert.StartsWith(hash, Hash(bytes));
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 0, 1)]
    [InlineData(0, 1024, 0)]
    [InlineData(1, 1024, 1024)]
    [InlineData(1023, 1024, 1024)]
    [InlineData(1024, 1024, 1024)]
    [InlineData(1025, 1024, 2048)]
    [InlineData(10, 3, 12)]
    [InlineData(10, -5, 10)]
    public void Offsets_are_aligned_to_any_positive_number(long offset, long alignment, long expected) =>
        Assert.Equal(expected, SifLayout.Align(offset, alignment));

    [Theory]
    [InlineData(1024)]
    [InlineData(long.MaxValue - 1)]
    public void An_alignment_beyond_the_largest_offset_is_refused(long alignment) =>
        Fails(ErrorIds.SifInvalidValue, () => SifLayout.Align(long.MaxValue, alignment));

    [Fact]
    public void A_table_without_slots_takes_no_object() // C01, C13
    {
        using var directory = new TestSupport.TemporaryDirectory();
        var options = new SifCreateOptions { Deterministic = true, Capacity = 0 };

        Fails(ErrorIds.SifNoFreeDescriptor, () => Create(options, Generic(Face)));
        Fails(ErrorIds.SifNoFreeDescriptor, () => SifWriter.Create(directory["a.sif"], options, [Generic(Face)]));
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_table_without_slots_makes_a_file_of_one_header_that_can_be_read()
    {
        var image = Create(new SifCreateOptions { Capacity = 0 });

        Assert.Equal(128, image.Length);
        using var read = Open(image);
        Assert.Empty(read.Objects);
        Assert.Null(read.ModificationFault);
        Fails(ErrorIds.SifNoFreeDescriptor, () => Add(image, Generic(Feed))); // A01
    }

    [Theory]
    [InlineData(4294967295)] // C12
    [InlineData(-1)]
    public void An_impossible_capacity_is_refused(long capacity) =>
        Fails(ErrorIds.SifInvalidValue, () => Create(new SifCreateOptions { Capacity = capacity }));

    [Fact]
    public void A_second_primary_partition_is_refused_and_changes_nothing() // A02
    {
        var image = Create(Deterministic, Primary(Face));
        var file = new RecordingWindow(image);

        Fails(ErrorIds.SifPrimaryPartitionExists,
            () => SifEditor.Add(file, ImagePath, Partition(Feed, SifPartitionType.PrimarySystem,
                SifArchitecture.Amd64)));
        Assert.StartsWith("e125d47f77af249d", Hash(image));
        Assert.Empty(file.Changes);
    }

    internal static EngineException Fails(string id, Action act)
    {
        var error = Assert.Throws<EngineException>(act);
        Assert.Equal(id, error.ErrorId);
        return error;
    }

    private static (SifCreateOptions Options, SifNewObject[] Objects) ToCreate(string scenario) => scenario switch
    {
        "C02" => (Deterministic, []),
        "C03" => (new() { Deterministic = true, LaunchScript = "#!/usr/bin/env launch-script\n" }, []),
        "C04" => (new() { Deterministic = true, Id = s_id }, []),
        "C05" => (new() { Deterministic = true, Time = Time }, []),
        "C07" => (new() { Deterministic = true, Capacity = 1 }, []),
        "C08" => (Deterministic, [Generic(Face)]),
        "C09" => (Deterministic, [Generic(Face), Primary(Feed)]),
        "C10" => (Deterministic, [Generic(Face, 0), Primary(Feed, 0)]),
        "C11" => (Deterministic, [Generic(Face, 4), Primary(Feed, 4)]),
        _ => throw new ArgumentOutOfRangeException(nameof(scenario)),
    };

    private static (byte[] Before, SifNewObject Added, SifChangeOptions? Options) ToAdd(string scenario)
    {
        var empty = Create(Deterministic);
        var one = Create(Deterministic, Generic(Face));
        var two = Create(Deterministic, Generic("abc"u8.ToArray()), Generic("def"u8.ToArray()));
        return scenario switch
        {
            "A03" => (Create(new() { Id = s_id, Time = Time }), Generic(Face), new() { Deterministic = true }),
            "A04" => (empty, Generic(Face), new() { Time = Time }),
            "A05" => (empty, Generic(Face), null),
            "A06" => (empty, Generic(Face, 0), null),
            "A07" => (empty, Generic(Face, 128), null),
            "A08" => (one, Primary(Feed), null),
            "A09" => (one, Primary(Feed, 0), null),
            "A10" => (one, Primary(Feed, 128), null),
            "D17" => (Delete(two, 1), Generic("ghi"u8.ToArray()), null),
            "D19" => (Patch(Delete(two, 1), 32179, 0, 0, 0), Generic("ghi"u8.ToArray()), null),
            _ => throw new ArgumentOutOfRangeException(nameof(scenario)),
        };
    }

    private static SifNewObject ToDescribe(string scenario)
    {
        var none = SifContent.FromBytes(Array.Empty<byte>());
        SifNewObject WithMetadata(SifDataType type, SifMetadata? metadata) =>
            new() { DataType = type, Content = none, Metadata = metadata };
        return scenario switch
        {
            "I01" => Generic([]),
            "I02" => new() { DataType = SifDataType.Generic, Content = none, GroupId = null },
            "I04" => new() { DataType = SifDataType.Generic, Content = none, GroupId = 2 },
            "I06" => new() { DataType = SifDataType.Generic, Content = none, LinkedId = 1 },
            "I08" => new() { DataType = SifDataType.Generic, Content = none, LinkedId = 1, LinkedToGroup = true },
            "I09" => Generic([], 8),
            "I10" => new() { DataType = SifDataType.Generic, Content = none, Name = "name" },
            "I11" => new() { DataType = SifDataType.Generic, Content = none, Time = Time },
            "I12" => WithMetadata(SifDataType.Generic, new SifCustomMetadata("{\"Value\":100}"u8.ToArray())),
            "I14" => WithMetadata(SifDataType.CryptographicMessage,
                new SifMessageMetadata(SifMessageFormat.OpenPgp, SifMessageType.ClearSignature)),
            "I16" => WithMetadata(SifDataType.Partition,
                new SifPartitionMetadata(SifFileSystem.Squashfs, SifPartitionType.PrimarySystem, SifArchitecture.I386)),
            "I18" => WithMetadata(SifDataType.Signature,
                new SifSignatureMetadata(SifHashType.Sha256, "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84")),
            "I20" => WithMetadata(SifDataType.Sbom, new SifSbomMetadata(SifSbomFormat.CycloneDxJson)),
            "I21" => WithMetadata(SifDataType.OciRootIndex, null),
            "I22" => WithMetadata(SifDataType.OciBlob, null),
            _ => throw new ArgumentOutOfRangeException(nameof(scenario)),
        };
    }
}
