using System.Formats.Asn1;
using System.Security.Cryptography;

namespace OverlayTools.Sif.Signatures;

/// <summary>A public key that DSSE signatures are verified with: RSA, ECDSA (P-256, P-384, P-521) or Ed25519.</summary>
internal sealed class DssePublicKey
{
    // What the reference implementation signs with is SHA-256, whatever the key; its callers may choose another.
    private static readonly HashAlgorithmName[] s_hashes =
        [HashAlgorithmName.SHA256, HashAlgorithmName.SHA384, HashAlgorithmName.SHA512];

    private readonly Func<byte[], byte[], bool> _verify;

    private DssePublicKey(string keyId, Func<byte[], byte[], bool> verify)
    {
        KeyId = keyId;
        _verify = verify;
    }

    /// <summary>The name that signatures give to the key.</summary>
    public string KeyId { get; }

    /// <summary>Reads a SubjectPublicKeyInfo.</summary>
    /// <exception cref="CryptographicException">It is damaged, or of a kind that is not used here.</exception>
    public static DssePublicKey FromSubjectPublicKeyInfo(byte[] der)
    {
        try
        {
            var (algorithm, key) = PemKeyFormats.ReadPublic(der);
            return algorithm switch
            {
                PemKeyFormats.Ed25519 when key.Length == PemKeyFormats.Ed25519Size => FromEd25519(key),
                PemKeyFormats.Rsa => FromRsa(rsa => rsa.ImportSubjectPublicKeyInfo(der, out _)),
                PemKeyFormats.Ecdsa => FromEcdsa(der),
                _ => throw new CryptographicException($"A key of the kind {algorithm} cannot be used."),
            };
        }
        catch (AsnContentException error)
        {
            throw new CryptographicException("It is no public key.", error);
        }
    }

    /// <summary>Reads an RSA key in the older form, PKCS #1.</summary>
    /// <exception cref="CryptographicException">It is damaged.</exception>
    public static DssePublicKey FromRsaPublicKey(byte[] der) =>
        FromRsa(rsa => rsa.ImportRSAPublicKey(der, out _));

    /// <summary>Whether this key made the signature.</summary>
    public bool Verify(byte[] message, byte[] signature)
    {
        try
        {
            return _verify(message, signature);
        }
        catch (CryptographicException)
        {
            return false; // Not even the form of a signature.
        }
    }

    private static DssePublicKey FromEd25519(byte[] key) => new(
        SshKeyId.OfEd25519(key),
        (message, signature) => SignatureLibrary.Instance.VerifyEd25519(key, message, signature));

    private static DssePublicKey FromRsa(Action<RSA> import)
    {
        using var rsa = RSA.Create();
        import(rsa);
        var parameters = rsa.ExportParameters(includePrivateParameters: false);
        return new DssePublicKey(SshKeyId.Of(rsa), (message, signature) =>
        {
            using var key = RSA.Create(parameters);
            return s_hashes.Any(hash => key.VerifyData(message, signature, hash, RSASignaturePadding.Pkcs1));
        });
    }

    private static DssePublicKey FromEcdsa(byte[] der)
    {
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportSubjectPublicKeyInfo(der, out _);
        var curve = PemKeyFormats.CurveName(ecdsa)
            ?? throw new CryptographicException("Of the elliptic curves, P-256, P-384 and P-521 can be used.");
        return new DssePublicKey(SshKeyId.Of(ecdsa, curve), (message, signature) =>
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(der, out _);
            return s_hashes.Any(hash =>
                key.VerifyData(message, signature, hash, DSASignatureFormat.Rfc3279DerSequence));
        });
    }
}
