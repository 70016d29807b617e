using System.Text.Json.Serialization;

namespace OverlayTools.Containers.Instances;

/// <summary>A process that is not mistaken for a later one of the same number.</summary>
/// <param name="Id">Its number on the host; 0 for none.</param>
/// <param name="StartTime">When it was started, in ticks since the machine was.</param>
internal readonly record struct ProcessMark(int Id, ulong StartTime);

/// <summary>What is written down about an instance, so that every session of its user finds it again.</summary>
internal sealed record InstanceRecord
{
    public required string Name { get; init; }

    public required string HostName { get; init; }

    /// <summary>Which run of the machine (<c>/proc/sys/kernel/random/boot_id</c>): process numbers mean nothing in another.</summary>
    public required string BootId { get; init; }

    public required string UserName { get; init; }

    public required string ImagePath { get; init; }

    public required IReadOnlyList<string> Overlays { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Who keeps the instance; while it is being started, who starts it.</summary>
    public required ProcessMark Keeper { get; init; }

    /// <summary>Who mounted its layers.</summary>
    public ProcessMark Supervisor { get; init; }

    /// <summary>The first process in the container.</summary>
    public ProcessMark Init { get; init; }

    public required string OutputPath { get; init; }

    public required string ErrorPath { get; init; }

    /// <summary>Why it has ended, when nobody asked for it.</summary>
    public string? Failure { get; init; }

    public required ContainerPlan Plan { get; init; }
}

/// <summary>What the process that keeps an instance is given.</summary>
/// <param name="Record">The instance.</param>
/// <param name="Directory">Where the record is.</param>
/// <param name="ImageCount">Images that it inherits.</param>
internal sealed record InstanceTask(InstanceRecord Record, string Directory, int ImageCount);

/// <summary>Writes and reads records without reflection.</summary>
[JsonSerializable(typeof(InstanceRecord))]
[JsonSerializable(typeof(InstanceTask))]
[JsonSourceGenerationOptions(WriteIndented = false, UseStringEnumConverter = true)]
internal sealed partial class InstanceJson : JsonSerializerContext;
