namespace OverlayTools.Ext;

/// <summary>A time stamp as an inode of 256 bytes holds it.</summary>
/// <param name="Seconds">Seconds since 1970; from -2^31 up to the year 2310 when written.</param>
/// <param name="Nanoseconds">0 to 999,999,999.</param>
public readonly record struct ExtTime(long Seconds, uint Nanoseconds)
{
    private const long Earliest = int.MinValue;

    // What comes after that e2fsck takes for a time before 1970 that an old kernel wrote wrongly.
    private const long Latest = int.MaxValue + (2L << 32);

    /// <summary>The stamp of a moment.</summary>
    public static ExtTime From(DateTimeOffset moment)
    {
        var ticks = moment.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        var seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out var rest);
        if (rest < 0)
        {
            seconds--;
            rest += TimeSpan.TicksPerSecond;
        }

        return new ExtTime(seconds, (uint)(rest * 100));
    }

    /// <summary>The moment, to 100 nanoseconds.</summary>
    public DateTimeOffset ToDateTimeOffset() =>
        DateTimeOffset.FromUnixTimeSeconds(Seconds).AddTicks(Nanoseconds / 100);

    /// <summary>The 32 bits of old and the "extra" word: two more bits of seconds, thirty of nanoseconds. A
    /// time that does not fit becomes the next that does, as with the kernel (timestamp_truncate).</summary>
    internal (uint Low, uint Extra) Encode()
    {
        if (Seconds is < Earliest or > Latest)
            return new ExtTime(Math.Clamp(Seconds, Earliest, Latest), 0).Encode();
        var low = unchecked((uint)Seconds);
        // The low word counts as signed, so the epoch is what is left after taking it away (kernel,
        // ext4_encode_extra_time).
        var epoch = (uint)((Seconds - unchecked((int)low)) >> 32) & 3;
        return (low, Nanoseconds << 2 | epoch);
    }

    internal static ExtTime Decode(uint low, uint extra) =>
        new(unchecked((int)low) + ((long)(extra & 3) << 32), extra >> 2);
}
