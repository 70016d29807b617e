namespace OverlayTools.Containers;

/// <summary>Runs containers: a request goes in, a process comes out.</summary>
public static class ContainerRunner
{
    /// <summary>Opens the images, makes the plan, and closes them again: what a start would do, without doing it.</summary>
    /// <param name="request">What to run.</param>
    /// <exception cref="EngineException">When it cannot be run.</exception>
    public static ContainerPlan Plan(ContainerRequest request)
    {
        ContainerPlanner.CheckOptions(request);
        using var images = new ImageSet();
        var stack = ImageOpener.Open(request, images) with { DataImages = BindImageOpener.Open(request, images) };
        var plan = ContainerPlanner.Plan(request, stack, Machine.ReadFacts(), SessionDirectory.Choose());
        return plan with { Warnings = [.. images.Warnings, .. plan.Warnings] };
    }

    /// <summary>Opens the images, makes the plan, and starts the container.</summary>
    /// <param name="request">What to run.</param>
    /// <param name="redirectInput">Whether the caller feeds the command's standard input.</param>
    /// <param name="warnings">Takes what the user should know before the container starts.</param>
    /// <exception cref="EngineException">When it cannot be run; nothing has been changed then.</exception>
    public static ContainerProcess Start(ContainerRequest request, bool redirectInput, ICollection<string> warnings)
    {
        ContainerPlanner.CheckOptions(request);
        using var images = new ImageSet();
        var stack = ImageOpener.Open(request, images) with { DataImages = BindImageOpener.Open(request, images) };
        BaseMemory.Check(stack, images);
        foreach (var warning in images.Warnings)
            warnings.Add(warning);

        // The plan needs a name for the session only; the directory is made when nothing can be refused any more.
        var session = SessionDirectory.Choose();
        var plan = ContainerPlanner.Plan(request, stack, Machine.ReadFacts(), session);
        foreach (var warning in plan.Warnings)
            warnings.Add(warning);
        BaseMemory.Record(stack, images);
        SessionDirectory.Create(session);
        var marks = WriterMarks.For(stack, images);
        try
        {
            return ContainerProcess.Start(plan, images.Files, redirectInput, marks);
        }
        catch
        {
            marks.Dispose();
            Directory.Delete(session);
            throw;
        }
    }
}
