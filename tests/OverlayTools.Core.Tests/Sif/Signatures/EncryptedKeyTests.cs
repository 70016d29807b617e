using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>Private keys that openssl encrypted.</summary>
public sealed class EncryptedKeyTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public static MatrixTheoryData<string, string> Ciphers => new(
        KeyRing.Kinds[..3],
        [
            "-v2 aes-256-cbc", "-v2 aes-128-cbc -v2prf hmacWithSHA512", "-v2 des3 -v2prf hmacWithSHA1",
            "-v1 PBE-SHA1-3DES", "-v2 aes-256-cbc -iter 100000",
        ]);

    private string Encrypted => _directory["encrypted.pem"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Ciphers))]
    public void A_key_that_openssl_encrypted_opens_with_its_passphrase_and_no_other(string kind, string cipher)
    {
        var pair = KeyRing.Generate(_directory, kind);
        Encrypt(pair.Private, "correct horse", cipher);
        using var plain = SifSigningKey.Load(pair.Private);

        using var key = SifSigningKey.Load(Encrypted, "correct horse");

        Assert.Equal(plain.KeyId, key.KeyId);
        Fails(ErrorIds.KeyPassphraseWrong, () => SifSigningKey.Load(Encrypted, "correct horses"));
        Fails(ErrorIds.KeyPassphraseRequired, () => SifSigningKey.Load(Encrypted));
    }

    [Theory]
    [InlineData("grün ☃ 𝄞")]
    [InlineData(" ")]
    public void A_passphrase_is_what_is_typed(string passphrase)
    {
        var pair = KeyRing.Generate(_directory, "ed25519");
        Encrypt(pair.Private, passphrase, "-v2 aes-256-cbc");
        using var plain = SifSigningKey.Load(pair.Private);
        using var key = SifSigningKey.Load(Encrypted, passphrase);

        Assert.Equal(plain.KeyId, key.KeyId);
    }

    [Fact]
    public void No_wrong_passphrase_is_taken_for_damage()
    {
        // One in 256 leaves something that looks decrypted.
        Encrypt(KeyRing.Generate(_directory, "ed25519").Private, "right", "-v2 aes-256-cbc");
        for (var i = 0; i < 600; i++)
            Fails(ErrorIds.KeyPassphraseWrong, () => SifSigningKey.Load(Encrypted, $"wrong {i}"));
    }

    [Fact]
    public void A_key_that_asks_for_days_of_hashing_is_refused()
    {
        Encrypt(KeyRing.Generate(_directory, "ed25519").Private, "right", "-v2 aes-256-cbc -iter 70000");
        var text = File.ReadAllText(Encrypted).Split('\n');
        var der = Convert.FromBase64String(string.Concat(text[1..^2]));
        // An INTEGER of three bytes, 70000; now it is 8,392,048 - and with the sign bit, negative.
        var count = der.AsSpan().IndexOf((ReadOnlySpan<byte>)[2, 3, 0x01, 0x11, 0x70]);
        Assert.True(count > 0);
        der[count + 2] = 0x81;
        File.WriteAllText(Encrypted, $"{text[0]}\n{Convert.ToBase64String(der)}\n{text[^2]}\n");
        Fails(ErrorIds.KeyInvalid, () => SifSigningKey.Load(Encrypted, "right"), "rounds of hashing");
    }

    [Fact]
    public void A_key_in_the_old_encrypted_form_is_refused_by_name()
    {
        var pair = KeyRing.Generate(_directory, "rsa -pkeyopt rsa_keygen_bits:2048");
        KeyRing.OpenSsl("rsa", "-in", pair.Private, "-traditional", "-aes256", "-passout", "pass:x", "-out", Encrypted);

        Fails(ErrorIds.KeyInvalid, () => SifSigningKey.Load(Encrypted, "x"), "old form");
    }

    [Theory]
    [InlineData("-scrypt")]
    public void Another_way_of_encrypting_is_refused_by_name(string cipher)
    {
        Encrypt(KeyRing.Generate(_directory, "ed25519").Private, "x", cipher);

        Fails(ErrorIds.KeyInvalid, () => SifSigningKey.Load(Encrypted, "x"), "a way that is not known");
    }

    private void Encrypt(string key, string passphrase, string cipher) => KeyRing.OpenSsl(
        ["pkcs8", "-topk8", "-in", key, .. cipher.Split(' '), "-passout", $"pass:{passphrase}", "-out", Encrypted]);

    private static void Fails(string id, Action load, string message = "")
    {
        var failure = Assert.Throws<EngineException>(load);
        Assert.Equal(id, failure.ErrorId);
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }
}
