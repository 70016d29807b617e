namespace OverlayTools.Containers.Instances;

/// <summary>How an instance is.</summary>
public enum ContainerInstanceState
{
    /// <summary>It is being started.</summary>
    Starting,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It is being stopped, or its overlay is still being written.</summary>
    Stopping,
}

/// <summary>A container that runs in the background, under a name.</summary>
public sealed record ContainerInstance
{
    /// <summary>Its name, unique among those of its user on this machine.</summary>
    public required string Name { get; init; }

    /// <summary>How it is.</summary>
    public required ContainerInstanceState State { get; init; }

    /// <summary>The container's first process, as the host numbers it; 0 while it is being started.</summary>
    public required int ProcessId { get; init; }

    /// <summary>The process on the host that keeps it.</summary>
    public required int KeeperProcessId { get; init; }

    /// <summary>The process that mounted its layers; 0 while it is being started.</summary>
    public required int SupervisorProcessId { get; init; }

    /// <summary>Its image.</summary>
    public required string Path { get; init; }

    /// <summary>Its overlays, bottom to top; <c>:ro</c> marks those that do not change.</summary>
    public required string[] Overlay { get; init; }

    /// <summary>Whose it is.</summary>
    public required string UserName { get; init; }

    /// <summary>The machine it runs on.</summary>
    public required string HostName { get; init; }

    /// <summary>When it was started.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>Who its processes are.</summary>
    public required IdentityKind Identity { get; init; }

    /// <summary>The file that takes what its start script writes to standard output.</summary>
    public required string OutputPath { get; init; }

    /// <summary>The file that takes what its start script writes to standard error.</summary>
    public required string ErrorPath { get; init; }

    internal static ContainerInstance Of(InstanceRecord record) => new()
    {
        Name = record.Name,
        State = record.Init.Id == 0 ? ContainerInstanceState.Starting
            : record.Keeper.IsAlive() && record.Init.IsAlive() ? ContainerInstanceState.Running
            : ContainerInstanceState.Stopping,
        ProcessId = record.Init.Id,
        KeeperProcessId = record.Keeper.Id,
        SupervisorProcessId = record.Supervisor.Id,
        Path = record.ImagePath,
        Overlay = [.. record.Overlays],
        UserName = record.UserName,
        HostName = record.HostName,
        Started = record.Started.ToLocalTime(),
        Identity = record.Plan.Identity.Kind,
        OutputPath = record.OutputPath,
        ErrorPath = record.ErrorPath,
    };
}
