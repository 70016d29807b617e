namespace OverlayTools.Sif.Signatures;

/// <summary>How a signature object is written (SIF specification, 4.1).</summary>
public enum SifSignatureFormat
{
    /// <summary>Neither of those below.</summary>
    Unknown = 0,

    /// <summary>A DSSE envelope in JSON, signed with keys from PEM files. Covers header, descriptors and data.</summary>
    Dsse,

    /// <summary>A clear-signed OpenPGP message. Covers header, descriptors and data.</summary>
    OpenPgp,

    /// <summary>The clear-signed message of Singularity before 3.6. Covers data only: names, types and the header
    /// may have been changed.</summary>
    OpenPgpLegacy,
}
