namespace OverlayTools.Sif.Signatures;

/// <summary>What can be wrong with an image: one word for each kind.</summary>
public enum SifFindingId
{
    /// <summary>Header or table contradict themselves or the file's length.</summary>
    HeaderFault = 1,

    /// <summary>An object's id, place or metadata is impossible.</summary>
    ObjectFault,

    /// <summary>Objects overlap, share an id, or there are two primary partitions.</summary>
    LayoutFault,

    /// <summary>A number in the header is not what the table says. Every reader derives it.</summary>
    HeaderStale,

    /// <summary>A signature is not valid.</summary>
    SignatureInvalid,

    /// <summary>A group has no signature that counts.</summary>
    GroupNotSigned,

    /// <summary>An object is in no group, so that no signature can cover it.</summary>
    ObjectNotInGroup,

    /// <summary>There is no signature at all.</summary>
    NotSigned,

    /// <summary>A valid signature of the old format, which covers data only.</summary>
    LegacySignature,
}

/// <summary>Something that is wrong with an image, or worth knowing.</summary>
/// <param name="Id">Its kind.</param>
/// <param name="IsError">Whether the image is therefore not sound.</param>
/// <param name="ObjectId">The object that it is about, or null.</param>
/// <param name="Reason">Why a signature is not valid; null for other kinds.</param>
/// <param name="Message">What is wrong, in a sentence.</param>
public sealed record SifFinding(
    SifFindingId Id, bool IsError, uint? ObjectId, SifSignatureReason? Reason, string Message)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        var kind = Reason is null ? $"{Id}" : $"{Id} ({Reason})";
        return ObjectId is null ? $"{kind}: {Message}" : $"{kind}, object {ObjectId}: {Message}";
    }
}
