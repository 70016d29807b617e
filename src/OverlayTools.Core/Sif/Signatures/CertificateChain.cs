using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OverlayTools.Sif.Signatures;

/// <summary>
/// A certificate whose key signs images, checked as Apptainer checks it: a chain to a root that is trusted, each link in
/// date, for signing code. Nothing is fetched from the net, neither issuers nor what was revoked.
/// </summary>
internal sealed class CertificateChain : IDisposable
{
    private const int LargestFile = 16 << 20;
    private const string CodeSigning = "1.3.6.1.5.5.7.3.3"; // RFC 5280, id-kp-codeSigning

    private readonly List<X509Certificate2> _certificates = [];

    private CertificateChain()
    {
    }

    /// <summary>Who the certificate is about.</summary>
    public string Subject => _certificates[0].Subject;

    /// <summary>Its key, a SubjectPublicKeyInfo.</summary>
    public byte[] PublicKey()
    {
        // .NET 8 and 9 cannot export a key whose algorithm has no parameters, as Ed25519 (RFC 8410, section 3): they have empty ones
        // then, and .NET 10 none.
        var key = _certificates[0].PublicKey;
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(key.Oid.Value!);
                if (key.EncodedParameters?.RawData is { Length: > 0 } parameters)
                    writer.WriteEncodedValue(parameters);
            }

            writer.WriteBitString(key.EncodedKeyValue.RawData);
        }

        return writer.Encode();
    }

    /// <summary>Reads a certificate, and checks it.</summary>
    /// <inheritdoc cref="SifVerificationKeys.AddCertificate"/>
    public static CertificateChain Load(string path, string? intermediatesPath, string? rootsPath)
    {
        var loaded = new CertificateChain();
        try
        {
            loaded.Read(path);
            if (intermediatesPath is not null)
                loaded.Read(intermediatesPath);
            var known = loaded._certificates.Count;
            if (rootsPath is not null)
                loaded.Read(rootsPath);
            loaded.Check(path, loaded._certificates[1..known], rootsPath is null ? null : loaded._certificates[known..]);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var certificate in _certificates)
            certificate.Dispose();
    }

    private void Read(string path)
    {
        var before = _certificates.Count;
        foreach (var (label, der) in KeyFile.PemBlocks(System.Text.Encoding.Latin1.GetString(KeyFile.Read(path, LargestFile))))
        {
            if (label != "CERTIFICATE")
                continue;
            try
            {
                _certificates.Add(new X509Certificate2(der));
            }
            catch (CryptographicException error)
            {
                throw KeyFile.Invalid(path, $"holds a certificate that is damaged: {error.Message}",
                    "Name a PEM file with certificates.");
            }
        }

        if (_certificates.Count == before)
            throw KeyFile.Invalid(path, "holds no certificate", "Name a PEM file with certificates.");
    }

    private void Check(string path, List<X509Certificate2> intermediates, List<X509Certificate2>? roots)
    {
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        policy.ApplicationPolicy.Add(new Oid(CodeSigning));
        policy.ExtraStore.AddRange(intermediates.ToArray());
        if (roots is not null)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.AddRange(roots.ToArray());
        }

        var isTrusted = chain.Build(_certificates[0]);
        var faults = chain.ChainStatus.Select(status => status.StatusInformation.Trim().TrimEnd('.')).Distinct();
        foreach (var element in chain.ChainElements)
            element.Certificate.Dispose();
        if (!isTrusted)
            throw new EngineException(ErrorIds.CertificateNotTrusted,
                $"The certificate in '{path}' ({SifText.Show(System.Text.Encoding.UTF8.GetBytes(Subject))}) is not trusted: "
                    + $"{string.Join("; ", faults)}.",
                "Name the certificates between it and a root with -CertificateIntermediatesPath, and the root that you trust "
                    + "with -CertificateRootsPath.", path);
    }
}
