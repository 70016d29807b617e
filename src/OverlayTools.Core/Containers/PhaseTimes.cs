using System.Diagnostics;
using System.Globalization;

namespace OverlayTools.Containers;

/// <summary>
/// When the start and the end of a container came to which point. All processes of one machine read the same clock
/// (<c>CLOCK_MONOTONIC</c>), so that what the supervisor says is compared with what is measured here.
/// </summary>
internal sealed class PhaseTimes
{
    private readonly List<(string Name, long At)> _reached = [("", Now)];

    /// <summary>The clock, in its own ticks.</summary>
    public static long Now => Stopwatch.GetTimestamp();

    /// <summary>Notes that a phase is over.</summary>
    public void End(string phase) => End(phase, Now);

    /// <summary>Notes when a phase was over.</summary>
    /// <param name="phase">What was done since the one before.</param>
    /// <param name="at">When it was over, by <see cref="Now"/>.</param>
    public void End(string phase, long at) => _reached.Add((phase, at));

    /// <summary>How long each phase took, in milliseconds, in the order of time.</summary>
    public override string ToString()
    {
        var ordered = _reached.OrderBy(reached => reached.At).ToList();
        var phases = ordered.Skip(1).Zip(ordered, (end, start) => string.Create(
            CultureInfo.InvariantCulture, $"{end.Name} {Stopwatch.GetElapsedTime(start.At, end.At).TotalMilliseconds:F1}"));
        return "Phases, in ms: " + string.Join(", ", phases) + ".";
    }
}
