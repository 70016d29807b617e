using OverlayTools.Sif.Signatures;

namespace OverlayTools;

/// <summary>A signature in a SIF image, as the cmdlets emit it.</summary>
public sealed class SifSignatureInfo
{
    internal SifSignatureInfo(string path, SifSignatureCheck check)
    {
        Path = path;
        Id = check.Id;
        Format = check.Format;
        GroupId = check.GroupId;
        CoveredId = [.. check.CoveredIds];
        IsValid = check.IsValid;
        IsIntact = check.IsIntact;
        Reason = check.Reason;
        Message = check.Message;
        KeyId = [.. check.Signers.Select(s => s.KeyId)];
        KeyPath = [.. check.Signers.Select(s => s.KeyPath).Distinct()];
        ClaimedKeyId = [.. check.ClaimedSigners];
        UserId = check.Signers.Select(s => s.UserId).FirstOrDefault(name => name is not null);
        Created = check.Created;
    }

    /// <summary>The image's full path.</summary>
    public string Path { get; }

    /// <summary>The signature object's number in the image.</summary>
    public uint Id { get; }

    /// <summary>How the signature is written.</summary>
    public SifSignatureFormat Format { get; }

    /// <summary>The group that it is about; null when it is about one object.</summary>
    public uint? GroupId { get; }

    /// <summary>The objects that it covers, by what it says itself.</summary>
    public uint[] CoveredId { get; }

    /// <summary>Whether one of the given keys made it, and nothing that it covers was changed.</summary>
    public bool IsValid { get; }

    /// <summary>Whether the image is as the signature says, whoever made it; null when the signature is not fit to say
    /// so.</summary>
    public bool? IsIntact { get; }

    /// <summary>Why it is not valid; null when it is.</summary>
    public SifSignatureReason? Reason { get; }

    /// <summary>The reason in a sentence; empty when the signature is valid.</summary>
    public string Message { get; }

    /// <summary>The keys that made it: OpenPGP fingerprints, or <c>SHA256:...</c> as <c>ssh-keygen -l</c> shows.</summary>
    public string[] KeyId { get; }

    /// <summary>The files that these keys were read from.</summary>
    public string[] KeyPath { get; }

    /// <summary>The keys that it names; nothing proves them.</summary>
    public string[] ClaimedKeyId { get; }

    /// <summary>The user id of the OpenPGP key that made it, or null.</summary>
    public string? UserId { get; }

    /// <summary>When it was made; null when unset.</summary>
    public DateTimeOffset? Created { get; }
}
