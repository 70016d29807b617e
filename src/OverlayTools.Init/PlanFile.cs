using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;

namespace OverlayTools.Init;

/// <summary>Reads the plan that the engine left at its descriptor.</summary>
internal static class PlanFile
{
    public static ContainerPlan Read()
    {
        using var file = new SafeFileHandle(InitProtocol.PlanDescriptor, ownsHandle: false);
        var bytes = new byte[RandomAccess.GetLength(file)];
        for (var done = 0; done < bytes.Length;)
        {
            var count = RandomAccess.Read(file, bytes.AsSpan(done), done);
            if (count == 0)
                break;
            done += count;
        }

        return JsonSerializer.Deserialize(bytes, ContainerPlanJson.Default.ContainerPlan)
            ?? throw new InvalidDataException("The plan is empty.");
    }
}
