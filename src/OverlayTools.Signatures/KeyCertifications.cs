using Org.BouncyCastle.Bcpg;
using Org.BouncyCastle.Bcpg.OpenPgp;

namespace OverlayTools.Signatures;

/// <summary>What a primary key says about itself, its user ids and its subkeys: only signatures that verify
/// count.</summary>
internal sealed class KeyCertifications
{
    private const int MaySignFlag = 0x02;

    private readonly PgpPublicKey _primary;

    public KeyCertifications(PgpPublicKey primary)
    {
        _primary = primary;
        var named = primary.GetUserIds()
            .Select(userId => (UserId: userId, Self: SelfCertification(userId)))
            .Where(one => one.Self is not null).ToList();
        UserId = named.Select(one => one.UserId).FirstOrDefault();
        Self = named.Select(one => one.Self)
            .Append(Newest(Own(PgpSignature.DirectKey).Where(s => s.VerifyCertification(primary))))
            .MaxBy(s => s?.CreationTime);
        IsRevoked = Own(PgpSignature.KeyRevocation).Any(s => s.VerifyCertification(primary));
    }

    /// <summary>The first user id that the key vouches for.</summary>
    public string? UserId { get; }

    /// <summary>The newest signature by which the key vouches for itself; null without one.</summary>
    public PgpSignature? Self { get; }

    /// <summary>Whether the owner took the key back.</summary>
    public bool IsRevoked { get; }

    /// <summary>When the key expires; null for never.</summary>
    public DateTime? Expires => Expiration(_primary, Self);

    /// <summary>Whether the primary key itself may sign. A key that does not say may.</summary>
    public bool MaySign => Flags(Self) is var flags && (flags == 0 || (flags & MaySignFlag) != 0);

    /// <summary>A subkey that may sign; null for one that may not, or that is not bound to the primary key in both
    /// directions: otherwise anybody could hang somebody else's key onto theirs.</summary>
    public SigningPart? CheckSubkey(PgpPublicKey subkey)
    {
        var binding = Newest(subkey.GetSignaturesOfType(PgpSignature.SubkeyBinding)
            .Where(IsOwn).Where(s => s.VerifyCertification(_primary, subkey)));
        if (binding is null || (Flags(binding) & MaySignFlag) == 0 || !IsBoundBack(binding, subkey))
            return null;
        var revoked = IsRevoked || subkey.GetSignaturesOfType(PgpSignature.SubkeyRevocation)
            .Where(IsOwn).Any(s => s.VerifyCertification(_primary, subkey));
        DateTime?[] ends = [Expires, Expiration(subkey, binding)];
        return new SigningPart(subkey, revoked, ends.Min());
    }

    private static DateTime? Expiration(PgpPublicKey key, PgpSignature? self)
    {
        var seconds = self?.GetHashedSubPackets()?.GetKeyExpirationTime() ?? 0;
        return seconds > 0 ? key.CreationTime.AddSeconds(seconds) : null;
    }

    private static int Flags(PgpSignature? signature) => signature?.GetHashedSubPackets()?.GetKeyFlags() ?? 0;

    private static PgpSignature? Newest(IEnumerable<PgpSignature> signatures) => signatures.MaxBy(s => s.CreationTime);

    private bool IsBoundBack(PgpSignature binding, PgpPublicKey subkey)
    {
        foreach (var vector in new[] { binding.GetHashedSubPackets(), binding.GetUnhashedSubPackets() })
        {
            if (vector is null || vector.GetSubpacket(SignatureSubpacketTag.EmbeddedSignature) is null)
                continue;
            var embedded = vector.GetEmbeddedSignatures();
            for (var i = 0; i < embedded.Count; i++)
            {
                var back = embedded[i];
                if (back.SignatureType != PgpSignature.PrimaryKeyBinding || back.KeyId != subkey.KeyId)
                    continue;
                back.InitVerify(subkey);
                if (back.VerifyCertification(_primary, subkey))
                    return true;
            }
        }

        return false;
    }

    private PgpSignature? SelfCertification(string userId)
    {
        var own = _primary.GetSignaturesForId(userId).Where(IsOwn)
            .Where(s => s.VerifyCertification(userId, _primary)).ToList();
        var newest = Newest(own);
        return newest?.SignatureType == PgpSignature.CertificationRevocation ? null : newest;
    }

    private IEnumerable<PgpSignature> Own(int type) => _primary.GetSignaturesOfType(type).Where(IsOwn);

    // Ready to be verified with the primary key.
    private bool IsOwn(PgpSignature signature)
    {
        if (signature.KeyId != _primary.KeyId)
            return false;
        signature.InitVerify(_primary);
        return true;
    }
}
