using System.Text;
using OverlayTools.Sif;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Choosing objects by what they say of themselves (specification, R05 to R22, R25 to R33).</summary>
public sealed class SelectionTests
{
    // A partition in group 1, a signature of it in group 1, one in no group of group 1, and a free slot.
    private static readonly byte[] s_image = Delete(Create(Deterministic, Primary(Face), SignatureOf(1, false, 1),
        SignatureOf(1), Generic(Face), new() { DataType = SifDataType.OciBlob, Content = SifContent.FromBytes(ReadOnlyMemory<byte>.Empty) }), 3);

    [Fact]
    public void Types_groups_and_links_are_those_stored() // R05-R09, R11, R13, R19-R22
    {
        using var image = Open(s_image);
        uint[] Where(Func<SifObject, bool> wanted) => [.. image.Objects.Where(wanted).Select(o => o.Id)];

        Assert.Equal([1u], Where(o => o.DataType == SifDataType.Partition));
        Assert.Equal([2u, 3u], Where(o => o.DataType == SifDataType.Signature));
        Assert.Equal([2u], Where(o => o.DataType == SifDataType.Signature && o.GroupId == 1));
        Assert.Equal([3u], Where(o => o.GroupId is null));
        Assert.Equal([1u, 2u, 5u], Where(o => o.GroupId == 1));
        Assert.Equal([2u], Where(o => o.LinkedId == 1 && !o.LinkedToGroup));
        Assert.Equal([3u], Where(o => o.LinkedId == 1 && o.LinkedToGroup));
        Assert.Equal(1u, image.PrimaryPartition?.Id);
        Assert.Equal([5u], Where(o => o.Metadata is SifDigestMetadata
        {
            Digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        }));
        Assert.Equal([0L, 1L, 2L, 4L], image.Objects.Select(o => o.Slot));
    }

    [Fact]
    public void An_object_is_found_by_its_id() // R15-R18
    {
        using var image = Open(s_image);

        Assert.Equal(SifDataType.Partition, image.Find(1).DataType);
        GoldenTests.Fails(ErrorIds.SifDescriptorNotFound, () => image.Find(0));
        GoldenTests.Fails(ErrorIds.SifDescriptorNotFound, () => image.Find(4));
    }

    [Fact]
    public void Metadata_is_what_was_given_and_only_of_its_type() // R26-R31
    {
        SifMetadata[] all =
        [
            new SifPartitionMetadata(SifFileSystem.Squashfs, SifPartitionType.PrimarySystem, SifArchitecture.I386),
            new SifSignatureMetadata(SifHashType.Sha384, "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84"),
            new SifSignatureMetadata(SifHashType.Sha256, null),
            new SifMessageMetadata(SifMessageFormat.OpenPgp, SifMessageType.ClearSignature),
            new SifSbomMetadata(SifSbomFormat.CycloneDxJson),
        ];
        SifDataType[] types =
        [
            SifDataType.Partition, SifDataType.Signature, SifDataType.Signature, SifDataType.CryptographicMessage,
            SifDataType.Sbom,
        ];
        using var image = Open(Create(Deterministic, [.. types.Zip(all).Select(pair => new SifNewObject
        {
            DataType = pair.First,
            Content = SifContent.FromBytes(Face),
            Metadata = pair.Second,
        })]));
        Assert.Equal(all, image.Objects.Select(o => o.Metadata));

        var custom = "{\"Value\":100}"u8.ToArray();
        using var generic = Open(Create(Deterministic, new SifNewObject
        {
            DataType = SifDataType.Generic,
            Content = SifContent.FromBytes(Face),
            Metadata = new SifCustomMetadata(custom),
        }));
        Assert.Null(generic.Objects[0].Metadata);
        Assert.Equal(custom, generic.Objects[0].Descriptor.Extra[..custom.Length]);
    }

    [Theory]
    [InlineData("386", "01")]
    [InlineData("arm64", "04")]
    [InlineData("cray", "00")]
    public void An_architecture_has_a_code(string name, string code) // R32, R33
    {
        SifArchitectures.TryParse(name, out var architecture);
        var bytes = new byte[3];
        architecture.WriteCode(bytes);

        Assert.Equal(code + "\0", Encoding.ASCII.GetString(bytes));
        Assert.Equal(code == "00" ? "unknown" : name, SifArchitectures.FromCode(bytes).ToName());
    }
}
