using OverlayTools.IO;

namespace OverlayTools.Sif.Signatures;

/// <summary>What was signed.</summary>
/// <param name="Signatures">The new signature objects, in the order of their groups.</param>
/// <param name="Locked">False when the file system knows no locks, so that nothing kept others out.</param>
public sealed record SifSigningResult(IReadOnlyList<SifObject> Signatures, bool Locked);

/// <summary>Signs images with a private key, in the way of Apptainer: one DSSE signature object for each group (SIF
/// specification, 4.3 and 4.4).</summary>
public static class SifSigning
{
    /// <summary>Signs groups: all of them, or none.</summary>
    /// <param name="path">The image. It is locked exclusively, as a whole, from the hashing on.</param>
    /// <param name="key">The key.</param>
    /// <param name="groups">The groups; null for all.</param>
    /// <param name="ids">Only these objects, each of which has to be in one of the groups; null for all of a
    /// group.</param>
    /// <param name="options">The time that the change leaves; null for the ordinary one.</param>
    /// <param name="progress">Told of the bytes hashed.</param>
    /// <param name="token">Stops the work; the image stays what it was.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>: no such group, or no such object in it;
    /// <see cref="ErrorIds.SifInvalidValue"/>: there is nothing to sign; <see cref="ErrorIds.SifNoFreeDescriptor"/>,
    /// <see cref="ErrorIds.SifCorrupt"/>, or what opening the image throws.</exception>
    public static SifSigningResult Sign(
        string path, SifSigningKey key, IReadOnlyCollection<uint>? groups = null,
        IReadOnlyCollection<uint>? ids = null, SifChangeOptions? options = null,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        using var file = SifFile.Open(path, writable: true);
        using var use = ExclusiveUse.Lock(file, path);
        // What somebody writes through a mount, which takes no lock, is not what the signature would be about.
        ImageUsers.Refuse(file, path, 0, 0, user => user.Access == ImageAccess.Write);
        var window = new FileWindow(file);
        SifEditor.RefuseUsedRemains(use, window, path, token);
        var signatures = Prepare(window, path, key, groups, ids, new ObjectHasher(progress, token), token);
        return new SifSigningResult(
            SifEditor.AddAll(window, path, signatures, options, null, token), use.IsLocked);
    }

    // All of them before the first change: what cannot be signed leaves the image as it was.
    private static List<SifNewObject> Prepare(
        Window file, string path, SifSigningKey key, IReadOnlyCollection<uint>? groups,
        IReadOnlyCollection<uint>? ids, ObjectHasher hasher, CancellationToken token)
    {
        using var image = SifImage.Open(file, path, token);
        List<SifNewObject> signatures = [.. Choose(image, groups, ids).Select(c => Sign(image, c, key, hasher))];
        return image.FreeDescriptors >= signatures.Count
            ? signatures
            : throw new EngineException(ErrorIds.SifNoFreeDescriptor,
                $"'{path}' has {image.FreeDescriptors} free descriptors; its signatures need {signatures.Count}.",
                "Remove an object that is not needed, or sign fewer groups.", path);
    }

    private static SifNewObject Sign(
        SifImage image, (SifGroup Group, IEnumerable<SifObject> Objects) chosen, SifSigningKey key, ObjectHasher hasher)
    {
        var (group, objects) = chosen;
        var message = new SifSignedMessage(
            SifDigest.Of(SifGroup.HeaderStream(image.Header)),
            [.. objects.OrderBy(o => o.Id).Select(o => new SifSignedObject(
                o.Id - group.FirstId, SifDigest.Of(group.DescriptorStream(o)), hasher.Sha256(o)))]);
        var payload = message.ToJson();
        var signature = new DsseSignature(key.KeyId, key.Sign(DsseEnvelope.Encode(payload)));
        return new SifNewObject
        {
            DataType = SifDataType.Signature,
            Content = SifContent.FromBytes(new DsseEnvelope(payload, [signature]).ToJson()),
            GroupId = null,
            LinkedId = group.Number,
            LinkedToGroup = true,
            // What the reference implementation stores for every DSSE signature.
            Metadata = new SifSignatureMetadata(SifHashType.Sha256, null),
        };
    }

    private static List<(SifGroup Group, IEnumerable<SifObject> Objects)> Choose(
        SifImage image, IReadOnlyCollection<uint>? groups, IReadOnlyCollection<uint>? ids)
    {
        if (image.ModificationFault is { } fault)
            throw SifFailure.NotChangeable(image.Path, fault);
        if (image.Objects.FirstOrDefault(o => o.GroupId is null && o.DataType != SifDataType.Signature) is { } stray)
            throw new EngineException(ErrorIds.SifInvalidValue,
                $"Object {stray.Id} of '{image.Path}' is in no group, and such an image never verifies.",
                "Build an image in which every object is in a group.", image.Path);

        var all = new SifGroups(image).All.ToList();
        foreach (var missing in (groups ?? []).Where(g => all.All(known => known.Number != g)))
            throw NotFound(image, $"no group {missing}");
        var wanted = all.Where(g => groups is null || groups.Contains(g.Number)).ToList();
        foreach (var missing in (ids ?? []).Where(id => wanted.All(g => g.Objects.All(o => o.Id != id))))
            throw NotFound(image, $"no object {missing} in a group to sign");

        List<(SifGroup, IEnumerable<SifObject>)> chosen = [.. wanted
            .Select(g => (g, g.Objects.Where(o => ids is null || ids.Contains(o.Id))))
            .Where(c => c.Item2.Any())];
        return chosen.Count > 0
            ? chosen
            : throw new EngineException(ErrorIds.SifInvalidValue, $"'{image.Path}' has no object to sign.",
                "Add a partition first.", image.Path);
    }

    private static EngineException NotFound(SifImage image, string what) => new(ErrorIds.SifDescriptorNotFound,
        $"'{image.Path}' has {what}.", "Get-SifDescriptor lists the objects and groups there are.", image.Path);
}
