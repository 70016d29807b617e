using System.Management.Automation;
using OverlayTools.Sif.Signatures;

namespace OverlayTools.Commands;

/// <summary>What the cmdlets share that verify signatures of SIF images: the images, and the keys.</summary>
public abstract class SifKeyCommand : SifImageCommand
{
    private SifVerificationKeys? _keys;

    /// <summary>Files with public keys that are trusted: PEM, or OpenPGP, armored or not.</summary>
    [Parameter]
    [Alias("Key")]
    [ValidateNotNullOrEmpty]
    public string[]? KeyPath { get; set; }

    /// <summary>OpenPGP keyrings with keys that are trusted; those of Apptainer when neither these nor keys are given.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? KeyringPath { get; set; }

    /// <summary>A PEM file with a certificate whose key is trusted if its chain is; further ones in it are
    /// intermediates.</summary>
    [Parameter]
    [Alias("Certificate")]
    [ValidateNotNullOrEmpty]
    public string[]? CertificatePath { get; set; }

    /// <summary>A PEM file with certificates between those and a root.</summary>
    [Parameter]
    [Alias("CertificateIntermediates")]
    [ValidateNotNullOrEmpty]
    public string? CertificateIntermediatesPath { get; set; }

    /// <summary>A PEM file with the root certificates that are trusted; the system's when left out.</summary>
    [Parameter]
    [Alias("CertificateRoots")]
    [ValidateNotNullOrEmpty]
    public string? CertificateRootsPath { get; set; }

    /// <summary>The keys that are trusted.</summary>
    private protected SifVerificationKeys Keys => _keys!;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        // What was said to be trusted and cannot be read must not be passed over.
        try
        {
            _keys = ReadKeys();
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            ThrowTerminatingError(ErrorMapping.ToErrorRecord(error, (object?)KeyPath ?? (object?)KeyringPath ?? CertificatePath));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Process(path));
    }

    /// <summary>Does the work on one image.</summary>
    /// <param name="path">The image's full path.</param>
    private protected abstract void Process(string path);

    private SifVerificationKeys ReadKeys()
    {
        var keys = new SifVerificationKeys();
        foreach (var path in KeyPath ?? [])
            keys.AddFile(GetUnresolvedProviderPathFromPSPath(path));
        foreach (var path in KeyringPath ?? [])
            keys.AddKeyring(GetUnresolvedProviderPathFromPSPath(path));
        if (CertificatePath is null && (CertificateIntermediatesPath ?? CertificateRootsPath) is { } pool)
            throw new EngineException(ErrorIds.OptionConflict,
                "Intermediate and root certificates are for judging a certificate, and none is given.",
                "Name one with -CertificatePath.", pool);
        foreach (var path in CertificatePath ?? [])
            keys.AddCertificate(GetUnresolvedProviderPathFromPSPath(path), Resolved(CertificateIntermediatesPath),
                Resolved(CertificateRootsPath));
        if (KeyPath is not null || KeyringPath is not null || CertificatePath is not null)
            return keys;
        foreach (var path in SifVerificationKeys.DefaultKeyrings)
            AddDefault(keys, path);
        return keys;
    }

    private string? Resolved(string? path) => path is null ? null : GetUnresolvedProviderPathFromPSPath(path);

    // Nobody asked for this one: without it, its signers are not known, and that is said anyway.
    private void AddDefault(SifVerificationKeys keys, string path)
    {
        try
        {
            keys.AddKeyring(path);
            WriteVerbose($"Keys were read from '{path}'.");
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            WriteWarning($"No keys were read from '{path}': {error.Message}");
        }
    }
}
