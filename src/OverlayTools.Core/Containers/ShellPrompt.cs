namespace OverlayTools.Containers;

/// <summary>By what a person sees that a shell is one in a container.</summary>
internal static class ShellPrompt
{
    private const string Variable = "PS1=";

    /// <summary>The environment, for a shell with a prompt unless it has one.</summary>
    public static IReadOnlyList<string> Add(ContainerAction action, IReadOnlyList<string> environment) =>
        action != ContainerAction.Shell || environment.Any(variable => variable.StartsWith(Variable, StringComparison.Ordinal))
            ? environment
            : [.. environment, Variable + "Container> "];
}
