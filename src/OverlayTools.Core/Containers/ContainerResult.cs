namespace OverlayTools.Containers;

/// <summary>What became of a command in a container.</summary>
public sealed record ContainerResult
{
    /// <summary>The command's exit code; 128 + signal when a signal ended it; 255 when the container could not be run.</summary>
    public required int ExitCode { get; init; }

    /// <summary>What it wrote to standard output: lines, or one text, or bytes, as was asked for.</summary>
    public required object Output { get; init; }

    /// <summary>What it wrote to standard error, in lines.</summary>
    public required string[] Error { get; init; }

    /// <summary>From its start until nothing was mounted any more.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Whether it was ended because its time was up.</summary>
    public required bool TimedOut { get; init; }

    /// <summary>What ran it.</summary>
    public required string Engine { get; init; }

    /// <summary>The image, or the instance's.</summary>
    public required string Path { get; init; }

    /// <summary>The instance that it ran in; null for a container of its own.</summary>
    public string? Instance { get; init; }

    /// <summary>The command and its arguments, as they were given.</summary>
    public required string[] Command { get; init; }

    /// <summary>The layers of the container, bottom to top.</summary>
    public required LayerPlan[] Layers { get; init; }
}
