using System.Text.Json.Serialization;

namespace OverlayTools.Containers;

/// <summary>A command in a container that is already there.</summary>
/// <param name="ProcessId">The container's first process, as the host numbers it.</param>
/// <param name="StartTime">When it was started (<c>/proc/PID/stat</c>, field 22): another process of that number is not meant.</param>
/// <param name="Container">The container's plan, with the command, its environment and its working directories in place
/// of those that it was started with.</param>
public sealed record JoinPlan(int ProcessId, ulong StartTime, ContainerPlan Container);

/// <summary>Writes and reads such plans without reflection.</summary>
[JsonSerializable(typeof(JoinPlan))]
[JsonSourceGenerationOptions(WriteIndented = false, UseStringEnumConverter = true)]
internal sealed partial class JoinPlanJson : JsonSerializerContext;
