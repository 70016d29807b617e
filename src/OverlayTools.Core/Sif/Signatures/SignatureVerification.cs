using System.Text;

namespace OverlayTools.Sif.Signatures;

/// <summary>The verification of one signature object: who signed, what, and whether it is still so.</summary>
internal sealed class SignatureVerification(
    SifImage image, SifGroups groups, SifObject signature, SifVerificationKeys keys, ObjectHasher hasher,
    IReadOnlyCollection<uint>? wanted)
{
    // A signature of a full table of 48 objects has some 15 KiB.
    private const int LargestSignature = 4 << 20;

    // Each is tried with every key.
    private const int MostSignatures = 64;

    private SifSignatureCheck _check = new() { Id = signature.Id, Created = signature.Created };

    /// <summary>Verifies it.</summary>
    public SifSignatureCheck Run()
    {
        if (signature.LinkedToGroup)
            _check = _check with { GroupId = signature.LinkedId };
        if (Metadata?.Fingerprint is { } fingerprint)
            _check = _check with { ClaimedSigners = [fingerprint] };
        if (signature.PlaceFault is { } fault)
            return Not(SifSignatureReason.MalformedMessage, $"It cannot be read: {fault}.");
        if (signature.SizeBytes > LargestSignature)
            return Not(SifSignatureReason.MalformedMessage,
                $"Its size, {ByteSize.Format(signature.SizeBytes)}, is not that of a signature.");

        var bytes = new byte[signature.SizeBytes];
        signature.DataWindow().Read(0, bytes);
        if (DsseEnvelope.IsEnvelope(bytes, out var envelope))
            return RunDsse(envelope);
        if (ClearSignedText.Parse(bytes) is { } text)
            return RunOpenPgp(text);
        return Not(SifSignatureReason.FormatUnknown, "It is neither a DSSE envelope nor a clear-signed message.");
    }

    private SifSignatureMetadata? Metadata => signature.Metadata as SifSignatureMetadata;

    private SifSignatureCheck RunDsse(DsseEnvelope? envelope)
    {
        _check = _check with { Format = SifSignatureFormat.Dsse };
        if (envelope is null || envelope.Signatures.Count > MostSignatures)
            return Not(SifSignatureReason.MalformedMessage, "The DSSE envelope is damaged.");
        if (Metadata is null)
            return HashUnknown();

        _check = _check with { ClaimedSigners = [.. ClaimedIds(envelope)] };
        var fault = VerifyEnvelope(envelope);
        return Finish(envelope.Payload, fault);
    }

    private SifSignatureReason? VerifyEnvelope(DsseEnvelope envelope)
    {
        var message = DsseEnvelope.Encode(envelope.Payload);
        var signers = new List<SifSigner>();
        var tried = false;
        foreach (var made in envelope.Signatures)
        {
            foreach (var (key, path, subject) in keys.Dsse.Where(k => made.KeyId.Length == 0 || made.KeyId == k.Key.KeyId))
            {
                // A signature without a key id may be by a key that we do not have.
                tried |= made.KeyId.Length > 0;
                if (key.Verify(message, made.Bytes))
                    signers.Add(new SifSigner(key.KeyId, path, Safe(subject)));
            }
        }

        _check = _check with { Signers = [.. signers.DistinctBy(s => s.KeyId)] };
        if (signers.Count > 0)
            return null;
        return tried ? SifSignatureReason.SignatureInvalid : SifSignatureReason.KeyNotFound;
    }

    private SifSignatureCheck RunOpenPgp(ClearSignedText text)
    {
        var legacy = text.LegacyDigits();
        _check = _check with
        {
            Format = legacy is null ? SifSignatureFormat.OpenPgp : SifSignatureFormat.OpenPgpLegacy,
        };
        if (Metadata is null)
            return HashUnknown();

        var fault = VerifyText(text);
        return legacy is null ? Finish(text.Text, fault) : FinishLegacy(legacy, fault);
    }

    private SifSignatureReason? VerifyText(ClearSignedText text)
    {
        if (OpenPgpPacket.Split(text.Signature) is not { Count: > 0 and <= MostSignatures } packets)
            return SifSignatureReason.MalformedMessage;
        SifSignatureReason? worst = null;
        foreach (var packet in packets)
        {
            const byte version4 = 4;
            if (packet.Tag != OpenPgpPacket.SignatureTag || packet.BodyStart == packet.End
                || text.Signature[packet.BodyStart] != version4)
                return SifSignatureReason.MalformedMessage;
            foreach (var (key, path) in keys.OpenPgp)
            {
                if (key.Verify(text.Signature[packet.Start..packet.End], text.Text) is not { } verdict)
                    continue;
                _check = _check with { Created = verdict.Created ?? _check.Created };
                if (verdict.Reason is null)
                {
                    _check = _check with { Signers = [new SifSigner(key.Fingerprint, path, Safe(key.UserId))] };
                    return key.Fingerprint == Metadata?.Fingerprint ? null : SifSignatureReason.SignerMismatch;
                }

                worst ??= verdict.Reason;
            }
        }

        return worst ?? SifSignatureReason.KeyNotFound;
    }

    // What a signature says is compared with the image even when the key is not there: that it is intact is worth
    // knowing. A message that was tampered with says nothing.
    private SifSignatureCheck Finish(byte[] json, SifSignatureReason? fault)
    {
        if (fault is SifSignatureReason.SignatureInvalid or SifSignatureReason.MalformedMessage)
            return Not(fault.Value);
        if (SifSignedMessage.Parse(json, out var damage) is not { } message)
            return Not(damage);
        if (!signature.LinkedToGroup || groups.Find(signature.LinkedId) is not { } group)
            return Not(fault ?? SifSignatureReason.GroupMissing, Describe(SifSignatureReason.GroupMissing));

        var comparison = new SignedMessageComparison(image.Header, group, message, hasher, wanted);
        _check = _check with { CoveredIds = comparison.CoveredIds };
        return Conclude(fault, comparison.Run(out var what), what);
    }

    private SifSignatureCheck FinishLegacy(string digits, SifSignatureReason? fault)
    {
        if (fault is SifSignatureReason.SignatureInvalid or SifSignatureReason.MalformedMessage)
            return Not(fault.Value);
        if (SifDigest.ParseLegacy(Metadata!.HashType, digits) is not { } digest)
            return Not(SifSignatureReason.MalformedMessage);

        IReadOnlyList<SifObject> covered = signature.LinkedToGroup
            ? groups.Find(signature.LinkedId)?.Objects ?? []
            : [.. image.Objects.Where(o => o.Id == signature.LinkedId)];
        if (covered.Count == 0)
            return Not(fault ?? SifSignatureReason.GroupMissing, Describe(SifSignatureReason.GroupMissing));
        _check = _check with { CoveredIds = [.. covered.Select(o => o.Id).Order()] };
        SifSignatureReason? change = hasher.Matches(digest, covered) ? null : SifSignatureReason.ObjectChanged;
        return Conclude(fault, change, covered.Count == 1 ? $"object {covered[0].Id}" : $"group {signature.LinkedId}");
    }

    private SifSignatureCheck Conclude(SifSignatureReason? fault, SifSignatureReason? change, string what)
    {
        _check = _check with { IsIntact = change is null };
        if (fault is not null)
            return Not(fault.Value);
        return change is null ? _check : Not(change.Value, Describe(change.Value, what));
    }

    private SifSignatureCheck HashUnknown() => Not(SifSignatureReason.HashUnknown,
        $"{signature.Fault ?? "Its hash type is not known"}.");

    private SifSignatureCheck Not(SifSignatureReason reason, string? message = null) =>
        _check with { Reason = reason, Message = message ?? Describe(reason) };

    private string Describe(SifSignatureReason reason, string what = "") => reason switch
    {
        SifSignatureReason.MalformedMessage => "The signed message, or the signature in it, is damaged.",
        SifSignatureReason.HashUnknown => "It uses a hash that is not known, or not trusted any more.",
        SifSignatureReason.KeyNotFound => _check.ClaimedSigners.Count == 0
            ? "None of the given keys made it."
            : $"None of the given keys made it. It names {string.Join(", ", _check.ClaimedSigners)}.",
        SifSignatureReason.KeyRevoked => "Its key was revoked.",
        SifSignatureReason.KeyExpired => "Its key has expired.",
        SifSignatureReason.SignatureInvalid => "The signature does not fit the message.",
        SifSignatureReason.SignatureExpired => "It has expired.",
        SifSignatureReason.SignerMismatch =>
            $"{_check.Signers[0].KeyId} made it, but its descriptor names {Metadata?.Fingerprint ?? "nobody"}.",
        SifSignatureReason.GroupMissing => signature.LinkedId is { } link
            ? $"It is about {(signature.LinkedToGroup ? "group" : "object")} {link}, and the image has no such group."
            : "It is about no group.",
        SifSignatureReason.ObjectNotSigned => $"It does not cover {what}.",
        SifSignatureReason.ObjectMissing => $"It covers {what}, which is not there.",
        SifSignatureReason.HeaderChanged => "Launch script, version or identity in the header were changed.",
        SifSignatureReason.DescriptorChanged => $"The descriptor of {what} was changed.",
        SifSignatureReason.ObjectChanged => $"The data of {what} was changed.",
        _ => reason.ToString(),
    };

    private static string? Safe(string? userId) =>
        userId is null ? null : SifText.Show(Encoding.UTF8.GetBytes(userId));

    // What the file says: it may hold anything.
    private static IEnumerable<string> ClaimedIds(DsseEnvelope envelope) => envelope.Signatures
        .Where(s => s.KeyId.Length > 0).Select(s => SifText.Show(Encoding.UTF8.GetBytes(s.KeyId))).Distinct();
}
