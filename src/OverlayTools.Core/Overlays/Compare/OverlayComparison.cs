namespace OverlayTools.Overlays;

/// <summary>What is to be compared.</summary>
public sealed record OverlayComparison
{
    /// <summary>An overlay image, a SIF image, or a directory.</summary>
    public required string Path { get; init; }

    /// <summary>The partition of a SIF image; null for the only one.</summary>
    public uint? Id { get; init; }

    /// <summary>The base: a SIF, squashfs or ext3 image, or a directory. Null: of an overlay in a SIF image, that image's
    /// own root file system; else the base that the overlay remembers, if it is still there; else none.</summary>
    public string? BasePath { get; init; }

    /// <summary>The partition of a base that is a SIF image; null for its primary one.</summary>
    public uint? BaseId { get; init; }

    /// <summary>Overlays that lie between the overlay and the base, from the lowest on: images, SIF images, or
    /// directories.</summary>
    public IReadOnlyList<string> Lower { get; init; } = [];

    /// <summary>The path as in the container that is meant, with all that is below; <c>/</c> means all.</summary>
    public string ItemPath { get; init; } = "/";

    /// <summary>Gives the test for a component of the path that has wildcards, and null for one that has none. Null: all
    /// are names.</summary>
    public Func<string, Predicate<string>?>? Pattern { get; init; }

    /// <summary>Whether all that was in a directory that is hidden is listed, too; else the directory alone.</summary>
    public bool Recurse { get; init; }
}
