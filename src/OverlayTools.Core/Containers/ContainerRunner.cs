namespace OverlayTools.Containers;

/// <summary>Runs containers: a request goes in, a process comes out.</summary>
public static class ContainerRunner
{
    /// <summary>Opens the images, makes the plan, and starts the container.</summary>
    /// <param name="request">What to run.</param>
    /// <param name="redirectInput">Whether the caller feeds the command's standard input.</param>
    /// <param name="warnings">Takes what the user should know before the container starts.</param>
    /// <exception cref="EngineException">When it cannot be run; nothing has been changed then.</exception>
    public static ContainerProcess Start(ContainerRequest request, bool redirectInput, ICollection<string> warnings)
    {
        ContainerPlanner.CheckOptions(request);
        using var images = new ImageSet();
        var stack = ImageOpener.Open(request, images);
        BaseMemory.Check(stack, images);
        foreach (var warning in images.Warnings)
            warnings.Add(warning);

        // The plan needs a name for the session only; the directory is made when nothing can be refused any more.
        var session = SessionDirectory.Choose();
        var plan = ContainerPlanner.Plan(request, stack, Machine.ReadFacts(), session);
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
