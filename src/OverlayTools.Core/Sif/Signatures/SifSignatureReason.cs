namespace OverlayTools.Sif.Signatures;

/// <summary>Why a signature is not valid: one word for each cause.</summary>
public enum SifSignatureReason
{
    /// <summary>The object is neither a DSSE envelope nor a clear-signed message.</summary>
    FormatUnknown = 1,

    /// <summary>The envelope, the message or the signature in it is damaged.</summary>
    MalformedMessage,

    /// <summary>A hash that is not known, or not trusted any more.</summary>
    HashUnknown,

    /// <summary>None of the given keys made the signature.</summary>
    KeyNotFound,

    /// <summary>The key that made the signature was revoked.</summary>
    KeyRevoked,

    /// <summary>The key that made the signature has expired.</summary>
    KeyExpired,

    /// <summary>The signature does not fit what it signs: one of the two was changed, or another key with the same
    /// id made it.</summary>
    SignatureInvalid,

    /// <summary>The signature has expired.</summary>
    SignatureExpired,

    /// <summary>The signature is by another key than its descriptor says.</summary>
    SignerMismatch,

    /// <summary>The group or object that the signature is about does not exist.</summary>
    GroupMissing,

    /// <summary>An object of the group is not covered: it was added later, or left out.</summary>
    ObjectNotSigned,

    /// <summary>An object that was signed does not exist, or is not in the group any more.</summary>
    ObjectMissing,

    /// <summary>Launch script, version or identity in the header were changed.</summary>
    HeaderChanged,

    /// <summary>Type, name, link, size, creation time, owner or metadata of an object were changed.</summary>
    DescriptorChanged,

    /// <summary>The data of an object was changed.</summary>
    ObjectChanged,
}
