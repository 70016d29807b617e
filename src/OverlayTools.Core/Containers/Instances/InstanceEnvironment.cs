namespace OverlayTools.Containers.Instances;

/// <summary>By what a command sees that it is in an instance, as with Apptainer.</summary>
internal static class InstanceEnvironment
{
    public static IEnumerable<string> Of(string name) => [$"APPTAINER_INSTANCE={name}", $"SINGULARITY_INSTANCE={name}"];
}
