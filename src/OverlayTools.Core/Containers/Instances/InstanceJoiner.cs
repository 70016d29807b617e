namespace OverlayTools.Containers.Instances;

/// <summary>Runs commands in instances.</summary>
public static class InstanceJoiner
{
    /// <summary>Starts a command in the namespaces of an instance.</summary>
    /// <param name="name">The instance's name.</param>
    /// <param name="request">What to run, and the caller's working directory; the rest is the instance's.</param>
    /// <param name="streams">What the command reads and writes.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.InstanceNotFound"/>.</exception>
    public static ContainerProcess Start(string name, ContainerRequest request, ContainerStreams streams)
    {
        InstanceName.Check(name);
        if (InstanceStore.Open().Find(name) is not { } record || !record.Keeper.IsAlive() || !record.Init.IsAlive())
            throw NotFound(name);
        return ContainerProcess.Join(new JoinPlan(record.Init.Id, record.Init.StartTime, Plan(record, request)), streams);
    }

    /// <summary>The error that an instance does not exist.</summary>
    public static EngineException NotFound(string name) =>
        new(ErrorIds.InstanceNotFound, $"There is no instance '{name}' on this machine.",
            "Get-ContainerInstance lists those there are.", name);

    private static ContainerPlan Plan(InstanceRecord record, ContainerRequest request)
    {
        var facts = Machine.ReadFacts();
        var ofImage = request with { ImagePath = record.ImagePath };
        var home = HomePlanner.Inside(ofImage, record.Plan.Identity, facts);
        var environment = EnvironmentPlanner.Plan(ofImage, facts, home, record.Plan.CommandPrefix.Count > 0, []);
        return record.Plan with
        {
            Action = request.Action,
            ShellPath = request.ShellPath,
            TakesTerminal = request.Action == ContainerAction.Shell,
            StaysAlive = false,
            Command = request.Command,
            Environment = InstanceEnvironment.Add(environment, record.Name),
            WorkingDirectories = [request.CurrentDirectory, home, "/"],
        };
    }
}
