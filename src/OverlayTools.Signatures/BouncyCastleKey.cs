using Org.BouncyCastle.Bcpg;
using Org.BouncyCastle.Bcpg.OpenPgp;
using OverlayTools.Sif.Signatures;

namespace OverlayTools.Signatures;

/// <summary>
/// A key ring entry that was checked: only what the primary key vouches for counts, and only parts that may sign
/// (RFC 9580, 10.1).
/// </summary>
internal sealed class BouncyCastleKey : OpenPgpKey
{
    private const int Version4 = 4;

    private readonly List<SigningPart> _parts;

    private BouncyCastleKey(PgpPublicKey primary, string? userId, List<SigningPart> parts)
    {
        Fingerprint = Convert.ToHexString(primary.GetFingerprint());
        UserId = userId;
        _parts = parts;
    }

    public override string Fingerprint { get; }

    public override string? UserId { get; }

    /// <summary>Reads a key; null when it cannot be used.</summary>
    public static BouncyCastleKey? Read(byte[] packets)
    {
        try
        {
            var ring = new PgpPublicKeyRing(packets);
            var primary = ring.GetPublicKey();
            if (primary.Version != Version4)
                return null;
            var certifications = new KeyCertifications(primary);
            if (certifications.Self is null)
                return null;

            List<SigningPart> parts = [];
            if (certifications.MaySign)
                parts.Add(new SigningPart(primary, certifications.IsRevoked, certifications.Expires));
            parts.AddRange(ring.GetPublicKeys().Where(key => !key.IsMasterKey && key.Version == Version4)
                .Select(certifications.CheckSubkey).OfType<SigningPart>());
            return new BouncyCastleKey(primary, certifications.UserId, parts);
        }
        catch (Exception error) when (IsAboutTheBytes(error))
        {
            return null;
        }
    }

    public override OpenPgpVerdict? Verify(byte[] packet, byte[] text)
    {
        PgpSignature signature;
        try
        {
            signature = ReadSignature(packet);
        }
        catch (Exception error) when (IsAboutTheBytes(error))
        {
            return new OpenPgpVerdict(SifSignatureReason.MalformedMessage, null);
        }

        if (_parts.FirstOrDefault(part => part.Key.KeyId == signature.KeyId) is not { } made)
            return null;
        try
        {
            return new OpenPgpVerdict(Check(signature, made, text), Utc(signature.CreationTime));
        }
        catch (Exception error) when (IsAboutTheBytes(error))
        {
            return new OpenPgpVerdict(SifSignatureReason.SignatureInvalid, null);
        }
    }

    /// <summary>Whether the library fails so because of what it was given: it has no exception of its own for that, and
    /// arithmetic on hostile numbers throws what it will.</summary>
    internal static bool IsAboutTheBytes(Exception error) => error is not OutOfMemoryException;

    private static DateTimeOffset Utc(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc));

    private static PgpSignature ReadSignature(byte[] packet)
    {
        var list = (PgpSignatureList)new PgpObjectFactory(packet).NextPgpObject();
        return list[0];
    }

    private static SifSignatureReason? Check(PgpSignature signature, SigningPart made, byte[] text)
    {
        // Those that the reference implementation takes.
        if (signature.HashAlgorithm is not (HashAlgorithmTag.Sha224 or HashAlgorithmTag.Sha256
            or HashAlgorithmTag.Sha384 or HashAlgorithmTag.Sha512))
            return SifSignatureReason.HashUnknown;
        if (signature.SignatureType is not (PgpSignature.CanonicalTextDocument or PgpSignature.BinaryDocument))
            return SifSignatureReason.SignatureInvalid;

        signature.InitVerify(made.Key);
        signature.Update(text);
        if (!signature.Verify())
            return SifSignatureReason.SignatureInvalid;
        if (made.IsRevoked)
            return SifSignatureReason.KeyRevoked;
        if (made.Expires < DateTime.UtcNow)
            return SifSignatureReason.KeyExpired;
        var seconds = signature.GetHashedSubPackets()?.GetSignatureExpirationTime() ?? 0;
        return seconds > 0 && signature.CreationTime.AddSeconds(seconds) < DateTime.UtcNow
            ? SifSignatureReason.SignatureExpired
            : null;
    }
}

/// <summary>A primary key or subkey that may sign.</summary>
/// <param name="Key">The key.</param>
/// <param name="IsRevoked">Whether its owner took it back.</param>
/// <param name="Expires">When it expires, in universal time; null for never.</param>
internal sealed record SigningPart(PgpPublicKey Key, bool IsRevoked, DateTime? Expires);
