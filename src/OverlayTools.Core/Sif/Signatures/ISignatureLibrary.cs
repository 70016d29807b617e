namespace OverlayTools.Sif.Signatures;

/// <summary>
/// What .NET has no cryptography for. A library that ships with the module implements it; the engine meets it only
/// through this interface, see <see cref="SignatureLibrary"/>.
/// </summary>
internal interface ISignatureLibrary
{
    /// <summary>A hash that .NET lacks, by the name that a digest carries; null when this one lacks it too.</summary>
    public StreamHash? CreateHash(string name);

    /// <summary>Whether the signature fits.</summary>
    /// <param name="publicKey">32 bytes.</param>
    /// <param name="message">What was signed.</param>
    /// <param name="signature">Any number of bytes.</param>
    public bool VerifyEd25519(byte[] publicKey, byte[] message, byte[] signature);

    /// <summary>Signs.</summary>
    /// <param name="seed">The private key, 32 bytes.</param>
    /// <param name="message">What to sign.</param>
    public byte[] SignEd25519(byte[] seed, byte[] message);

    /// <summary>The public key to a private one.</summary>
    public byte[] GetEd25519PublicKey(byte[] seed);

    /// <summary>Decrypts a private key (PKCS #8 EncryptedPrivateKeyInfo).</summary>
    /// <param name="encrypted">DER.</param>
    /// <param name="passphrase">As typed.</param>
    /// <returns>A PrivateKeyInfo; null when the passphrase is not the right one.</returns>
    /// <exception cref="System.Security.Cryptography.CryptographicException">It is none, or is encrypted in a way that is
    /// not known.</exception>
    public byte[]? DecryptPrivateKey(byte[] encrypted, ReadOnlySpan<char> passphrase);

    /// <summary>Reads a transferable public key: primary key, user ids, subkeys, and what binds them.</summary>
    /// <param name="packets">The packets, not armored.</param>
    /// <returns>Null when the key cannot be used: not of version 4, not bound to anything, or damaged.</returns>
    public OpenPgpKey? ReadOpenPgpKey(byte[] packets);
}

/// <summary>A hash that is fed piece by piece.</summary>
internal abstract class StreamHash : IDisposable
{
    public abstract void Append(ReadOnlySpan<byte> bytes);

    public abstract byte[] Finish();

    public virtual void Dispose()
    {
    }
}

/// <summary>An OpenPGP key of version 4, and its subkeys.</summary>
internal abstract class OpenPgpKey
{
    /// <summary>The primary key's fingerprint: 40 upper-case hexadecimal digits.</summary>
    public abstract string Fingerprint { get; }

    /// <summary>The first user id that the key itself vouches for; null without one.</summary>
    public abstract string? UserId { get; }

    /// <summary>Checks a signature over text.</summary>
    /// <param name="packet">One signature packet of version 4, with its header.</param>
    /// <param name="text">The text, its lines ended by CR LF.</param>
    /// <returns>Null when the signature names none of this key's parts as its maker.</returns>
    public abstract OpenPgpVerdict? Verify(byte[] packet, byte[] text);
}

/// <summary>What a key says about a signature.</summary>
/// <param name="Reason">Null when the signature is valid.</param>
/// <param name="Created">When it was made; null when it does not say.</param>
internal sealed record OpenPgpVerdict(SifSignatureReason? Reason, DateTimeOffset? Created);
