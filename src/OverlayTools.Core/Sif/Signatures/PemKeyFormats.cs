using System.Formats.Asn1;
using System.Security.Cryptography;

namespace OverlayTools.Sif.Signatures;

/// <summary>The kinds of keys that DSSE signatures are made with, and how files write them.</summary>
internal static class PemKeyFormats
{
    public const string Rsa = "1.2.840.113549.1.1.1";
    public const string Ecdsa = "1.2.840.10045.2.1";
    public const string Ed25519 = "1.3.101.112";
    public const int Ed25519Size = 32;

    // The ones that signers of images use, by their names in SSH.
    private static readonly Dictionary<string, string> s_curves = new(StringComparer.Ordinal)
    {
        ["1.2.840.10045.3.1.7"] = "nistp256",
        ["1.3.132.0.34"] = "nistp384",
        ["1.3.132.0.35"] = "nistp521",
    };

    /// <summary>Algorithm and key bits of a SubjectPublicKeyInfo (RFC 5280).</summary>
    /// <exception cref="AsnContentException">It is none.</exception>
    public static (string Algorithm, byte[] Key) ReadPublic(byte[] der)
    {
        var info = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
        var algorithm = info.ReadSequence().ReadObjectIdentifier();
        return (algorithm, info.ReadBitString(out _));
    }

    /// <summary>Algorithm and key of a PrivateKeyInfo (PKCS #8, RFC 5958).</summary>
    /// <exception cref="AsnContentException">It is none.</exception>
    public static (string Algorithm, byte[] Key) ReadPrivate(byte[] der)
    {
        var info = new AsnReader(der, AsnEncodingRules.BER).ReadSequence();
        info.ReadInteger();
        var algorithm = info.ReadSequence().ReadObjectIdentifier();
        return (algorithm, info.ReadOctetString());
    }

    /// <summary>The 32 bytes of an Ed25519 private key, which PKCS #8 wraps once more (RFC 8410).</summary>
    public static byte[] ReadSeed(byte[] key) => new AsnReader(key, AsnEncodingRules.DER).ReadOctetString();

    /// <summary>The name of a curve in SSH; null for one that is not used here.</summary>
    public static string? CurveName(ECDsa key) =>
        key.ExportParameters(includePrivateParameters: false).Curve.Oid?.Value is { } curve
            ? s_curves.GetValueOrDefault(curve)
            : null;
}
