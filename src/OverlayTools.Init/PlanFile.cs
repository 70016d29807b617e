using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;

namespace OverlayTools.Init;

/// <summary>Reads the plan that the engine left at its descriptor.</summary>
internal static class PlanFile
{
    public static ContainerPlan Read() =>
        JsonSerializer.Deserialize(Bytes(), ContainerPlanJson.Default.ContainerPlan) ?? throw Empty();

    public static JoinPlan ReadJoin() => JsonSerializer.Deserialize(Bytes(), JoinPlanJson.Default.JoinPlan) ?? throw Empty();

    private static byte[] Bytes() => InitProgram.Read(new SafeFileHandle(InitProtocol.PlanDescriptor, ownsHandle: false));

    private static InvalidDataException Empty() => new("The plan is empty.");
}
