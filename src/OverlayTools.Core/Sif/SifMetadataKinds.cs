namespace OverlayTools.Sif;

/// <summary>The hash that a signature was made over. The values are those of <c>siftool add --signhash</c>.</summary>
public enum SifHashType
{
    /// <summary>SHA-256.</summary>
    Sha256 = 1,

    /// <summary>SHA-384.</summary>
    Sha384 = 2,

    /// <summary>SHA-512.</summary>
    Sha512 = 3,

    /// <summary>BLAKE2s-256.</summary>
    Blake2s256 = 4,

    /// <summary>BLAKE2b-256.</summary>
    Blake2b256 = 5,
}

/// <summary>How a cryptographic message is written.</summary>
public enum SifMessageFormat
{
    /// <summary>A value that this module does not know.</summary>
    Unknown = 0,

    /// <summary>An OpenPGP message.</summary>
    OpenPgp = 1,

    /// <summary>A PEM block.</summary>
    Pem = 2,
}

/// <summary>What a cryptographic message holds.</summary>
public enum SifMessageType
{
    /// <summary>A value that this module does not know.</summary>
    Unknown = 0,

    /// <summary>A text with an OpenPGP clear signature.</summary>
    ClearSignature = 0x100,

    /// <summary>A secret encrypted with RSA-OAEP.</summary>
    RsaOaep = 0x200,
}

/// <summary>The format of a software bill of materials. The values are those on disk.</summary>
public enum SifSbomFormat
{
    /// <summary>A value that this module does not know.</summary>
    Unknown = 0,

    /// <summary>CycloneDX, JSON.</summary>
    CycloneDxJson = 1,

    /// <summary>CycloneDX, XML.</summary>
    CycloneDxXml = 2,

    /// <summary>GitHub, JSON.</summary>
    GitHubJson = 3,

    /// <summary>SPDX, JSON.</summary>
    SpdxJson = 4,

    /// <summary>SPDX, RDF.</summary>
    SpdxRdf = 5,

    /// <summary>SPDX, tag and value.</summary>
    SpdxTagValue = 6,

    /// <summary>SPDX, YAML.</summary>
    SpdxYaml = 7,

    /// <summary>Syft, JSON.</summary>
    SyftJson = 8,
}
