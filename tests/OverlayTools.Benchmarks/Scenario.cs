namespace OverlayTools.Benchmarks;

/// <summary>One thing that can be done with OverlayTools and with its peer.</summary>
/// <param name="Name">What is done.</param>
/// <param name="PeerName">What the peer is called in the table.</param>
/// <param name="Peer">Does it with the peer.</param>
/// <param name="Ours">Does it with OverlayTools.</param>
internal sealed record Scenario(string Name, string PeerName, Action Peer, Action Ours)
{
    /// <summary>Runs before each of the two, outside the measured time.</summary>
    public Action Prepare { get; init; } = static () => { };

    /// <summary>How many times faster than the peer ours should be; below 1, it may be slower. Null where nobody
    /// said.</summary>
    public double? Wanted { get; init; }

    /// <summary>The most runs that count, for what takes long.</summary>
    public int MostRuns { get; init; } = int.MaxValue;

    /// <summary>
    /// Runs of our side before the first that counts: in a session that has been running, the just-in-time compiler has
    /// settled, which takes it some fifty calls.
    /// </summary>
    public int SettlingRuns { get; init; }
}
