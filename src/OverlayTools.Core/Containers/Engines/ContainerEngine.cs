using System.Text.Json.Serialization;

namespace OverlayTools.Containers.Engines;

/// <summary>What runs containers.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ContainerEngineKind>))]
public enum ContainerEngineKind
{
    /// <summary>OverlayTools itself where it can, else one that is installed.</summary>
    Auto,

    /// <summary>OverlayTools itself.</summary>
    Native,

    /// <summary>The program <c>apptainer</c>.</summary>
    Apptainer,

    /// <summary>The program <c>singularity</c>.</summary>
    Singularity,
}

/// <summary>Whether this machine lets this user do something that an engine needs.</summary>
public enum CapabilityState
{
    /// <summary>It works.</summary>
    Available,

    /// <summary>It is lacking, and this user never needs it.</summary>
    NotNeeded,

    /// <summary>It is lacking: what <see cref="EngineCapability.Purpose"/> says cannot be done.</summary>
    Missing,

    /// <summary>It is lacking: the engine cannot run anything.</summary>
    Blocking,
}

/// <summary>One thing that an engine needs, whether this machine has it, and what mends the lack.</summary>
public sealed record EngineCapability
{
    /// <summary>The engine that needs it.</summary>
    public required ContainerEngineKind Engine { get; init; }

    /// <summary>A word for it, for example <c>UserNamespaces</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is there.</summary>
    public required CapabilityState State { get; init; }

    /// <summary>What it is needed to do, as in <c>needed to …</c>.</summary>
    public required string Purpose { get; init; }

    /// <summary>What was found, or why it does not work.</summary>
    public string Detail { get; init; } = string.Empty;

    /// <summary>The version, where it is a program.</summary>
    public string? Version { get; init; }

    /// <summary>The path, where it is a file.</summary>
    public string? Path { get; init; }

    /// <summary>The command that mends the lack, to be run by root; null where nothing is lacking, or nothing helps.</summary>
    public string? Remedy { get; init; }

    /// <summary>For example <c>Unshare: Available</c>.</summary>
    public override string ToString() => $"{Name}: {State}";
}

/// <summary>What can run containers, and whether it can here.</summary>
public sealed record ContainerEngine
{
    /// <summary>Which engine.</summary>
    public required ContainerEngineKind Engine { get; init; }

    /// <summary>Whether it can run containers for this user.</summary>
    public required bool Available { get; init; }

    /// <summary>Why it cannot, or what it cannot do; empty when it can do everything.</summary>
    public required string Reason { get; init; }

    /// <summary>Its version; null when it is not installed.</summary>
    public string? Version { get; init; }

    /// <summary>Its program; null when it is not installed.</summary>
    public string? Path { get; init; }

    /// <summary>Whether it gets root's privileges from a set-user-id program when an ordinary user runs it.</summary>
    public bool IsSetuid { get; init; }

    /// <summary>Whether its set-user-id program does not mount the ext3 overlays of ordinary users.</summary>
    internal bool RefusesSetuidExt3 { get; init; }

    /// <summary>Whether nothing keeps it from running but that the kernel makes this user no namespaces.</summary>
    internal bool LacksOnlyNamespaces { get; init; }

    /// <summary>What it needs, each with whether it is there; empty for an engine that looks after itself.</summary>
    public IReadOnlyList<EngineCapability> Capabilities { get; init; } = [];

    /// <summary>The commands that mend what is lacking, to be run by root.</summary>
    public IReadOnlyList<string> Remedies { get; init; } = [];
}
