namespace OverlayTools.Sif.Signatures;

/// <summary>Which signatures to verify, and how strictly.</summary>
public sealed class SifVerificationOptions
{
    /// <summary>Only these signature objects; null for all.</summary>
    public IReadOnlyCollection<uint>? SignatureIds { get; init; }

    /// <summary>Only signatures that are about these groups, or objects in them; null for all.</summary>
    public IReadOnlyCollection<uint>? GroupIds { get; init; }

    /// <summary>Only signatures that cover all of these objects; they then need not cover the rest of the group, and
    /// only the data of these is checked. Null: a signature has to cover its whole group.</summary>
    public IReadOnlyCollection<uint>? CoveredIds { get; init; }
}
