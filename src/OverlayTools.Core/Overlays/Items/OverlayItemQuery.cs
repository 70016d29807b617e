namespace OverlayTools.Overlays;

/// <summary>Which items of an overlay are meant.</summary>
public sealed record OverlayItemQuery
{
    /// <summary>An overlay image, a SIF image, or a directory with <c>upper</c> in it.</summary>
    public required string Path { get; init; }

    /// <summary>The one partition of a SIF image; null for all ext3 ones.</summary>
    public uint? Id { get; init; }

    /// <summary>The path as in the container; <c>/</c> means what is in the overlay.</summary>
    public string ItemPath { get; init; } = "/";

    /// <summary>Gives the test for a component of the path that has wildcards, and null for one that has none. Null: all
    /// are names.</summary>
    public Func<string, Predicate<string>?>? Pattern { get; init; }

    /// <summary>Whether all that is below is meant too.</summary>
    public bool Recurse { get; init; }

    /// <summary>How many levels below are meant; null for none, or all with <see cref="Recurse"/>.</summary>
    public int? Depth { get; init; }
}
