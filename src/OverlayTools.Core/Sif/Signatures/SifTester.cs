namespace OverlayTools.Sif.Signatures;

/// <summary>What a sound image has to be.</summary>
public sealed class SifTestOptions
{
    /// <summary>The image has to be signed. One that is signed has to be so in all its groups, in any case.</summary>
    public bool RequireSignature { get; init; }

    /// <summary>Signatures of the old format count too.</summary>
    public bool AllowLegacy { get; init; }
}

/// <summary>Says what is wrong with an image: its structure, and its signatures if there are any.</summary>
public static class SifTester
{
    /// <summary>Checks an image.</summary>
    /// <param name="path">The image. It is only read.</param>
    /// <param name="keys">The keys that are trusted.</param>
    /// <param name="options">How strictly; null for the structure, and those signatures that there are.</param>
    /// <param name="progress">Told of the bytes hashed.</param>
    /// <param name="token">Stops the work.</param>
    /// <returns>All findings; the image is sound when none <see cref="SifFinding.IsError"/>.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifBadMagic"/> or
    /// <see cref="ErrorIds.SifVersionUnsupported"/>: nothing can be said.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<SifFinding> Test(
        string path, SifVerificationKeys keys, SifTestOptions? options = null,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        try
        {
            using var image = SifImage.Open(path, token);
            var verification = SifVerifier.Verify(image, keys, null, progress, token);
            return [.. Structure(image), .. Signatures(image, verification, options ?? new SifTestOptions())];
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.SifCorrupt)
        {
            return [Error(SifFindingId.HeaderFault, null, error.Message)];
        }
    }

    private static IEnumerable<SifFinding> Structure(SifImage image)
    {
        var faults = image.Objects.Where(o => o.Fault is not null).ToList();
        foreach (var found in faults)
            yield return Error(SifFindingId.ObjectFault, found.Id, $"{found.Fault}.");
        // It names the first fault, which the loop has named already when it is of an object's place.
        if (image.ModificationFault is { } fault && faults.All(o => o.PlaceFault is null))
            yield return Error(SifFindingId.LayoutFault, null, $"{fault}.");

        foreach (var stale in Stale(image))
            yield return new SifFinding(SifFindingId.HeaderStale, false, null, null, stale);
    }

    private static IEnumerable<string> Stale(SifImage image)
    {
        var header = image.Header;
        if (header.DescriptorsFree != image.FreeDescriptors)
            yield return $"DescriptorsFree is {header.DescriptorsFree}; {image.FreeDescriptors} are free.";
        if (header.DataSize != image.DataSize)
            yield return $"DataSize is {header.DataSize}; the objects end after {image.DataSize} bytes.";
        if (image.HeaderArchitecture != image.Architecture)
            yield return $"Arch is {image.HeaderArchitecture.ToName()}; the primary partition's is "
                + $"{image.Architecture.ToName()}.";
    }

    private static IEnumerable<SifFinding> Signatures(
        SifImage image, SifVerification verification, SifTestOptions options)
    {
        foreach (var check in verification.Signatures)
        {
            if (!check.IsValid)
                yield return new SifFinding(
                    SifFindingId.SignatureInvalid, true, check.Id, check.Reason, check.Message);
            else if (check.Format == SifSignatureFormat.OpenPgpLegacy && !options.AllowLegacy)
                yield return new SifFinding(SifFindingId.LegacySignature, false, check.Id, null,
                    "It is of the old format, which protects neither the header nor the descriptors.");
        }

        if (!image.IsSigned)
        {
            yield return new SifFinding(SifFindingId.NotSigned, options.RequireSignature, null, null,
                "The image is not signed.");
            yield break;
        }

        // As `apptainer verify`: "signature not found for object group 2".
        var isError = options.RequireSignature || !options.AllowLegacy || !IsPrimaryCovered(image, verification);
        foreach (var group in NotSigned(image, verification, options))
            yield return new SifFinding(SifFindingId.GroupNotSigned, isError, null, null,
                $"Group {group} has no signature; Apptainer does not verify an image of which a part is signed.");
        foreach (var id in verification.UngroupedObjects)
            yield return Error(SifFindingId.ObjectNotInGroup, id,
                "It is in no group; Apptainer verifies no image with such an object.");
    }

    // What `apptainer verify --legacy-insecure` asks for, and no more.
    private static bool IsPrimaryCovered(SifImage image, SifVerification verification) =>
        image.PrimaryPartition is { } primary
        && verification.Signatures.Any(check => check.IsValid && check.CoveredIds.Contains(primary.Id));

    private static IEnumerable<uint> NotSigned(
        SifImage image, SifVerification verification, SifTestOptions options)
    {
        if (!options.AllowLegacy)
            return verification.UnsignedGroups;
        var covered = verification.Signatures.Where(s => s.Format == SifSignatureFormat.OpenPgpLegacy)
            .SelectMany(s => s.CoveredIds).ToHashSet();
        return verification.UnsignedGroups.Where(group => image.Objects.Any(o =>
            o.GroupId == group && o.DataType != SifDataType.Signature && !covered.Contains(o.Id)));
    }

    private static SifFinding Error(SifFindingId id, uint? objectId, string message) =>
        new(id, true, objectId, null, message);
}
