using System.Globalization;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>Which keys and signatures count: made by gpg, and judged as it would judge them.</summary>
public sealed class OpenPgpKeyTests : IDisposable
{
    private const string Year2020 = "20200101T000000";
    private const string June2020 = "20200601T000000";

    private readonly TemporaryDirectory _directory = new();

    public OpenPgpKeyTests() => Home = _directory["h"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Image => _directory["image.sif"];

    // A home of gpg's: short, since the name of a socket in it has to fit 108 bytes.
    private string Home { get; set; }

    public void Dispose()
    {
        // The agents that gpg started.
        foreach (var home in new[] { _directory["h"], _directory["i"] }.Where(Directory.Exists))
            Machine.Run("gpgconf", "--homedir", home, "--kill", "all");
        _directory.Dispose();
    }

    [Theory]
    [InlineData("rsa2048", "SHA256")]
    [InlineData("rsa2048", "SHA224")]
    [InlineData("ed25519", "SHA512")]
    [InlineData("nistp256", "SHA256")]
    [InlineData("brainpoolP256r1", "SHA384")]
    [InlineData("dsa2048", "SHA256")]
    public void Every_kind_of_key_of_version_4_verifies(string algorithm, string hash)
    {
        MakeKey(algorithm);
        MakeSigned("--digest-algo", hash);

        var check = Verify();
        Assert.True(check.IsValid, check.Message);
        Assert.Equal("Ana <ana@example.org>", Assert.Single(check.Signers).UserId);
    }

    [Fact]
    public void A_subkey_signs_for_its_primary_key()
    {
        MakeKey("ed25519", usage: "cert");
        var fingerprint = Fingerprint();
        Gpg("--quick-add-key", fingerprint, "ed25519", "sign", "never");
        MakeSigned();

        var check = Verify();
        Assert.True(check.IsValid, check.Message);
        Assert.Equal(fingerprint, Assert.Single(check.Signers).KeyId);
    }

    [Fact]
    public void A_subkey_that_the_primary_key_does_not_vouch_for_does_not_count()
    {
        // The other key's subkey, with its own binding, hung onto this key.
        MakeKey("ed25519", usage: "cert");
        Gpg("--quick-add-key", Fingerprint(), "ed25519", "sign", "never");
        MakeSigned();
        var good = Export();
        var packets = OpenPgpPacket.Split(good)!;
        var subkey = good[packets.First(p => p.Tag == 14).Start..];
        Home = _directory["i"];
        MakeKey("ed25519");
        File.WriteAllBytes(_directory["key"], [.. Export(), .. subkey]);

        Assert.Equal(SifSignatureReason.KeyNotFound, Verify(_directory["key"]).Reason);
        File.WriteAllBytes(_directory["key"], good);
        Assert.True(Verify(_directory["key"]).IsValid);
    }

    [Fact]
    public void A_revoked_key_does_not_count()
    {
        MakeKey("ed25519");
        MakeSigned();
        Assert.True(Verify().IsValid);
        var revocation = Path.Combine(Home, "openpgp-revocs.d", Fingerprint() + ".rev");
        File.WriteAllText(revocation, File.ReadAllText(revocation).Replace(":-----", "-----", StringComparison.Ordinal));
        Gpg("--import", revocation);

        var check = Verify();
        Assert.Equal(SifSignatureReason.KeyRevoked, check.Reason);
        Assert.True(check.IsIntact);
    }

    [Fact]
    public void A_key_that_has_expired_does_not_count()
    {
        MakeKey("ed25519", expires: "1y", at: Year2020);
        MakeSigned("--faked-system-time", June2020);

        Assert.Equal(SifSignatureReason.KeyExpired, Verify().Reason);
    }

    [Fact]
    public void A_signature_that_has_expired_does_not_count()
    {
        MakeKey("ed25519", at: Year2020);
        MakeSigned("--faked-system-time", June2020, "--default-sig-expire", "1y");

        Assert.Equal(SifSignatureReason.SignatureExpired, Verify().Reason);
    }

    [Fact]
    public void A_hash_that_is_not_trusted_any_more_is_refused()
    {
        MakeKey("rsa2048");
        MakeSigned("--digest-algo", "SHA1", "--allow-weak-digest-algos");

        Assert.Equal(SifSignatureReason.HashUnknown, Verify().Reason);
    }

    [Fact]
    public void One_damaged_key_in_a_ring_does_not_spoil_the_others()
    {
        MakeKey("rsa2048");
        MakeSigned();
        var good = Export();
        var bad = good.ToArray();
        bad[100] ^= 1;
        File.WriteAllBytes(_directory["ring"], [.. bad, .. good, .. good.AsSpan(0, OpenPgpPacket.Split(good)![0].End)]);

        Assert.True(Verify(_directory["ring"]).IsValid);
        File.WriteAllBytes(_directory["bad"], bad);
        var keys = new SifVerificationKeys();
        Assert.Equal(ErrorIds.KeyInvalid, Assert.Throws<EngineException>(() => keys.AddFile(_directory["bad"])).ErrorId);
    }

    [Fact]
    public void Keys_are_read_armored_too_and_several_from_one_file()
    {
        MakeKey("ed25519");
        MakeSigned();
        var pair = KeyRing.Generate(_directory, "ed25519", "another");
        using var another = SifSigningKey.Load(pair.Private);
        File.WriteAllText(_directory["keys"],
            "Some words.\n" + OpenPgpSigner.PublicKey + "\n" + Gpg("--armor", "--export") + File.ReadAllText(pair.Public));

        Assert.True(Verify(_directory["keys"]).IsValid);
        var keys = new SifVerificationKeys();
        keys.AddFile(_directory["keys"]);
        Assert.Equal([another.KeyId, OpenPgpSigner.Fingerprint, Fingerprint()], keys.KeyIds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("hello")]
    [InlineData("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")]
    [InlineData("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    public void A_file_without_a_public_key_is_refused(string content)
    {
        File.WriteAllText(_directory["key"], content);
        var keys = new SifVerificationKeys();

        Assert.Equal(ErrorIds.KeyInvalid, Assert.Throws<EngineException>(() => keys.AddFile(_directory["key"])).ErrorId);
        if (content.Length > 0)
            Assert.Throws<EngineException>(() => keys.AddKeyring(_directory["key"]));
        else
            keys.AddKeyring(_directory["key"]);
        Assert.Empty(keys.KeyIds);
    }

    private void MakeKey(string algorithm, string usage = "sign", string expires = "never", string? at = null)
    {
        Directory.CreateDirectory(Home, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Gpg([.. at is null ? Array.Empty<string>() : ["--faked-system-time", at],
            "--quick-generate-key", "Ana <ana@example.org>", algorithm, usage, expires]);
    }

    // What Apptainer would sign, signed by gpg.
    private void MakeSigned(params string[] options)
    {
        Machine.NeedTool("openssl");
        MakeImage();
        using (var key = SifSigningKey.Load(KeyRing.Generate(_directory, "ed25519").Private))
            SifSigning.Sign(Image, key, token: Token);
        DsseEnvelope? envelope;
        using (var signed = SifImage.Open(Image, Token))
        {
            var bytes = new byte[signed.Objects[^1].SizeBytes];
            signed.Objects[^1].OpenData().Read(0, bytes);
            Assert.True(DsseEnvelope.IsEnvelope(bytes, out envelope));
        }

        File.WriteAllBytes(_directory["message"], envelope!.Payload);
        Gpg([.. options, "--yes", "--output", _directory["clear"], "--clearsign", _directory["message"]]);
        MakeImage();
        SifEditor.Add(Image, new SifNewObject
        {
            DataType = SifDataType.Signature,
            Content = SifContent.FromBytes(File.ReadAllBytes(_directory["clear"])),
            GroupId = null,
            LinkedId = 1,
            LinkedToGroup = true,
            Metadata = new SifSignatureMetadata(SifHashType.Sha256, Fingerprint()),
        }, token: Token);
    }

    private void MakeImage() => SifWriter.Create(Image, Samples.Deterministic,
        [Samples.Generic(Samples.Face), Samples.Primary(new byte[5000])], force: true, token: Token);

    private SifSignatureCheck Verify(string? keyFile = null)
    {
        if (keyFile is null)
            File.WriteAllBytes(keyFile = _directory["exported"], Export());
        var keys = new SifVerificationKeys();
        keys.AddFile(keyFile);
        using var image = SifImage.Open(Image, Token);
        return Assert.Single(SifVerifier.Verify(image, keys, token: Token).Signatures);
    }

    private byte[] Export()
    {
        Gpg("--yes", "--output", _directory["binary"], "--export");
        return File.ReadAllBytes(_directory["binary"]);
    }

    private string Fingerprint() => Gpg("--with-colons", "--list-keys").Split('\n')
        .First(line => line.StartsWith("fpr:", StringComparison.Ordinal)).Split(':')[9]
        .ToUpper(CultureInfo.InvariantCulture);

    private string Gpg(params string[] arguments)
    {
        Machine.NeedTool("gpg");
        var (exitCode, output, error) = Machine.Run("gpg",
            ["--homedir", Home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", .. arguments]);
        Assert.True(exitCode == 0, error);
        return output;
    }
}
