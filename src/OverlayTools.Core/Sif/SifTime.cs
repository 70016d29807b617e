namespace OverlayTools.Sif;

/// <summary>Times in a SIF image: whole seconds since 1970, with a value of its own for "none".</summary>
public static class SifTime
{
    /// <summary>No time: the Unix time of 0001-01-01T00:00:00Z, Go's zero time. Zero itself is an ordinary
    /// time.</summary>
    public const long Unset = -62135596800;

    private const long EndOfYear9999 = 253402300799;

    /// <summary>The time for people; null when unset, or outside the years that .NET counts.</summary>
    /// <param name="seconds">Seconds since 1970-01-01T00:00:00Z, as stored.</param>
    public static DateTimeOffset? ToDateTimeOffset(long seconds) =>
        seconds is > Unset and <= EndOfYear9999 ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;

    internal static long Now() => DateTimeOffset.UtcNow.ToUnixTimeSeconds();
}
