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

    /// <summary>What the user should know; complete with <see cref="Completion"/>.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>What only a curious user wants to know; complete with <see cref="Completion"/>.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Asks the container to end: the command gets SIGTERM, then SIGKILL.</summary>
    public void Stop();
}
