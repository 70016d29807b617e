using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using OverlayTools.Sif.Signatures;

namespace OverlayTools.Signatures;

/// <summary>The cryptography that .NET lacks, by BouncyCastle.</summary>
internal sealed class BouncyCastleLibrary : ISignatureLibrary
{
    public StreamHash? CreateHash(string name) => BouncyCastleHash.Create(name);

    public bool VerifyEd25519(byte[] publicKey, byte[] message, byte[] signature)
    {
        var signer = new Ed25519Signer();
        signer.Init(forSigning: false, new Ed25519PublicKeyParameters(publicKey));
        signer.BlockUpdate(message, 0, message.Length);
        return signer.VerifySignature(signature);
    }

    public byte[] SignEd25519(byte[] seed, byte[] message)
    {
        var signer = new Ed25519Signer();
        signer.Init(forSigning: true, new Ed25519PrivateKeyParameters(seed));
        signer.BlockUpdate(message, 0, message.Length);
        return signer.GenerateSignature();
    }

    public byte[] GetEd25519PublicKey(byte[] seed) =>
        new Ed25519PrivateKeyParameters(seed).GeneratePublicKey().GetEncoded();

    public byte[]? DecryptPrivateKey(byte[] encrypted, ReadOnlySpan<char> passphrase) =>
        EncryptedPrivateKey.Decrypt(encrypted, passphrase);

    public OpenPgpKey? ReadOpenPgpKey(byte[] packets) => BouncyCastleKey.Read(packets);
}
