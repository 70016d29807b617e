using System.Diagnostics.CodeAnalysis;
using OverlayTools.Containers.Engines;

namespace OverlayTools.Containers;

/// <summary>A container that runs, whatever runs it.</summary>
public interface IRunningContainer : IDisposable
{
    /// <summary>What runs it.</summary>
    public ContainerEngineKind Engine { get; }

    /// <summary>The process on the host that watches over it.</summary>
    public int ProcessId { get; }

    /// <summary>The command's standard input; null when it has the caller's.</summary>
    public Stream? Input { get; }

    /// <summary>The command's standard output; null when it has the caller's.</summary>
    public Stream? Output { get; }

    /// <summary>The command's standard error; null when it has the caller's.</summary>
    public Stream? Error { get; }

    /// <summary>Completes when the command has ended and nothing is mounted any more.</summary>
    public Task<ContainerOutcome> Completion { get; }

    /// <summary>What the root file system and the overlays are mounted from, where that is known.</summary>
    public IReadOnlyList<LayerPlan> Layers { get; }

    /// <summary>Takes the oldest message that the user should see and that was not taken yet.</summary>
    public bool TryTakeWarning([NotNullWhen(true)] out string? text);

    /// <summary>Takes the oldest message for curious users that was not taken yet.</summary>
    public bool TryTakeNote([NotNullWhen(true)] out string? text);

    /// <summary>Asks the container to end: the command gets SIGTERM, then SIGKILL.</summary>
    public void Stop();
}
