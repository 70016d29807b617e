using System.Globalization;
using OverlayTools.Overlays;

namespace OverlayTools.Containers;

/// <summary>
/// Whether the chosen identity can write an overlay: the kernel refuses every write below a directory whose owner or
/// group has no name in the user namespace. Said before the start: what it is, whose <c>upper</c> it is, and what mends it.
/// </summary>
internal static class OwnerDiagnosis
{
    /// <summary>Refuses an overlay that the identity cannot write.</summary>
    /// <param name="layer">The overlay that is to take the changes.</param>
    /// <param name="identity">Who the container's processes are.</param>
    /// <param name="fakeRoot">Whether <c>-FakeRoot</c> was given.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayOwnerMismatch"/>.</exception>
    public static void Require(LayerSource layer, IdentityPlan identity, bool fakeRoot)
    {
        if (!identity.InUserNamespace || layer.UpperOwner is not { } ids)
            return;
        var owner = new OverlayOwner(ids.UserId, ids.GroupId);
        var isDirectory = layer.Kind == LayerKind.Directory;
        // The ids in an image are the container's own, since fuse2fs runs inside the user namespace. Those of a
        // directory are the host's.
        if (CanWrite(identity, owner, isDirectory))
            return;

        var user = identity.UserMap[0].Outside;
        throw new EngineException(ErrorIds.OverlayOwnerMismatch,
            $"The overlay '{layer.Path}' is {(isDirectory ? "a directory" : layer.Offset > 0 ? "an image in a SIF image" : "an image")} "
            + $"whose 'upper' belongs to {Name(owner, user, isDirectory)}, and cannot be written as {Name(identity, fakeRoot)}.",
            Advice(layer, identity, owner, user, fakeRoot), layer.Path);
    }

    private static bool CanWrite(IdentityPlan identity, OverlayOwner owner, bool outside)
    {
        var isMapped = IsMapped(identity.UserMap, owner.UserId, outside) && IsMapped(identity.GroupMap, owner.GroupId, outside);
        if (!isMapped)
            return false;
        // Root in the namespace may write whatever is mapped there; an ordinary user what is his.
        return identity.UserId == 0 || owner.UserId == identity.UserId;
    }

    private static bool IsMapped(IReadOnlyList<IdMapping> map, uint id, bool outside) => map.Any(run =>
    {
        var start = outside ? run.Outside : run.Inside;
        return id >= start && id - start < run.Count;
    });

    private static string Name(OverlayOwner owner, uint user, bool outside) => (owner.UserId, outside) switch
    {
        (0, true) => "root",
        (0, false) => "root (it was made for -FakeRoot, or by root)",
        var (id, _) when id == user => string.Create(CultureInfo.InvariantCulture, $"you ({owner})"),
        (var id, true) when id >= 100_000 => string.Create(CultureInfo.InvariantCulture,
            $"{owner}, perhaps a subordinate id of somebody"),
        _ => string.Create(CultureInfo.InvariantCulture, $"user {owner.UserId}, group {owner.GroupId}"),
    };

    private static string Name(IdentityPlan identity, bool fakeRoot) => identity.Kind switch
    {
        IdentityKind.RootMapped => "root in a user namespace that knows no other id (you have no subordinate ids)",
        _ when fakeRoot => "root in a user namespace with your subordinate ids",
        _ => string.Create(CultureInfo.InvariantCulture, $"user {identity.UserId}"),
    };

    private static string Advice(LayerSource layer, IdentityPlan identity, OverlayOwner owner, uint user, bool fakeRoot)
    {
        const string readOnly = "open it read-only with ':ro'";
        var isDirectory = layer.Kind == LayerKind.Directory;
        var isMine = owner.UserId == user;
        if (!fakeRoot && !isDirectory && owner.UserId == 0)
            return $"Run with -FakeRoot, make it yours with: Set-OverlayImage {Quote(layer.Path)} -Owner {Me(identity)}, or {readOnly}.";
        if (fakeRoot && !isDirectory && isMine)
            return $"Run without -FakeRoot, make it root's with: Set-OverlayImage {Quote(layer.Path)} -Owner 0:0, or {readOnly}.";
        if (!isDirectory)
            return $"Change its owner with: Set-OverlayImage {Quote(layer.Path)} -Owner {(fakeRoot ? "0:0" : Me(identity))}, or {readOnly}.";
        if (!fakeRoot && owner.UserId != 0 && !isMine)
            return $"If you made it with -FakeRoot, run with -FakeRoot; or {readOnly}.";
        if (isMine)
            return $"Give 'upper' your own group: chgrp {identity.GroupMap[0].Outside.ToString(CultureInfo.InvariantCulture)} "
                + $"{Quote(Path.Combine(layer.Path, "upper"))}; or {readOnly}.";
        return $"Have its owner give it to you, or {readOnly}; an overlay image can change its owner with Set-OverlayImage.";
    }

    private static string Me(IdentityPlan identity) =>
        string.Create(CultureInfo.InvariantCulture, $"{identity.UserMap[0].Outside}:{identity.GroupMap[0].Outside}");

    private static string Quote(string path) => $"'{path.Replace("'", "''", StringComparison.Ordinal)}'";
}
