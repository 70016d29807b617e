namespace OverlayTools.Sif.Signatures;

/// <summary>What was found out about one signature object.</summary>
public sealed record SifSignatureCheck
{
    /// <summary>The signature object's number.</summary>
    public required uint Id { get; init; }

    /// <summary>How it is written.</summary>
    public SifSignatureFormat Format { get; init; }

    /// <summary>The group that it is about; null when it is about one object, or about nothing.</summary>
    public uint? GroupId { get; init; }

    /// <summary>The objects that it says it covers, ascending; those of them that do not exist too. Trust it only when
    /// the signature is valid.</summary>
    public IReadOnlyList<uint> CoveredIds { get; init; } = [];

    /// <summary>Whether one of the given keys made the signature, and nothing that it covers was changed.</summary>
    public bool IsValid => Reason is null;

    /// <summary>Whether the image is as the signature says, whoever made it; null when the signature itself is not fit
    /// to say so.</summary>
    public bool? IsIntact { get; init; }

    /// <summary>Why the signature is not valid; null when it is.</summary>
    public SifSignatureReason? Reason { get; init; }

    /// <summary>The reason in a sentence; empty when the signature is valid.</summary>
    public string Message { get; init; } = "";

    /// <summary>Who is said to have signed: for OpenPGP the fingerprint of the primary key, for DSSE the ids of the
    /// keys.</summary>
    public IReadOnlyList<string> ClaimedSigners { get; init; } = [];

    /// <summary>The keys that the signature was made with, proved by cryptography; empty when there are none.</summary>
    public IReadOnlyList<SifSigner> Signers { get; init; } = [];

    /// <summary>When it was made: by the OpenPGP signature itself, else by the descriptor, which nothing protects. Null
    /// when unset.</summary>
    public DateTimeOffset? Created { get; init; }
}

/// <summary>A key that a signature was made with.</summary>
/// <param name="KeyId">The OpenPGP fingerprint of the primary key, 40 upper-case hexadecimal digits; or
/// <c>SHA256:</c> and the hash of the public key, as <c>ssh-keygen -l</c> shows it.</param>
/// <param name="KeyPath">The file that the key was read from.</param>
/// <param name="UserId">The first user id of an OpenPGP key, or the subject of a certificate; null for others.</param>
public sealed record SifSigner(string KeyId, string KeyPath, string? UserId)
{
    /// <summary>The key, and whose it says to be.</summary>
    public override string ToString() => UserId is null ? KeyId : $"{KeyId} ({UserId})";
}

/// <summary>What was found out about all signatures of an image.</summary>
/// <param name="Signatures">One for each signature object, in the order of the table.</param>
/// <param name="UnsignedGroups">Those of the wanted groups that none of these, of a current format, is about,
/// ascending. Empty when there is no signature at all.</param>
/// <param name="UngroupedObjects">Objects in no group, which no signature can cover, and which the verification by
/// Apptainer therefore refuses. Empty when there is no signature at all.</param>
public sealed record SifVerification(
    IReadOnlyList<SifSignatureCheck> Signatures, IReadOnlyList<uint> UnsignedGroups,
    IReadOnlyList<uint> UngroupedObjects);
