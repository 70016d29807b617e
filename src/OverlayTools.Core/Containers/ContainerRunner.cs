namespace OverlayTools.Containers;

/// <summary>Runs containers: a request goes in, a process comes out.</summary>
public static class ContainerRunner
{
    /// <summary>Opens the images, makes the plan, and starts the container.</summary>
    /// <param name="request">What to run.</param>
    /// <param name="streams">What the command reads and writes.</param>
    /// <param name="warnings">Takes what the user should know before the container starts.</param>
    /// <exception cref="EngineException">When it cannot be run; nothing has been changed then.</exception>
    public static ContainerProcess Start(ContainerRequest request, ContainerStreams streams, ICollection<string> warnings)
    {
        using var images = new ImageSet();
        var plan = Prepare(request, images, warnings);
        SessionDirectory.Create(plan.SessionDirectory);
        var marks = WriterMarks.For(plan, images.Files);
        try
        {
            return ContainerProcess.Start(plan, images.Files, streams, marks);
        }
        catch
        {
            marks.Dispose();
            Directory.Delete(plan.SessionDirectory);
            throw;
        }
    }

    /// <summary>Opens the images and makes the plan; its session directory is still to be made.</summary>
    internal static ContainerPlan Prepare(ContainerRequest request, ImageSet images, ICollection<string> warnings)
    {
        ContainerPlanner.CheckOptions(request);
        var stack = ImageOpener.Open(request, images);
        foreach (var warning in images.Warnings)
            warnings.Add(warning);

        // The plan needs a name for the session only; the directory is made when nothing can be refused any more.
        var plan = ContainerPlanner.Plan(request, stack, Machine.ReadFacts(), SessionDirectory.Choose());
        return plan with
        {
            Environment = ShellPrompt.Add(request.Action, plan.Environment),
            Action = request.Action,
            ShellPath = request.ShellPath,
            TakesTerminal = request.Action == ContainerAction.Shell,
        };
    }
}
