using System.Text.Json;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>The signed images of the reference implementation: what can be said of them without the keys that signed
/// them.</summary>
public sealed class ReferenceSignatureTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Names => ReferenceImageTests.Names;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_signature_is_found_and_covers_what_is_there(string name)
    {
        using var image = SifImage.Open(Machine.NeedShared($"sif-images/{name}.sif"), Token);
        var expected = Signatures(name).ToList();
        var found = SifVerifier.Verify(image, KeyRing.None, token: Token);

        Assert.Equal(expected.Select(e => e.Id), found.Signatures.Select(s => s.Id));
        Assert.All(found.Signatures, s => Assert.Equal(SifSignatureReason.KeyNotFound, s.Reason));
        Assert.All(found.Signatures, s => Assert.True(s.IsIntact, s.Message));
        Assert.Equal(expected.Select(e => e.Format), found.Signatures.Select(s => s.Format));
        Assert.Equal(expected.Select(e => e.Signers), found.Signatures.Select(s =>
            string.Join(' ', s.ClaimedSigners)));
    }

    [Theory]
    [InlineData("one-group-signed-dsse", 3, 1, "1 2")]
    [InlineData("one-group-signed-pgp", 3, 1, "1 2")]
    [InlineData("one-group-signed-legacy", 3, null, "2")]
    [InlineData("one-group-signed-legacy-all", 3, null, "1")]
    [InlineData("one-group-signed-legacy-all", 4, null, "2")]
    [InlineData("one-group-signed-legacy-group", 3, 1, "1 2")]
    [InlineData("two-groups-signed-legacy", 4, null, "2")]
    [InlineData("two-groups-signed-legacy-group", 4, 1, "1 2")]
    public void It_says_what_it_covers(string name, int id, int? group, string covered)
    {
        using var image = SifImage.Open(Machine.NeedShared($"sif-images/{name}.sif"), Token);
        var check = SifVerifier.Verify(image, KeyRing.None, token: Token).Signatures
            .Single(s => s.Id == id);

        Assert.Equal((uint?)group, check.GroupId);
        Assert.Equal(covered, string.Join(' ', check.CoveredIds));
    }

    [Theory]
    [InlineData("one-group-signed-dsse")]
    [InlineData("one-group-signed-pgp")]
    [InlineData("one-group-signed-legacy")]
    public void Without_the_key_the_image_is_intact_and_nobody_vouches_for_it(string name)
    {
        using var image = SifImage.Open(Machine.NeedShared($"sif-images/{name}.sif"), Token);
        foreach (var keys in new[] { KeyRing.None, KeyRing.Of(_directory, File.ReadAllText(KeyRing.Generate(_directory, "ed25519").Public)) })
        {
            var check = Assert.Single(SifVerifier.Verify(image, keys, token: Token).Signatures);
            Assert.Equal(SifSignatureReason.KeyNotFound, check.Reason);
            Assert.True(check.IsIntact);
            Assert.Empty(check.Signers);
            Assert.NotEmpty(check.ClaimedSigners);
        }
    }

    [Fact]
    public void The_time_of_an_OpenPGP_signature_is_its_own()
    {
        using var image = SifImage.Open(new RecordingWindow(KeyRing.Signed("one-group-signed-pgp")), Samples.ImagePath, Token);
        var check = Assert.Single(SifVerifier.Verify(image, KeyRing.Ours(_directory), token: Token).Signatures);

        Assert.NotNull(check.Created);
        Assert.Null(image.Find(check.Id).Created);
        Assert.Equal(OpenPgpSigner.UserId, Assert.Single(check.Signers).UserId);
    }

    [Theory]
    [InlineData("one-group-signed-dsse", 3)]
    public void Message_and_envelope_are_written_byte_for_byte(string name, int id)
    {
        using var image = SifImage.Open(Machine.NeedShared($"sif-images/{name}.sif"), Token);
        var signature = image.Find((uint)id);
        var bytes = new byte[signature.SizeBytes];
        signature.OpenData().Read(0, bytes);

        Assert.True(DsseEnvelope.IsEnvelope(bytes, out var envelope));
        Assert.Equal(bytes, envelope!.ToJson());
        Assert.Equal(envelope.Payload, SifSignedMessage.Parse(envelope.Payload, out _)!.ToJson());
    }

    private static IEnumerable<(uint Id, SifSignatureFormat Format, string Signers)> Signatures(string name)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Machine.NeedShared("spec/sif-images.json")));
        var image = json.RootElement.EnumerateArray().Single(i => i.GetProperty("file").GetString() == name + ".sif");
        foreach (var slot in image.GetProperty("descriptors").EnumerateArray())
        {
            if (!slot.TryGetProperty("extra", out var extra) || extra.ValueKind != JsonValueKind.Object
                || !extra.TryGetProperty("kind", out var kind) || kind.GetString() != "signature")
                continue;
            var format = extra.GetProperty("format").GetString() switch
            {
                "dsse" => SifSignatureFormat.Dsse,
                "pgp-clearsign" => SifSignatureFormat.OpenPgp,
                "pgp-clearsign-legacy" => SifSignatureFormat.OpenPgpLegacy,
                _ => SifSignatureFormat.Unknown,
            };
            var signers = format == SifSignatureFormat.Dsse
                ? string.Join(' ', extra.GetProperty("signatures").EnumerateArray()
                    .Select(s => s.GetProperty("keyid").GetString()))
                : extra.GetProperty("fingerprint").GetString()!;
            yield return (slot.GetProperty("id").GetUInt32(), format, signers);
        }
    }
}
