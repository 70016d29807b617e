namespace OverlayTools.Sif;

/// <summary>Which time a change leaves in an image.</summary>
public sealed class SifChangeOptions
{
    /// <summary>This time; null for now, or for none when the image is deterministic.</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>No time, whatever the image has. <see cref="Time"/> overrides it.</summary>
    public bool Deterministic { get; init; }

    /// <summary>Give a full table more slots instead of refusing another object.</summary>
    public bool GrowTable { get; init; }

    internal long Seconds(bool deterministicImage) =>
        Time?.ToUnixTimeSeconds() ?? (Deterministic || deterministicImage ? SifTime.Unset : SifTime.Now());
}

/// <summary>What a new image is like.</summary>
public sealed class SifCreateOptions
{
    /// <summary>The launch script of Apptainer and Singularity.</summary>
    public const string RunSingularity = "#!/usr/bin/env run-singularity\n";

    /// <summary>The line that runs the container: at most 31 bytes.</summary>
    public string LaunchScript { get; init; } = "";

    /// <summary>The image's identity; null for a random one, or for none when <see cref="Deterministic"/>.</summary>
    public Guid? Id { get; init; }

    /// <summary>Slots in the table, from 0 to 2^32 - 2.</summary>
    public long Capacity { get; init; } = SifLayout.DefaultCapacity;

    /// <summary>The time of creation; null for now, or for none when <see cref="Deterministic"/>.</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>Neither identity nor times, so that the same objects make the same bytes.</summary>
    public bool Deterministic { get; init; }
}
