using OverlayTools.Containers;

namespace OverlayTools.Init;

/// <summary>Where things are below the session directory: short names of our own, so that nothing needs quoting in a
/// mount option, whatever the user's paths look like.</summary>
internal static class SessionLayout
{
    public static string FinalTree(ContainerPlan plan) => $"{plan.SessionDirectory}/final";

    public static string Skeleton(ContainerPlan plan) => $"{plan.SessionDirectory}/skeleton";

    /// <summary>A layer above all others, for bind points that a read-only overlay hides; usually there is none.</summary>
    public static string Top(ContainerPlan plan) => $"{plan.SessionDirectory}/top";

    public static string DataImage(ContainerPlan plan, int index) => $"{plan.SessionDirectory}/data{index}";

    public static string Staged(ContainerPlan plan, string name) => $"{plan.SessionDirectory}/{name}";

    public static string Layer(ContainerPlan plan, int index) => $"{plan.SessionDirectory}/layer{index}";

    /// <summary>The directory of a layer that joins the stack.</summary>
    public static string Content(ContainerPlan plan, int index) =>
        Path.Combine(Layer(plan, index), plan.Layers[index].Content);

    public static string Upper(ContainerPlan plan, int index) => $"{Layer(plan, index)}/upper";

    public static string Work(ContainerPlan plan, int index) => $"{Layer(plan, index)}/work";
}
