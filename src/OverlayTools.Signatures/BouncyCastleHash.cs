using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Digests;
using OverlayTools.Sif.Signatures;

namespace OverlayTools.Signatures;

/// <summary>A hash of BouncyCastle's.</summary>
internal sealed class BouncyCastleHash(IDigest digest) : StreamHash
{
    public static BouncyCastleHash? Create(string name) => name switch
    {
        "sha224" => new(new Sha224Digest()),
        "sha512_224" => new(new Sha512tDigest(224)),
        "sha512_256" => new(new Sha512tDigest(256)),
        "blake2s256" => new(new Blake2sDigest(256)),
        "blake2b256" => new(new Blake2bDigest(256)),
        _ => null,
    };

    public override void Append(ReadOnlySpan<byte> bytes) => digest.BlockUpdate(bytes);

    public override byte[] Finish()
    {
        var value = new byte[digest.GetDigestSize()];
        digest.DoFinal(value);
        return value;
    }
}
