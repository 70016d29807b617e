using System.Text;
using OverlayTools.Sif;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Damaged images: each row of the specification's section 9 does what its column "C#" says.</summary>
public sealed class MalformedTests
{
    private const int Total = 88, TableOffset = 96, TableSize = 104, DataOffset = 112, DataSize = 120;
    private const int Slot0 = 4096, Slot1 = Slot0 + SifDescriptor.Size;
    private const int Id = 5, Group = 9, Link = 13, Offset = 17, Size = 25, Padded = 33, Created = 41, Name = 73,
        Extra = 201;

    private static readonly byte[] s_image = OneGroup();

    private static readonly Dictionary<string, (string ErrorId, Func<byte[]> Make)> s_rejected = new()
    {
        ["m01 empty"] = (ErrorIds.SifBadMagic, () => []),
        ["m02 one byte"] = (ErrorIds.SifBadMagic, () => s_image[..1]),
        ["m03 127 bytes"] = (ErrorIds.SifCorrupt, () => s_image[..127]),
        ["m04 header only"] = (ErrorIds.SifCorrupt, () => s_image[..128]),
        ["m05 half a table"] = (ErrorIds.SifCorrupt, () => s_image[..15796]),
        ["m06 table less a byte"] = (ErrorIds.SifCorrupt, () => s_image[..32175]),
        ["m08 magic"] = (ErrorIds.SifBadMagic, () => Patch(s_image, 40, (byte)'X')),
        ["m09 magic's NUL"] = (ErrorIds.SifBadMagic, () => Patch(s_image, 41, 1)),
        ["m10 lower case"] = (ErrorIds.SifBadMagic, () => Patch(s_image, 32, "sif_magic"u8.ToArray())),
        ["h55 shifted"] = (ErrorIds.SifBadMagic, () => [0, 0, 0, 0, .. s_image]),
        ["m11 version 02"] = (ErrorIds.SifVersionUnsupported, () => Patch(s_image, 42, "02\0"u8.ToArray())),
        ["m12 version 00"] = (ErrorIds.SifVersionUnsupported, () => Patch(s_image, 42, "00\0"u8.ToArray())),
        ["m13 version 01X"] = (ErrorIds.SifVersionUnsupported, () => Patch(s_image, 42, "01X"u8.ToArray())),
        ["m14 version 1"] = (ErrorIds.SifVersionUnsupported, () => Patch(s_image, 42, "1\0\0"u8.ToArray())),
        ["m18 total -1"] = (ErrorIds.SifCorrupt, () => Patch(s_image, Total, -1)),
        ["m19 total min"] = (ErrorIds.SifCorrupt, () => Patch(s_image, Total, long.MinValue)),
        ["m20 total max"] = (ErrorIds.SifCorrupt, () => Patch(s_image, Total, long.MaxValue)),
        ["m21 total 2^40"] = (ErrorIds.SifCorrupt, () => Patch(s_image, Total, 1L << 40)),
        ["total 20 million"] = (ErrorIds.SifCorrupt, () => Patch(s_image, Total, 20_000_000)),
        ["m22 total 49"] = (ErrorIds.SifCorrupt, () => Patch(s_image, Total, 49)),
        ["m23 table into data"] = (ErrorIds.SifCorrupt, () => Patch(Patch(s_image, Total, 49), TableSize, 49 * 585)),
        ["m30 table 2^30"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableOffset, 1L << 30)),
        ["m31 table -1"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableOffset, -1)),
        ["m32 table max"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableOffset, long.MaxValue)),
        ["m33 table 0"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableOffset, 0L)),
        ["m34 table 128"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableOffset, 128L)),
        ["m35 table size 0"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableSize, 0L)),
        ["m36 table size -1"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableSize, -1)),
        ["m37 table size 585"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableSize, 585)),
        ["m38 table size max"] = (ErrorIds.SifCorrupt, () => Patch(s_image, TableSize, long.MaxValue)),
    };

    private static readonly Dictionary<string, Func<byte[]>> s_tolerated = new()
    {
        ["m15 arch 99"] = () => Patch(s_image, 45, "99\0"u8.ToArray()),
        ["m16 arch FF"] = () => Patch(s_image, 45, 0xFF, 0xFF, 0xFF),
        ["m17 other arch"] = () => Patch(s_image, 45, "04\0"u8.ToArray()),
        ["m26 free -5"] = () => Patch(s_image, 80, -5),
        ["m27 free 100"] = () => Patch(s_image, 80, 100L),
        ["m28 free = total"] = () => Patch(s_image, 80, 48L),
        ["m29 free 0"] = () => Patch(s_image, 80, 0L),
        ["m43 data size -1"] = () => Patch(s_image, DataSize, -1),
        ["m44 data size max"] = () => Patch(s_image, DataSize, long.MaxValue),
        ["m45 data size 0"] = () => Patch(s_image, DataSize, 0L),
        ["h46 created max"] = () => Patch(s_image, 64, long.MaxValue),
        ["h47 created 0"] = () => Patch(s_image, 64, 0L),
        ["h48 created min"] = () => Patch(s_image, 64, long.MinValue),
        ["h49 full script"] = () => Patch(s_image, 0, Encoding.ASCII.GetBytes(new string('#', 32))),
        ["h50 script FF FE"] = () => Patch(s_image, 0, 0xFF, 0xFE),
        ["h51 script TAB"] = () => Patch(s_image, 0, "a\tb\nc"u8.ToArray()),
        ["h52 no UUID"] = () => Patch(s_image, 48, [.. Enumerable.Repeat((byte)0xFF, 16)]),
        ["h53 gap"] = () => Patch(s_image, 128, [.. Enumerable.Repeat((byte)0xAA, 4096 - 128)]),
        ["h54 trailing bytes"] = () => [.. s_image, .. new byte[40]],
        ["d01 used 2"] = () => Patch(s_image, Slot0 + 4, 2),
        ["d02 used FF"] = () => Patch(s_image, Slot0 + 4, 0xFF),
        ["d06 id max"] = () => Patch(s_image, Slot0 + Id, 0xFF, 0xFF, 0xFF, 0xFF),
        ["d07 id 7"] = () => Patch(s_image, Slot0 + Id, 7),
        ["d08 group without mask"] = () => Patch(s_image, Slot0 + Group, 1, 0, 0, 0),
        ["d09 group 0"] = () => Patch(s_image, Slot0 + Group, 0, 0, 0, 0),
        ["d10 group half mask"] = () => Patch(s_image, Slot0 + Group, 1, 0, 0, 0x70),
        ["d11 link to itself"] = () => Patch(s_image, Slot0 + Link, 1),
        ["d12 link to nothing"] = () => Patch(s_image, Slot0 + Link, 99),
        ["d13 link half mask"] = () => Patch(s_image, Slot0 + Link, 1, 0, 0, 0x80),
        ["d14 link mask only"] = () => Patch(s_image, Slot0 + Link, 0, 0, 0, 0xF0),
        ["d24 padded -1"] = () => Patch(s_image, Slot0 + Padded, -1),
        ["d25 padded 1"] = () => Patch(s_image, Slot0 + Padded, 1L),
        ["d26 padded max"] = () => Patch(s_image, Slot0 + Padded, long.MaxValue),
        ["d27 created 0"] = () => Patch(s_image, Slot0 + Created, 0L),
        ["d28 created -1"] = () => Patch(s_image, Slot0 + Created, -1),
        ["d29 created max"] = () => Patch(s_image, Slot0 + Created, long.MaxValue),
        ["d30 created min"] = () => Patch(s_image, Slot0 + Created, long.MinValue),
        ["d31 end of 9999"] = () => Patch(s_image, Slot0 + Created, 253402300799),
        ["d32 10000"] = () => Patch(s_image, Slot0 + Created, 253402300800),
        ["d33 year 0"] = () => Patch(s_image, Slot0 + Created, -62135596801),
        ["d34 uid -1"] = () => Patch(s_image, Slot0 + 57, -1),
        ["d35 full name"] = () => Patch(s_image, Slot0 + Name, Encoding.ASCII.GetBytes(new string('n', 128))),
        ["d36 invalid UTF-8"] = () => Patch(s_image, Slot0 + Name, [0xFF, 0xFE, 0x80, .. "abc"u8]),
        ["d37 NUL in name"] = () => Patch(s_image, Slot0 + Name, "ab\0cd"u8.ToArray()),
        ["d38 escapes in name"] = () => Patch(s_image, Slot0 + Name, "\u001b[2J\n\t|"u8.ToArray()),
        ["d39 type 0"] = () => Patch(s_image, Slot0, 0, 0, 0, 0),
        ["d40 type 400C"] = () => Patch(s_image, Slot0, 0x0C, 0x40, 0, 0),
        ["d41 type -1"] = () => Patch(s_image, Slot0, 0xFF, 0xFF, 0xFF, 0xFF),
        ["d42 fs 77"] = () => Patch(s_image, Slot0 + Extra, 77),
        ["d43 fs 6"] = () => Patch(s_image, Slot0 + Extra, 6),
        ["d44 partition type 99"] = () => Patch(s_image, Slot0 + Extra + 4, 99),
        ["d46 partition arch FF"] = () => Patch(s_image, Slot0 + Extra + 8, 0xFF, 0xFF, 0xFF),
        ["x01 rest of extra"] = () => Patch(s_image, Slot0 + Extra + 11, [.. Enumerable.Repeat((byte)0xAA, 373)]),
    };

    // Object 1 cannot be had, object 2 can; nothing is written to such an image.
    private static readonly Dictionary<string, Func<byte[]>> s_spoilt = new()
    {
        ["d04 id 0"] = () => Patch(s_image, Slot0 + Id, 0),
        ["d15 offset -1"] = () => Patch(s_image, Slot0 + Offset, -1),
        ["d16 offset 2^40"] = () => Patch(s_image, Slot0 + Offset, 1L << 40),
        ["d17 offset max"] = () => Patch(s_image, Slot0 + Offset, long.MaxValue),
        ["d18 offset 0"] = () => Patch(s_image, Slot0 + Offset, 0L),
        ["d19 offset in table"] = () => Patch(s_image, Slot0 + Offset, 4096L),
        ["d20 size -1"] = () => Patch(s_image, Slot0 + Size, -1),
        ["d21 size 2^20"] = () => Patch(s_image, Slot0 + Size, 1L << 20),
        ["d22 size max"] = () => Patch(s_image, Slot0 + Size, long.MaxValue),
        ["d60 sum overflows"] = () => Patch(Patch(s_image, Slot0 + Offset, long.MaxValue - 1), Slot0 + Size, 100L),
    };

    // Everything can be read; nothing is written.
    private static readonly Dictionary<string, Func<byte[]>> s_readOnly = new()
    {
        ["m24 total 1"] = () => Patch(s_image, Total, 1L),
        ["m25 total 0"] = () => Patch(s_image, Total, 0L),
        ["m39 data offset -1"] = () => Patch(s_image, DataOffset, -1),
        ["m40 data offset 0"] = () => Patch(s_image, DataOffset, 0L),
        ["m41 data offset 5000"] = () => Patch(s_image, DataOffset, 5000L),
        ["m42 data offset max"] = () => Patch(s_image, DataOffset, long.MaxValue),
        ["d05 same id"] = () => Patch(s_image, Slot1 + Id, 1),
        ["d23 overlap"] = () => Patch(s_image, Slot0 + Size, 4097L),
        ["d45 two primaries"] = () => Patch(s_image, Slot0 + Extra + 4, 2),
    };

    public static TheoryData<string> Rejected => [.. s_rejected.Keys];

    public static TheoryData<string> Tolerated => [.. s_tolerated.Keys];

    public static TheoryData<string> Spoilt => [.. s_spoilt.Keys];

    public static TheoryData<string> ReadOnly => [.. s_readOnly.Keys];

    [Theory]
    [MemberData(nameof(Rejected))]
    public void An_image_that_cannot_be_trusted_is_rejected(string row)
    {
        var (id, make) = s_rejected[row];
        var error = GoldenTests.Fails(id, () => Open(make()));

        Assert.Equal(ImagePath, error.Target);
        Assert.NotNull(error.RecommendedAction);
    }

    [Fact]
    public void The_error_names_field_and_offset()
    {
        var header = GoldenTests.Fails(ErrorIds.SifCorrupt, () => Open(Patch(s_image, Total, -1)));
        Assert.Contains("DescriptorsTotal (offset 88) is -1", header.Message, StringComparison.Ordinal);

        using var image = Open(Patch(s_image, Slot1 + Size, -7));
        Assert.Equal($"Size (offset {Slot1 + Size}) is -7, which is negative", image.Objects[1].Fault);
    }

    [Theory]
    [MemberData(nameof(Tolerated))]
    public void A_harmless_oddity_neither_hides_objects_nor_forbids_changes(string row)
    {
        var bytes = s_tolerated[row]();
        using var image = Open(bytes);

        Assert.Equal(2, image.Objects.Count);
        Assert.All(image.Objects, o => Assert.Null(o.Fault));
        Assert.Null(image.ModificationFault);
        Assert.Equal(46, image.FreeDescriptors);
        Assert.Equal(8784, image.DataSize);
        using var changed = Open(Add(bytes, Generic(Feed)));
        Assert.Equal(40960, changed.Objects[2].Offset);
        Assert.Equal(45, changed.Header.DescriptorsFree);
        Assert.Equal(8786, changed.Header.DataSize);
    }

    [Theory]
    [MemberData(nameof(Spoilt))]
    public void A_damaged_slot_spoils_its_object_only(string row)
    {
        var bytes = s_spoilt[row]();
        using var image = Open(bytes);

        Assert.NotNull(image.Objects[0].Fault);
        var error = GoldenTests.Fails(ErrorIds.SifCorrupt, () => image.Objects[0].OpenData());
        Assert.Contains("offset", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Null(image.Objects[1].Fault);
        Assert.Equal(4096, image.Objects[1].OpenData().Length);
        AssertRefusesChanges(bytes);
    }

    [Theory]
    [MemberData(nameof(ReadOnly))]
    public void A_contradiction_forbids_changes_but_not_reading(string row)
    {
        var bytes = s_readOnly[row]();
        using var image = Open(bytes);

        Assert.NotNull(image.ModificationFault);
        foreach (var found in image.Objects)
            Assert.Equal(found.SizeBytes, found.OpenData().Length);
        AssertRefusesChanges(bytes);
    }

    [Fact]
    public void A_file_without_its_data_still_lists_its_objects() // m07
    {
        var bytes = s_image[..32176];
        using var image = Open(bytes);

        Assert.Equal(2, image.Objects.Count);
        Assert.All(image.Objects, o => GoldenTests.Fails(ErrorIds.SifCorrupt, () => o.OpenData()));
        AssertRefusesChanges(bytes);
    }

    [Fact]
    public void A_second_primary_partition_is_refused_whatever_the_free_count_says() => // m28
        GoldenTests.Fails(ErrorIds.SifPrimaryPartitionExists, () => Add(Patch(s_image, 80, 48L), Primary(Face)));

    [Fact]
    public void A_free_slot_may_hold_anything_and_is_cleared_when_it_is_used() // d03
    {
        var deleted = Patch(s_image, Slot0 + 4, 0);
        using var image = Open(deleted);
        Assert.Equal(2u, Assert.Single(image.Objects).Id);

        using var changed = Open(Add(deleted, Generic(Feed)));
        Assert.Equal(1u, changed.Objects[0].Id);
        Assert.All(changed.Objects[0].Descriptor.Extra, b => Assert.Equal(0, b));
    }

    [Fact]
    public void An_id_that_another_slot_has_is_not_given_twice() // d07
    {
        var bytes = Patch(s_image, Slot0 + Id, 3);
        using var image = Open(Add(bytes, Generic(Feed)));

        Assert.Equal([3u, 2u, 4u], image.Objects.Select(o => o.Id));
    }

    [Fact]
    public void Two_objects_of_one_id_cannot_be_found_by_it()
    {
        using var image = Open(s_readOnly["d05 same id"]());

        GoldenTests.Fails(ErrorIds.SifCorrupt, () => image.Find(1));
        GoldenTests.Fails(ErrorIds.SifDescriptorNotFound, () => image.Find(2));
    }

    [Theory]
    [InlineData("d36 invalid UTF-8", @"\xFF\xFE\x80abc")]
    [InlineData("d37 NUL in name", "ab")]
    [InlineData("d38 escapes in name", @"\x1B[2J\x0A\x09|")]
    public void Names_are_safe_to_show(string row, string shown)
    {
        using var image = Open(s_tolerated[row]());

        Assert.Equal(shown, image.Objects[0].Name);
    }

    [Fact]
    public void Times_outside_the_calendar_are_kept_as_numbers()
    {
        using var image = Open(s_tolerated["d32 10000"]());
        Assert.Null(image.Objects[0].Created);
        Assert.Equal(253402300800, image.Objects[0].Descriptor.CreatedAt);

        using var zero = Open(s_tolerated["d27 created 0"]());
        Assert.Equal(DateTimeOffset.UnixEpoch, zero.Objects[0].Created);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    public void A_signature_with_an_unknown_hash_cannot_be_used(byte hash) // d47, d48
    {
        var signed = Create(Deterministic, Generic(Face), SignatureOf(1));
        using var image = Open(Patch(signed, Slot1 + Extra, hash));

        GoldenTests.Fails(ErrorIds.SifCorrupt, () => image.Objects[1].OpenData());
        Assert.Equal("Signature (Unknown)", image.Objects[1].TypeText);
        Assert.True(image.IsSigned);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(99)]
    public void An_unknown_bill_of_materials_is_shown_as_such(byte format) // d49, d50
    {
        var sbom = new SifNewObject
        {
            DataType = SifDataType.Sbom,
            Content = SifContent.FromBytes(Face),
            Metadata = new SifSbomMetadata(SifSbomFormat.SpdxJson),
        };
        using var image = Open(Patch(Create(Deterministic, sbom), Slot0 + Extra, format));

        Assert.Equal("SBOM (unknown)", image.Objects[0].TypeText);
        Assert.Equal(2, image.Objects[0].OpenData().Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256")]
    [InlineData("md5:00")]
    [InlineData("sha256:00")]
    [InlineData("sha256:z3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData("sha384:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public void An_object_with_a_bad_digest_cannot_be_used(string digest) // d51-d58
    {
        var blob = new SifNewObject { DataType = SifDataType.OciBlob, Content = SifContent.FromBytes(Face) };
        var extra = new byte[80];
        Encoding.ASCII.GetBytes(digest, extra);
        using var image = Open(Patch(Create(Deterministic, blob), Slot0 + Extra, extra));

        Assert.Equal("OCI.Blob", image.Objects[0].TypeText);
        GoldenTests.Fails(ErrorIds.SifCorrupt, () => image.Objects[0].OpenData());
    }

    [Fact]
    public void A_digest_of_something_else_is_read_as_it_stands() // d59
    {
        const string digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        var image = Create(Deterministic, new SifNewObject
        {
            DataType = SifDataType.OciBlob,
            Content = SifContent.FromBytes(Face),
            Metadata = new SifDigestMetadata(digest),
        });
        using var read = Open(Add(image, Generic(Feed)));

        Assert.Equal(2, read.Objects[0].OpenData().Length);
        Assert.Equal(digest, Assert.IsType<SifDigestMetadata>(read.Objects[0].Metadata).Digest);
    }

    [Fact]
    public void A_table_that_hides_free_slots_only_can_be_changed()
    {
        // As a growth that was stopped half-way leaves it.
        var full = Create(new() { Capacity = 4, Deterministic = true }, Generic(Face), Primary(Feed));
        var stopped = Patch(Patch(full, Total, 2L), 80, 0L);
        using var image = Open(stopped);
        Assert.Null(image.ModificationFault);
        Assert.Equal(0, image.FreeDescriptors);

        using var grown = Open(Add(stopped, Generic(Feed), new() { GrowTable = true }));
        Assert.Equal(3, grown.Objects.Count);
        Assert.Equal(grown.Capacity * SifDescriptor.Size, grown.Header.DescriptorsSize);

        using var hidden = Open(Patch(stopped, Slot0 + (3 * SifDescriptor.Size) + 4, 1));
        Assert.NotNull(hidden.ModificationFault);
    }

    private static void AssertRefusesChanges(byte[] bytes)
    {
        var file = new RecordingWindow(bytes);
        GoldenTests.Fails(ErrorIds.SifCorrupt, () => SifEditor.Add(file, ImagePath, Generic(Feed)));
        Assert.Empty(file.Changes);
    }
}
