using System.Security.Cryptography;

namespace OverlayTools.Sif.Signatures;

/// <summary>A hash value with the name of its algorithm, as signatures write it: <c>sha256:</c> and hexadecimal digits
/// (SIF specification, 4.3).</summary>
/// <param name="Algorithm">The algorithm's name, for example <c>sha256</c>.</param>
/// <param name="Value">The hash value.</param>
internal sealed record SifDigest(string Algorithm, byte[] Value)
{
    public const string Sha256 = "sha256";

    // What a signed message may use. BLAKE2 is for the old format alone, in which the descriptor names the hash.
    private static readonly Dictionary<string, int> s_sizes = new(StringComparer.Ordinal)
    {
        ["sha224"] = 28,
        [Sha256] = 32,
        ["sha384"] = 48,
        ["sha512"] = 64,
        ["sha512_224"] = 28,
        ["sha512_256"] = 32,
    };

    /// <summary>Reads a digest.</summary>
    /// <param name="text"><c>algorithm:hex</c>.</param>
    /// <param name="fault">Why it cannot be read.</param>
    public static SifDigest? Parse(string text, out SifSignatureReason fault)
    {
        fault = SifSignatureReason.MalformedMessage;
        var colon = text.IndexOf(':');
        if (colon < 0)
            return null;
        var name = text[..colon];
        if (!s_sizes.TryGetValue(name, out var size))
        {
            fault = SifSignatureReason.HashUnknown;
            return null;
        }

        return ParseHex(name, text[(colon + 1)..], size);
    }

    /// <summary>Reads the digest of a signature of the old format.</summary>
    /// <param name="hash">The hash that the descriptor names.</param>
    /// <param name="hex">The digits.</param>
    public static SifDigest? ParseLegacy(SifHashType hash, string hex) => hash switch
    {
        SifHashType.Sha256 => ParseHex(Sha256, hex, 32),
        SifHashType.Sha384 => ParseHex("sha384", hex, 48),
        SifHashType.Sha512 => ParseHex("sha512", hex, 64),
        SifHashType.Blake2s256 => ParseHex("blake2s256", hex, 32),
        SifHashType.Blake2b256 => ParseHex("blake2b256", hex, 32),
        _ => null,
    };

    /// <summary>The SHA-256 of a few bytes.</summary>
    public static SifDigest Of(ReadOnlySpan<byte> bytes) => new(Sha256, SHA256.HashData(bytes));

    /// <summary>Whether these bytes have this digest.</summary>
    public bool Matches(ReadOnlySpan<byte> bytes)
    {
        using var hash = CreateHash();
        hash.Append(bytes);
        return hash.Finish().AsSpan().SequenceEqual(Value);
    }

    /// <summary>An empty hash of this digest's algorithm.</summary>
    public StreamHash CreateHash() => Algorithm switch
    {
        Sha256 => new PlatformHash(HashAlgorithmName.SHA256),
        "sha384" => new PlatformHash(HashAlgorithmName.SHA384),
        "sha512" => new PlatformHash(HashAlgorithmName.SHA512),
        _ => SignatureLibrary.Instance.CreateHash(Algorithm)
            ?? throw new InvalidOperationException($"There is no hash '{Algorithm}'."),
    };

    /// <inheritdoc/>
    public override string ToString() => $"{Algorithm}:{Convert.ToHexString(Value).ToLowerInvariant()}";

    private static SifDigest? ParseHex(string algorithm, string hex, int size) =>
        hex.Length == 2 * size && hex.All(char.IsAsciiHexDigit) ? new(algorithm, Convert.FromHexString(hex)) : null;

    private sealed class PlatformHash(HashAlgorithmName name) : StreamHash
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(name);

        public override void Append(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

        public override byte[] Finish() => _hash.GetHashAndReset();

        public override void Dispose() => _hash.Dispose();
    }
}
