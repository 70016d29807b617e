namespace OverlayTools.Sif;

/// <summary>What an object in a SIF image is. The values are those of <c>siftool add --datatype</c>; on disk,
/// 0x4000 is added to them.</summary>
public enum SifDataType
{
    /// <summary>A value that this module does not know.</summary>
    Unknown = 0,

    /// <summary>The definition file that the container was built from.</summary>
    DefinitionFile = 1,

    /// <summary>Environment variables.</summary>
    EnvironmentVariables = 2,

    /// <summary>Labels, as JSON.</summary>
    Labels = 3,

    /// <summary>A file system.</summary>
    Partition = 4,

    /// <summary>A digital signature of a group or an object.</summary>
    Signature = 5,

    /// <summary>JSON of any kind.</summary>
    GenericJson = 6,

    /// <summary>Bytes of any kind.</summary>
    Generic = 7,

    /// <summary>A cryptographic message, for example the key of an encrypted partition.</summary>
    CryptographicMessage = 8,

    /// <summary>A software bill of materials.</summary>
    Sbom = 9,

    /// <summary>The root index of an OCI image.</summary>
    OciRootIndex = 10,

    /// <summary>A blob of an OCI image.</summary>
    OciBlob = 11,
}
