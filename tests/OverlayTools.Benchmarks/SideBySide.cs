using System.Diagnostics;

namespace OverlayTools.Benchmarks;

/// <summary>The times of one side, in milliseconds.</summary>
internal sealed record Sample(double Minimum, double Median, double Maximum)
{
    public static Sample Of(IEnumerable<double> milliseconds)
    {
        double[] sorted = [.. milliseconds.Order()];
        return new Sample(sorted[0], (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[^1]);
    }
}

/// <summary>What a scenario took on both sides.</summary>
/// <param name="Scenario">What was measured.</param>
/// <param name="Peer">The peer's times.</param>
/// <param name="Ours">Our times.</param>
/// <param name="Ratio">How many times faster ours is, from each run of the peer and the run of ours after it.</param>
internal sealed record Comparison(Scenario Scenario, Sample Peer, Sample Ours, Sample Ratio);

/// <summary>Runs both sides of a scenario in turn, so that whatever else the machine does meets both.</summary>
internal static class SideBySide
{
    private const int WarmUps = 2;

    /// <summary>Measures a scenario.</summary>
    /// <param name="scenario">What to measure.</param>
    /// <param name="runs">How often each side runs after the warm-up.</param>
    public static Comparison Measure(Scenario scenario, int runs)
    {
        var peer = new List<double>();
        var ours = new List<double>();
        for (var i = 0; i < scenario.SettlingRuns; i++)
            _ = Time(scenario, scenario.Ours);
        runs = Math.Min(runs, scenario.MostRuns);
        for (var i = 0; i < WarmUps + runs; i++)
        {
            peer.Add(Time(scenario, scenario.Peer));
            ours.Add(Time(scenario, scenario.Ours));
        }

        var ratios = peer.Zip(ours, (one, other) => one / other);
        return new Comparison(
            scenario, Sample.Of(peer.Skip(WarmUps)), Sample.Of(ours.Skip(WarmUps)), Sample.Of(ratios.Skip(WarmUps)));
    }

    private static double Time(Scenario scenario, Action side)
    {
        scenario.Prepare();
        var start = Stopwatch.GetTimestamp();
        side();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
