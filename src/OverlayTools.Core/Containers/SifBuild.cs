using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>What a new SIF image shall be made of.</summary>
public sealed record SifBuild
{
    /// <summary>The file to make.</summary>
    public required string Path { get; init; }

    /// <summary>Where the root file system comes from: a directory or a tar archive, which is packed, or a squashfs, ext3 or
    /// LUKS image, which is taken as it is. Null for an image without one.</summary>
    public string? Source { get; init; }

    /// <summary>The root file system's format: squashfs, ext3, or null for squashfs where it can be packed, else ext3.</summary>
    public SifFileSystem? FileSystem { get; init; }

    /// <summary>The processor architecture of the programs inside.</summary>
    public SifArchitecture Architecture { get; init; } = SifArchitectures.Host;

    /// <summary>The definition that the image was made from, to keep with it; null for none.</summary>
    public byte[]? Definition { get; init; }

    /// <summary>The text of the run script; null keeps what the source has.</summary>
    public string? RunScript { get; init; }

    /// <summary>Labels by name; null keeps what the source has.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>Variables that a container gets, by name; null keeps what the source has.</summary>
    public IReadOnlyDictionary<string, string>? Environment { get; init; }

    /// <summary>The header's launch script; null for Apptainer's, or none without a source.</summary>
    public string? LaunchScript { get; init; }

    /// <summary>Neither identity nor times of its own, so that the same source makes the same bytes.</summary>
    public bool Deterministic { get; init; }

    /// <summary>Let root own every file, whoever owns it in the source.</summary>
    public bool RootOwned { get; init; }

    /// <summary>Replace an existing file.</summary>
    public bool Force { get; init; }
}

/// <summary>What was made.</summary>
/// <param name="FileSystem">The root file system's format; null without one.</param>
/// <param name="Warnings">What the user should know, for example files that could not be read.</param>
public sealed record SifBuildResult(SifFileSystem? FileSystem, IReadOnlyList<string> Warnings);
