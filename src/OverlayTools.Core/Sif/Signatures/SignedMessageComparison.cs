namespace OverlayTools.Sif.Signatures;

/// <summary>Compares what a signed message says with the image (SIF specification, 4.7 steps 5, 7 and 8).</summary>
internal sealed class SignedMessageComparison
{
    private readonly SifHeader _header;
    private readonly SifGroup _group;
    private readonly SifSignedMessage _message;
    private readonly ObjectHasher _hasher;
    private readonly IReadOnlyCollection<uint>? _wanted;
    private readonly List<(ulong Id, SifSignedObject Signed)> _signed;

    /// <summary>A comparison.</summary>
    /// <param name="header">The image's header.</param>
    /// <param name="group">The group that the signature is about; not empty.</param>
    /// <param name="message">What it says.</param>
    /// <param name="hasher">Hashes data.</param>
    /// <param name="wanted">The objects that count; null when all of the group do.</param>
    public SignedMessageComparison(
        SifHeader header, SifGroup group, SifSignedMessage message, ObjectHasher hasher,
        IReadOnlyCollection<uint>? wanted)
    {
        (_header, _group, _message, _hasher, _wanted) = (header, group, message, hasher, wanted);
        // A sum beyond 32 bits is the id of no object.
        _signed = [.. message.Objects.Select(o => ((ulong)group.FirstId + o.RelativeId, o)).OrderBy(o => o.Item1)];
    }

    /// <summary>The ids that the message names, ascending, each once.</summary>
    public IReadOnlyList<uint> CoveredIds =>
        [.. _signed.Where(s => s.Id <= uint.MaxValue).Select(s => (uint)s.Id).Distinct()];

    /// <summary>Compares, and stops at the first difference.</summary>
    /// <param name="what">The object that differs.</param>
    /// <returns>Null when all is as the message says.</returns>
    public SifSignatureReason? Run(out string what)
    {
        what = "";
        var present = _group.Objects.ToLookup(o => (ulong)o.Id);
        var covered = _signed.Select(s => s.Id).ToHashSet();
        if (_wanted is null && _group.Objects.FirstOrDefault(o => !covered.Contains(o.Id)) is { } left)
            return Differs(left.Id, SifSignatureReason.ObjectNotSigned, out what);
        foreach (var (id, _) in _signed.Where(s => !present.Contains(s.Id) && IsWanted(s.Id)))
            return Differs(id, SifSignatureReason.ObjectMissing, out what);
        if (!_message.Header.Matches(SifGroup.HeaderStream(_header)))
            return SifSignatureReason.HeaderChanged;
        foreach (var (id, signed) in _signed.Where(s => IsWanted(s.Id)))
        {
            foreach (var found in present[id])
            {
                if (!signed.Descriptor.Matches(_group.DescriptorStream(found)))
                    return Differs(id, SifSignatureReason.DescriptorChanged, out what);
                if (!_hasher.Matches(signed.Data, found))
                    return Differs(id, SifSignatureReason.ObjectChanged, out what);
            }
        }

        return null;
    }

    private bool IsWanted(ulong id) => _wanted is null || (id <= uint.MaxValue && _wanted.Contains((uint)id));

    private static SifSignatureReason Differs(ulong id, SifSignatureReason reason, out string what)
    {
        what = $"object {id}";
        return reason;
    }
}
