namespace OverlayTools.Containers.Instances;

/// <summary>Runs commands in instances.</summary>
public static class InstanceJoiner
{
    /// <summary>Starts a command in the namespaces of an instance.</summary>
    /// <param name="name">The instance's name.</param>
    /// <param name="request">What to run, where, and with which environment; the rest is the instance's.</param>
    /// <param name="streams">What the command reads and writes.</param>
    /// <param name="warnings">Takes what the user should know.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.InstanceNotFound"/>,
    /// <see cref="ErrorIds.ContainerOptionInvalid"/>.</exception>
    public static ContainerProcess Start(string name, ContainerRequest request, ContainerStreams streams, ICollection<string> warnings)
    {
        InstanceName.Check(name);
        ContainerPlanner.CheckOptions(request);
        if (InstanceStore.Open().Find(name) is not { } record || !record.Keeper.IsAlive() || !record.Init.IsAlive())
            throw NotFound(name);
        var plan = Plan(record, request);
        foreach (var warning in plan.Warnings)
            warnings.Add(warning);
        return ContainerProcess.Join(new JoinPlan(record.Init.Id, record.Init.StartTime, plan), streams);
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
        var warnings = new List<string>();
        var environment = EnvironmentPlanner.Plan(ofImage, facts, home, record.Plan.CommandPrefix.Count > 0, warnings);
        return record.Plan with
        {
            Action = request.Action,
            ShellPath = request.ShellPath,
            TakesTerminal = request.Action == ContainerAction.Shell,
            StaysAlive = false,
            Command = request.Command,
            Environment = InstanceEnvironment.Add(environment, record.Name),
            WorkingDirectories = request.WorkingDirectory is { } directory ? [directory] : [request.CurrentDirectory, home, "/"],
            WorkingDirectoryRequired = request.WorkingDirectory is not null,
            Warnings = warnings,
        };
    }
}
