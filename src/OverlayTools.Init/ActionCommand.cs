using OverlayTools.Containers;

namespace OverlayTools.Init;

/// <summary>Finds what is to be run for an action, by the files in the container (Apptainer's rules).</summary>
internal static class ActionCommand
{
    private static readonly string[] s_runScripts = ["/.singularity.d/runscript", "/singularity", "/apptainer"];
    private const string StartScript = "/.singularity.d/startscript";

    /// <summary>The command and its arguments; null when there is nothing to run.</summary>
    /// <param name="plan">The action and its arguments.</param>
    /// <param name="isProgram">Whether a path in the container is an executable file.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.ContainerCommandNotFound"/>.</exception>
    public static IReadOnlyList<string>? Resolve(ContainerPlan plan, Func<string, bool> isProgram) => plan.Action switch
    {
        ContainerAction.Run => [.. RunScript(isProgram), .. plan.Command],
        ContainerAction.Shell => [.. Shell(plan.ShellPath, isProgram), .. plan.Command],
        ContainerAction.Start => isProgram(StartScript) ? [StartScript, .. plan.Command] : null,
        _ => plan.Command,
    };

    private static string[] RunScript(Func<string, bool> isProgram)
    {
        if (s_runScripts.FirstOrDefault(isProgram) is { } script)
            return [script];
        if (!isProgram("/bin/sh"))
            throw new EngineException(ErrorIds.ContainerCommandNotFound,
                "The image has no run script, and no /bin/sh to run instead. Give a command after '--', without -Run.");
        StatusChannel.Note("The image has no run script; /bin/sh is run.");
        return ["/bin/sh"];
    }

    private static string[] Shell(string? asked, Func<string, bool> isProgram)
    {
        if (asked is not null)
        {
            return isProgram(asked)
                ? [asked]
                : throw new EngineException(ErrorIds.ContainerCommandNotFound, $"The container has no shell '{asked}'.");
        }

        if (isProgram("/bin/bash"))
            return ["/bin/bash", "--norc"];
        return isProgram("/bin/sh")
            ? ["/bin/sh"]
            : throw new EngineException(ErrorIds.ContainerCommandNotFound,
                "The container has neither /bin/bash nor /bin/sh. Name another shell with -ShellPath.");
    }
}
