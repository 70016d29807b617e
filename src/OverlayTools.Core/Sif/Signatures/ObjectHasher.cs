namespace OverlayTools.Sif.Signatures;

/// <summary>Hashes the data of objects, each at most once for each algorithm. Holes are not read.</summary>
internal sealed class ObjectHasher(IProgress<EngineProgress>? progress, CancellationToken token)
{
    // Small enough to stay in the processor's cache between the reading and the hashing.
    private const int ChunkSize = 256 << 10;

    private static readonly byte[] s_zeros = new byte[ChunkSize];

    private readonly Dictionary<string, byte[]> _known = new(StringComparer.Ordinal);
    private readonly byte[] _buffer = new byte[ChunkSize];

    /// <summary>Whether the objects' data, one after the other, has this digest. False when data is missing.</summary>
    public bool Matches(SifDigest digest, params IReadOnlyList<SifObject> objects) =>
        objects.All(o => o.PlaceFault is null) && Hash(digest, objects).AsSpan().SequenceEqual(digest.Value);

    /// <summary>The SHA-256 of an object's data.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifCorrupt"/>: it cannot be had.</exception>
    public SifDigest Sha256(SifObject signed)
    {
        if (signed.PlaceFault is not null)
            signed.OpenData();
        return new SifDigest(SifDigest.Sha256, Hash(new SifDigest(SifDigest.Sha256, []), [signed]));
    }

    private byte[] Hash(SifDigest like, IReadOnlyList<SifObject> objects)
    {
        var name = $"{like.Algorithm} {string.Join(' ', objects.Select(o => o.Slot))}";
        if (_known.TryGetValue(name, out var known))
            return known;
        using var hash = like.CreateHash();
        foreach (var one in objects)
            Append(hash, one);
        return _known[name] = hash.Finish();
    }

    private void Append(StreamHash hash, SifObject hashed)
    {
        var data = hashed.DataWindow();
        var activity = $"Hashing object {hashed.Id}";
        long nextData = 0;
        for (long done = 0; done < data.Length;)
        {
            token.ThrowIfCancellationRequested();
            progress?.Report(new EngineProgress(activity, done, data.Length));
            if (nextData <= done)
                nextData = data.NextData(done);
            var count = (int)Math.Min(ChunkSize, data.Length - done);
            if (nextData > done)
            {
                count = (int)Math.Min(count, nextData - done);
                hash.Append(s_zeros.AsSpan(0, count));
            }
            else
            {
                data.Read(done, _buffer.AsSpan(0, count));
                hash.Append(_buffer.AsSpan(0, count));
            }

            done += count;
        }

        progress?.Report(new EngineProgress(activity, data.Length, data.Length));
    }
}
