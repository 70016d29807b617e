using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Asn1;
using Org.BouncyCastle.Asn1.Pkcs;
using Org.BouncyCastle.Pkcs;
using Org.BouncyCastle.Security;

namespace OverlayTools.Signatures;

/// <summary>An encrypted private key as <c>openssl pkcs8 -topk8</c> writes it (RFC 5958, RFC 8018).</summary>
internal static class EncryptedPrivateKey
{
    // Some seconds; what a file may ask for is more than a lifetime.
    private const int MostIterations = 10_000_000;

    /// <summary>Decrypts it; null for a wrong passphrase.</summary>
    public static byte[]? Decrypt(byte[] encrypted, ReadOnlySpan<char> passphrase)
    {
        var key = Read(encrypted);
        // OpenSSL takes the bytes that were typed; the library one byte for each character.
        var bytes = new byte[Encoding.UTF8.GetByteCount(passphrase)];
        Encoding.UTF8.GetBytes(passphrase, bytes);
        var typed = Array.ConvertAll(bytes, one => (char)one);
        var plain = passphrase.ToArray();
        try
        {
            // The older schemes of PKCS #12 take characters.
            return Decrypt(key, typed) ?? (bytes.Length == plain.Length ? null : Decrypt(key, plain));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
            Array.Clear(typed);
            Array.Clear(plain);
        }
    }

    private static byte[]? Decrypt(EncryptedPrivateKeyInfo key, char[] passphrase)
    {
        try
        {
            return PrivateKeyInfoFactory.CreatePrivateKeyInfo(passphrase, key).GetEncoded();
        }
        catch (Exception error) when (BouncyCastleKey.IsAboutTheBytes(error))
        {
            return null; // Nonsense comes out of it.
        }
    }

    private static EncryptedPrivateKeyInfo Read(byte[] encrypted)
    {
        try
        {
            var key = EncryptedPrivateKeyInfo.GetInstance(Asn1Object.FromByteArray(encrypted));
            if (PbeUtilities.CreateEngine(key.EncryptionAlgorithm) is null || Iterations(key) is not { } iterations)
                throw new CryptographicException(
                    $"It is encrypted in a way that is not known, {key.EncryptionAlgorithm.Algorithm.Id}.");
            return iterations is > 0 and <= MostIterations
                ? key
                : throw new CryptographicException($"It asks for {iterations} rounds of hashing.");
        }
        catch (Exception error) when (error is not CryptographicException && BouncyCastleKey.IsAboutTheBytes(error))
        {
            throw new CryptographicException("It is damaged, or encrypted in a way that is not known.", error);
        }
    }

    private static long? Iterations(EncryptedPrivateKeyInfo key)
    {
        var parameters = key.EncryptionAlgorithm.Parameters;
        if (!key.EncryptionAlgorithm.Algorithm.Equals(PkcsObjectIdentifiers.IdPbeS2))
            return Pkcs12PbeParams.GetInstance(parameters).Iterations.LongValueExact;
        var derivation = PbeS2Parameters.GetInstance(parameters).KeyDerivationFunc;
        return derivation.Algorithm.Equals(PkcsObjectIdentifiers.IdPbkdf2)
            ? Pbkdf2Params.GetInstance(derivation.Parameters).IterationCount.LongValueExact
            : null;
    }
}
