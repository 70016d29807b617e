namespace OverlayTools.Containers.Instances;

/// <summary>By what a command sees that it is in an instance, as with Apptainer.</summary>
internal static class InstanceEnvironment
{
    /// <summary>The environment of a command in an instance.</summary>
    public static EnvironmentPlan Add(EnvironmentPlan plan, string name) => plan with
    {
        Own = new Dictionary<string, string>(plan.Own, StringComparer.Ordinal)
        {
            ["APPTAINER_INSTANCE"] = name,
            ["SINGULARITY_INSTANCE"] = name,
        },
    };
}
