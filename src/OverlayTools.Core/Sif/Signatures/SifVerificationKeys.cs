using System.Security.Cryptography;
using System.Text;

namespace OverlayTools.Sif.Signatures;

/// <summary>The public keys that signatures are verified with.</summary>
public sealed class SifVerificationKeys
{
    // A keyring of thousands of keys is smaller.
    private const int LargestFile = 64 << 20;

    private const string ArmorStart = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    private const string ArmorEnd = "-----END PGP PUBLIC KEY BLOCK-----";

    private readonly List<(DssePublicKey Key, string Path, string? Subject)> _dsse = [];
    private readonly List<(OpenPgpKey Key, string Path)> _openPgp = [];

    /// <summary>The ids of the keys: fingerprints of OpenPGP keys, <c>SHA256:...</c> of others.</summary>
    public IEnumerable<string> KeyIds => _dsse.Select(k => k.Key.KeyId).Concat(_openPgp.Select(k => k.Key.Fingerprint));

    internal IReadOnlyList<(DssePublicKey Key, string Path, string? Subject)> Dsse => _dsse;

    internal IReadOnlyList<(OpenPgpKey Key, string Path)> OpenPgp => _openPgp;

    /// <summary>
    /// The keyrings that Apptainer verifies with: the user's (<c>APPTAINER_KEYSDIR</c>, else
    /// <c>~/.apptainer/keys</c>), and the administrator's. Those that exist.
    /// </summary>
    public static IReadOnlyList<string> DefaultKeyrings
    {
        get
        {
            var home = Environment.GetEnvironmentVariable("HOME") ?? "/";
            var user = Environment.GetEnvironmentVariable("APPTAINER_KEYSDIR") is { Length: > 0 } named
                ? named
                : Path.Combine(home, ".apptainer", "keys");
            string[] places =
            [
                Path.Combine(user, "pgp-public"), "/etc/apptainer/global-pgp-public",
                "/usr/local/etc/apptainer/global-pgp-public",
            ];
            return [.. places.Where(File.Exists)];
        }
    }

    /// <summary>Adds the keys of a file.</summary>
    /// <param name="path">PEM public keys, or OpenPGP keys, armored or not.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.KeyInvalid"/>: there is none that can be used.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void AddFile(string path)
    {
        var bytes = KeyFile.Read(path, LargestFile);
        var before = _dsse.Count + _openPgp.Count;
        var text = Encoding.Latin1.GetString(bytes);
        AddPem(path, text);
        AddOpenPgp(path, bytes, text);
        if (_dsse.Count + _openPgp.Count > before)
            return;
        if (text.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal))
            throw KeyFile.Invalid(path, "holds a certificate, which is trusted only if its issuer is",
                "Name it with -CertificatePath, and the issuer with -CertificateRootsPath.");
        throw text.Contains("PRIVATE KEY", StringComparison.Ordinal)
            ? KeyFile.Invalid(path, "holds a private key, which is not for verifying",
                "Write the public one to a file: openssl pkey -in KEY -pubout, or gpg --export.")
            : KeyFile.Invalid(path, "holds no public key that can be used",
                "Name a PEM file with a public key (RSA, ECDSA or Ed25519), or OpenPGP keys of version 4.");
    }

    /// <summary>Adds the keys of an OpenPGP keyring, which may be empty.</summary>
    /// <param name="path">A keyring such as <c>~/.apptainer/keys/pgp-public</c>.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.KeyInvalid"/>: it is no keyring.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void AddKeyring(string path)
    {
        var bytes = KeyFile.Read(path, LargestFile);
        if (!AddOpenPgp(path, bytes, Encoding.Latin1.GetString(bytes)) && bytes.Length > 0)
            throw KeyFile.Invalid(path, "is no OpenPGP keyring", "Name a file such as ~/.apptainer/keys/pgp-public.");
    }

    /// <summary>Adds the key of a certificate, which has to be trusted: as for <c>apptainer verify --certificate</c>, it
    /// leads to a root, is in date, and may sign code. Revocation is not asked for.</summary>
    /// <param name="path">A PEM file with the certificate; further ones in it are intermediates.</param>
    /// <param name="intermediatesPath">A PEM file with certificates between it and a root; null for none.</param>
    /// <param name="rootsPath">A PEM file with the roots that are trusted; null for the system's.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.KeyInvalid"/> or
    /// <see cref="ErrorIds.CertificateNotTrusted"/>.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public void AddCertificate(string path, string? intermediatesPath = null, string? rootsPath = null)
    {
        using var chain = CertificateChain.Load(path, intermediatesPath, rootsPath);
        try
        {
            _dsse.Add((DssePublicKey.FromSubjectPublicKeyInfo(chain.PublicKey()), path, chain.Subject));
        }
        catch (CryptographicException error)
        {
            throw KeyFile.Invalid(path, $"holds a certificate whose key cannot be used: {error.Message}",
                "Name a certificate with a key of one of the kinds RSA, ECDSA and Ed25519.");
        }
    }

    private void AddPem(string path, string text)
    {
        foreach (var (label, der) in KeyFile.PemBlocks(text))
        {
            try
            {
                if (label == "PUBLIC KEY")
                    _dsse.Add((DssePublicKey.FromSubjectPublicKeyInfo(der), path, null));
                else if (label == "RSA PUBLIC KEY")
                    _dsse.Add((DssePublicKey.FromRsaPublicKey(der), path, null));
            }
            catch (CryptographicException error)
            {
                throw KeyFile.Invalid(path, $"holds a public key that cannot be used: {error.Message}",
                    "Name a file with a key of one of the kinds RSA, ECDSA and Ed25519.");
            }
        }
    }

    private bool AddOpenPgp(string path, byte[] bytes, string text)
    {
        if (bytes is [>= 0x80, ..])
            return AddPackets(path, bytes);

        var lines = text.Split('\n');
        var found = false;
        for (var at = 0; at < lines.Length; at++)
        {
            if (lines[at].TrimEnd() == ArmorStart && OpenPgpArmor.Decode(lines, at + 1, ArmorEnd) is { } packets)
                found |= AddPackets(path, packets);
        }

        return found;
    }

    // Key by key, so that one which cannot be used does not spoil the others.
    private bool AddPackets(string path, byte[] bytes)
    {
        if (OpenPgpPacket.Split(bytes) is not { } packets || packets.All(p => p.Tag != OpenPgpPacket.PublicKeyTag))
            return false;
        var starts = packets.Where(p => p.Tag == OpenPgpPacket.PublicKeyTag).Select(p => p.Start).ToList();
        for (var i = 0; i < starts.Count; i++)
        {
            var end = i + 1 < starts.Count ? starts[i + 1] : bytes.Length;
            if (SignatureLibrary.Instance.ReadOpenPgpKey(bytes[starts[i]..end]) is { } key)
                _openPgp.Add((key, path));
        }

        return true;
    }
}
