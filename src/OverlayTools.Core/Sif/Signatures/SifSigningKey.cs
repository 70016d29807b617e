using System.Formats.Asn1;
using System.Security.Cryptography;

namespace OverlayTools.Sif.Signatures;

/// <summary>
/// A private key to sign images with, from a PEM file: RSA, ECDSA (P-256, P-384, P-521) or Ed25519.
/// </summary>
public sealed class SifSigningKey : IDisposable
{
    private const int LargestFile = 1 << 20;

    private readonly IDisposable? _key;
    private readonly Func<byte[], byte[]> _sign;

    private SifSigningKey(string keyId, Func<byte[], byte[]> sign, IDisposable? key)
    {
        KeyId = keyId;
        _sign = sign;
        _key = key;
    }

    /// <summary>What the signature will call the key: <c>SHA256:</c> and the hash of the public key.</summary>
    public string KeyId { get; }

    /// <summary>Reads the first private key in a file.</summary>
    /// <param name="path">A PEM file: PKCS #8, encrypted or not, or the older forms for RSA and ECDSA.</param>
    /// <param name="passphrase">What an encrypted key opens with; it is not kept.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.KeyInvalid"/>,
    /// <see cref="ErrorIds.KeyPassphraseRequired"/> or <see cref="ErrorIds.KeyPassphraseWrong"/>.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SifSigningKey Load(string path, ReadOnlySpan<char> passphrase = default)
    {
        var text = System.Text.Encoding.Latin1.GetString(KeyFile.Read(path, LargestFile));
        try
        {
            foreach (var (label, der) in KeyFile.PemBlocks(text))
            {
                var key = label == "ENCRYPTED PRIVATE KEY" ? FromEncrypted(path, der, passphrase) : FromPem(label, der);
                if (key is not null)
                    return key;
            }
        }
        catch (Exception error) when (error is CryptographicException or AsnContentException)
        {
            throw KeyFile.Invalid(path, $"holds a private key that cannot be used: {error.Message}",
                "Make one with: openssl genpkey -algorithm ed25519 -out KEY.");
        }

        // The form of OpenSSL before 1.0, whose encryption hashes a passphrase once with MD5.
        if (text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal))
            throw KeyFile.Invalid(path, "holds a private key that is encrypted in the old form",
                "Write it in the form of today: openssl pkcs8 -topk8 -in KEY -out NEW.");
        throw KeyFile.Invalid(path, "holds no private key in PEM form",
            "Make one with: openssl genpkey -algorithm ed25519 -out KEY.");
    }

    /// <inheritdoc/>
    public void Dispose() => _key?.Dispose();

    internal byte[] Sign(byte[] message) => _sign(message);

    private static SifSigningKey? FromEncrypted(string path, byte[] der, ReadOnlySpan<char> passphrase)
    {
        if (passphrase.IsEmpty)
            throw new EngineException(ErrorIds.KeyPassphraseRequired, $"'{path}' holds an encrypted private key.",
                "Give its passphrase: -Passphrase (Read-Host -AsSecureString).", path);
        if (SignatureLibrary.Instance.DecryptPrivateKey(der, passphrase) is not { } plain)
            throw new EngineException(ErrorIds.KeyPassphraseWrong,
                $"The passphrase does not open the private key in '{path}'.", "Check the passphrase.", path);
        try
        {
            return FromPem("PRIVATE KEY", plain);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private static SifSigningKey? FromPem(string label, byte[] der)
    {
        switch (label)
        {
            case "RSA PRIVATE KEY":
                return FromRsa(rsa => rsa.ImportRSAPrivateKey(der, out _));
            case "EC PRIVATE KEY":
                return FromEcdsa(ecdsa => ecdsa.ImportECPrivateKey(der, out _));
            case "PRIVATE KEY":
                var (algorithm, key) = PemKeyFormats.ReadPrivate(der);
                return algorithm switch
                {
                    PemKeyFormats.Ed25519 => FromEd25519(PemKeyFormats.ReadSeed(key)),
                    PemKeyFormats.Rsa => FromRsa(rsa => rsa.ImportPkcs8PrivateKey(der, out _)),
                    PemKeyFormats.Ecdsa => FromEcdsa(ecdsa => ecdsa.ImportPkcs8PrivateKey(der, out _)),
                    _ => throw new CryptographicException($"Keys of the kind {algorithm} are not for signing images."),
                };
            default:
                return null;
        }
    }

    private static SifSigningKey FromEd25519(byte[] seed)
    {
        if (seed.Length != PemKeyFormats.Ed25519Size)
            throw new CryptographicException("An Ed25519 key has 32 bytes.");
        var library = SignatureLibrary.Instance;
        return new SifSigningKey(SshKeyId.OfEd25519(library.GetEd25519PublicKey(seed)),
            message => library.SignEd25519(seed, message), null);
    }

    // Apptainer verifies with SHA-256, whatever the key.
    private static SifSigningKey FromRsa(Action<RSA> import)
    {
        var rsa = RSA.Create();
        import(rsa);
        return new SifSigningKey(SshKeyId.Of(rsa),
            message => rsa.SignData(message, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1), rsa);
    }

    private static SifSigningKey FromEcdsa(Action<ECDsa> import)
    {
        var ecdsa = ECDsa.Create();
        import(ecdsa);
        var curve = PemKeyFormats.CurveName(ecdsa)
            ?? throw new CryptographicException("Of the elliptic curves, P-256, P-384 and P-521 can be used.");
        return new SifSigningKey(SshKeyId.Of(ecdsa, curve),
            message => ecdsa.SignData(message, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence),
            ecdsa);
    }
}
