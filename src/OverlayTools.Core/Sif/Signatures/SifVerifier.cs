namespace OverlayTools.Sif.Signatures;

/// <summary>
/// Verifies the signatures of an image as the reference implementation does (SIF specification, 4.7), but goes on after
/// the first that is not valid. Damage in a signature object spoils that signature alone.
/// </summary>
public static class SifVerifier
{
    /// <summary>Verifies signatures.</summary>
    /// <param name="image">An open image.</param>
    /// <param name="keys">The keys that are trusted.</param>
    /// <param name="options">Which signatures; null for all.</param>
    /// <param name="progress">Told of the bytes hashed.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="IOException">The image cannot be read.</exception>
    public static SifVerification Verify(
        SifImage image, SifVerificationKeys keys, SifVerificationOptions? options = null,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        options ??= new SifVerificationOptions();
        var checks = new List<SifSignatureCheck>();
        var hasher = new ObjectHasher(progress, token);
        var groups = new SifGroups(image);
        foreach (var signature in image.Objects.Where(o => o.DataType == SifDataType.Signature))
        {
            token.ThrowIfCancellationRequested();
            if (options.SignatureIds?.Contains(signature.Id) == false || !IsAbout(groups, signature, options.GroupIds))
                continue;
            var check = new SignatureVerification(image, groups, signature, keys, hasher, options.CoveredIds).Run();
            if (options.CoveredIds is null || options.CoveredIds.All(check.CoveredIds.Contains))
                checks.Add(check);
        }

        return new SifVerification(checks, UnsignedGroups(image, groups, checks, options.GroupIds), UngroupedObjects(image));
    }

    private static bool IsAbout(SifGroups all, SifObject signature, IReadOnlyCollection<uint>? groups)
    {
        if (groups is null || signature.LinkedId is not { } link)
            return groups is null;
        return signature.LinkedToGroup
            ? groups.Contains(link)
            : groups.Any(number => all.Find(number)?.Objects.Any(o => o.Id == link) == true);
    }

    private static List<uint> UnsignedGroups(
        SifImage image, SifGroups groups, List<SifSignatureCheck> checks, IReadOnlyCollection<uint>? wanted)
    {
        if (!image.IsSigned)
            return [];
        var signed = checks
            .Where(c => c.Format is SifSignatureFormat.Dsse or SifSignatureFormat.OpenPgp && c.GroupId is not null)
            .Select(c => c.GroupId!.Value).ToHashSet();
        return [.. groups.All.Select(g => g.Number).Where(g => wanted?.Contains(g) != false && !signed.Contains(g))];
    }

    private static List<uint> UngroupedObjects(SifImage image) => image.IsSigned
        ? [.. image.Objects.Where(o => o.GroupId is null && o.DataType != SifDataType.Signature).Select(o => o.Id)]
        : [];
}
