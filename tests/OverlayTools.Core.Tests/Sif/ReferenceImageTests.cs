using System.Globalization;
using System.Text;
using System.Text.Json;
using OverlayTools.IO;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>The images of the reference implementation, field by field against a description that other programs
/// made.</summary>
public sealed class ReferenceImageTests
{
    public static TheoryData<string> Names =>
    [
        "empty-id", "empty", "one-group-signed-dsse", "one-group-signed-legacy-all", "one-group-signed-legacy-group",
        "one-group-signed-legacy", "one-group-signed-pgp", "one-group", "one-object-crypt-message",
        "one-object-generic-json", "one-object-oci-blob", "one-object-oci-root-index", "one-object-time",
        "two-groups-signed-legacy-group", "two-groups-signed-legacy", "two-groups",
    ];

    [Fact]
    public void No_reference_image_is_left_out()
    {
        var files = Directory.GetFiles(Machine.NeedShared("sif-images"), "*.sif")
            .Select(Path.GetFileNameWithoutExtension);

        Assert.Equal(Names.Select(row => row.Data).Order(StringComparer.Ordinal), files.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_header_is_read_as_described(string name)
    {
        using var image = OpenImage(name, out var expected);
        var json = expected.GetProperty("header");
        var header = image.Header;

        Assert.Equal(expected.GetProperty("size").GetInt64(), image.Length);
        Assert.Equal(Text(json, "launchScriptRawHex"), Hex(header.LaunchScript));
        Assert.Equal(Text(json, "launchScript").TrimEnd('\n'), image.LaunchScript);
        Assert.Equal(Text(json, "magicRawHex"), Hex(header.Magic));
        Assert.Equal(Text(json, "versionRawHex"), Hex(header.Version));
        Assert.Equal(Text(json, "archRawHex"), Hex(header.Arch));
        Assert.Equal(Text(json, "arch"), image.HeaderArchitecture.ToName());
        Assert.Equal(Text(json, "arch"), image.Architecture.ToName());
        Assert.Equal(Text(json, "id"), image.Id.ToString());
        Assert.Equal(Number(json, "createdAt"), header.CreatedAt);
        Assert.Equal(Number(json, "modifiedAt"), header.ModifiedAt);
        AssertTime(json, "createdAtUtc", image.Created);
        AssertTime(json, "modifiedAtUtc", image.Modified);
        Assert.Equal(Number(json, "descriptorsFree"), header.DescriptorsFree);
        Assert.Equal(Number(json, "descriptorsFree"), image.FreeDescriptors);
        Assert.Equal(Number(json, "descriptorsTotal"), image.Capacity);
        Assert.Equal(Number(json, "descriptorsOffset"), header.DescriptorsOffset);
        Assert.Equal(Number(json, "descriptorsSize"), header.DescriptorsSize);
        Assert.Equal(Number(json, "dataOffset"), header.DataOffset);
        Assert.Equal(Number(json, "dataSize"), header.DataSize);
        Assert.Equal(Number(json, "dataSize"), image.DataSize);
        var stream = new byte[SifHeader.IntegritySize];
        header.WriteIntegrityStream(stream);
        Assert.Equal(Text(json, "integritySha256"), Samples.Hash(stream));
        Assert.Null(image.ModificationFault);
        Assert.Equal(name.Contains("signed", StringComparison.Ordinal), image.IsSigned);
        Assert.False(image.IsEncrypted);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_object_is_read_as_described(string name)
    {
        using var image = OpenImage(name, out var expected);
        var descriptors = expected.GetProperty("descriptors").EnumerateArray().ToList();

        Assert.Equal(descriptors.Count, image.Objects.Count);
        foreach (var (json, found) in descriptors.Zip(image.Objects))
        {
            AssertDescriptor(json, found);
            AssertMetadata(json.GetProperty("extra"), found);
            AssertIntegrity(json, found, image);
            AssertData(json, found);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_table_is_the_one_that_siftool_prints(string name)
    {
        using var image = OpenImage(name, out var expected);

        Assert.Equal(Text(expected.GetProperty("siftool"), "list"), SiftoolTable.Render(image.Objects));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_read_writes_back_to_the_same_bytes(string name)
    {
        var path = ImagePath(name);
        var original = File.ReadAllBytes(path);
        var copy = (byte[])original.Clone();
        using var image = SifImage.Open(path, TestContext.Current.CancellationToken);
        image.Header.Write(copy);
        foreach (var found in image.Objects)
            found.Descriptor.Write(copy.AsSpan(4096 + ((int)found.Slot * SifDescriptor.Size)));

        Assert.Equal(original, copy);
    }

    [Fact]
    public void The_overlays_are_those_of_the_primary_partitions_group()
    {
        using var image = OpenImage("two-groups", out _);

        Assert.Equal(2u, image.PrimaryPartition?.Id);
        Assert.Empty(image.Overlays);
    }

    [Theory]
    [InlineData("one-group-signed-dsse", 1)]
    [InlineData("one-group-signed-pgp", 1)]
    [InlineData("one-group-signed-legacy", 1)]
    [InlineData("one-group-signed-legacy-all", 1)]
    [InlineData("one-group-signed-legacy-group", 1)]
    [InlineData("two-groups-signed-legacy", 1)]
    public void A_signed_group_takes_no_more_objects_but_another_does(string name, uint group)
    {
        var bytes = File.ReadAllBytes(ImagePath(name));
        SifNewObject Into(uint? group) => Samples.Partition(Samples.Face, SifPartitionType.Data, group: group);

        GoldenTests.Fails(ErrorIds.SifSigned, () => Samples.Add(bytes, Into(group)));
        GoldenTests.Fails(ErrorIds.SifSigned, () => Samples.Add(bytes, Into(null)));
        var changed = Samples.Add(bytes, Into(77));
        using var image = Samples.Open(changed);
        Assert.Equal(77u, image.Objects[^1].GroupId);
        changed.AsSpan(4096 + ((int)image.Objects[^1].Slot * SifDescriptor.Size), SifDescriptor.Size).Clear();
        Assert.Equal(bytes[4096..], changed[4096..bytes.Length]);
    }

    private static void AssertDescriptor(JsonElement json, SifObject found)
    {
        var raw = found.Descriptor;
        Assert.Equal(Number(json, "slot"), found.Slot);
        Assert.Equal(Number(json, "dataType"), raw.DataType);
        Assert.Equal(Number(json, "dataType"), 0x4000 + (int)found.DataType);
        Assert.Equal(Number(json, "used"), raw.Used);
        Assert.Equal(Number(json, "id"), found.Id);
        Assert.Equal(Text(json, "groupIdRaw"), $"0x{raw.GroupId:x8}");
        Assert.Equal(Number(json, "groupId"), found.GroupId ?? 0);
        Assert.Equal(Text(json, "linkedIdRaw"), $"0x{raw.LinkedId:x8}");
        Assert.Equal(Number(json, "linkedId"), found.LinkedId ?? 0);
        Assert.Equal(json.GetProperty("linkedIsGroup").GetBoolean(), found.LinkedToGroup);
        Assert.Equal(Number(json, "offset"), found.Offset);
        Assert.Equal(Number(json, "size"), found.SizeBytes);
        Assert.Equal(Number(json, "sizeWithPadding"), raw.SizeWithPadding);
        Assert.Equal($"{Number(json, "offset")}-{Number(json, "end")}", found.PositionText);
        Assert.Equal(Number(json, "createdAt"), raw.CreatedAt);
        Assert.Equal(Number(json, "modifiedAt"), raw.ModifiedAt);
        AssertTime(json, "createdAtUtc", found.Created);
        AssertTime(json, "modifiedAtUtc", found.Modified);
        Assert.Equal(Number(json, "uid"), raw.Uid);
        Assert.Equal(Number(json, "gid"), raw.Gid);
        Assert.Equal(Text(json, "name"), found.Name);
        Assert.Equal(Text(json, "name"), Encoding.UTF8.GetString(found.NameBytes));
        Assert.Equal(Text(json, "extraRawHexTrimmed"), Hex(raw.Extra.AsSpan().TrimEnd((byte)0)));
        Assert.Null(found.Fault);
    }

    private static void AssertMetadata(JsonElement extra, SifObject found)
    {
        switch (found.Metadata)
        {
            case SifPartitionMetadata partition:
                Assert.Equal(Number(extra, "fsType"), (int)partition.FileSystem);
                Assert.Equal(Number(extra, "partType"), (int)partition.PartitionType);
                Assert.Equal(Text(extra, "arch"), partition.Architecture.ToName());
                break;
            case SifSignatureMetadata signature:
                Assert.Equal(Number(extra, "hashType"), (int)signature.HashType);
                Assert.Equal(extra.GetProperty("fingerprint").GetString(), signature.Fingerprint);
                break;
            case SifMessageMetadata message:
                Assert.Equal(Number(extra, "formatType"), (int)message.Format);
                Assert.Equal(Number(extra, "messageType"), (int)message.MessageType);
                break;
            case SifDigestMetadata digest:
                Assert.Equal(Text(extra, "digest"), digest.Digest);
                break;
            default:
                Assert.Empty(extra.EnumerateObject());
                break;
        }
    }

    private static void AssertIntegrity(JsonElement json, SifObject found, SifImage image)
    {
        var smallest = image.Objects.Where(o => o.Descriptor.GroupId == found.Descriptor.GroupId).Min(o => o.Id);
        var stream = new byte[SifDescriptor.IntegritySize];
        found.Descriptor.WriteIntegrityStream(stream, found.Id - smallest);

        Assert.Equal(Number(json, "relativeId"), found.Id - smallest);
        Assert.Equal(Text(json, "integritySha256"), Samples.Hash(stream));
    }

    private static void AssertData(JsonElement json, SifObject found)
    {
        var data = ReadAll(found.OpenData());

        Assert.Equal(Text(json, "dataSha256"), Samples.Hash(data));
        Assert.Equal(Text(json, "dataHeadHex"), Hex(data.AsSpan(0, Math.Min(16, data.Length))));
    }

    private static void AssertTime(JsonElement json, string name, DateTimeOffset? time) =>
        Assert.Equal(json.GetProperty(name).GetString(),
            time?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));

    private static SifImage OpenImage(string name, out JsonElement expected)
    {
        var path = ImagePath(name);
        using var json = JsonDocument.Parse(File.ReadAllBytes(Machine.NeedShared("spec/sif-images.json")));
        expected = json.RootElement.EnumerateArray().Single(e => Text(e, "file") == name + ".sif").Clone();
        Assert.Equal(Text(expected, "sha256"), Samples.Hash(File.ReadAllBytes(path)));
        return SifImage.Open(path);
    }

    private static string ImagePath(string name) => Machine.NeedShared($"sif-images/{name}.sif");

    private static byte[] ReadAll(Window window)
    {
        var bytes = new byte[window.Length];
        window.Read(0, bytes);
        return bytes;
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private static long Number(JsonElement json, string name) => json.GetProperty(name).GetInt64();

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes).ToLowerInvariant();
}
