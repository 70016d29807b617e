namespace OverlayTools.Containers.Engines;

/// <summary>Chooses what runs a container: pure calculation over what the engines are asked for one by one.</summary>
public static class EngineChooser
{
    /// <summary>The engine that runs a request.</summary>
    /// <param name="request">What to run, and by what.</param>
    /// <param name="find">Says of an engine whether it is available; asked only for those that matter.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.RuntimeNotFound"/>, <see cref="ErrorIds.NamespaceUnavailable"/> or
    /// <see cref="ErrorIds.ContainerImagePull"/>.</exception>
    public static ContainerEngine Choose(ContainerRequest request, Func<ContainerEngineKind, ContainerEngine> find)
    {
        var pulled = ImageReference.IsPulled(request.ImagePath);
        if (request.Engine == ContainerEngineKind.Native)
            return pulled ? throw NothingPulls(request, []) : Wanted(request, find);
        if (request.Engine != ContainerEngineKind.Auto)
            return Wanted(request, find);

        var asked = new List<ContainerEngine>();
        ContainerEngineKind[] order = pulled
            ? [ContainerEngineKind.Apptainer, ContainerEngineKind.Singularity]
            : [ContainerEngineKind.Native, ContainerEngineKind.Apptainer, ContainerEngineKind.Singularity];
        foreach (var kind in order)
        {
            var engine = find(kind);
            if (engine.Available)
                return engine;
            asked.Add(engine);
        }

        return pulled ? throw NothingPulls(request, asked) : throw Unavailable(asked[0], request);
    }

    /// <summary>Another engine for a request that ours turned out to lack something for; null when there is none, or the
    /// user wanted ours.</summary>
    /// <param name="request">What to run, and by what.</param>
    /// <param name="failure">Why ours cannot.</param>
    /// <param name="find">Says of an engine whether it is available.</param>
    public static ContainerEngine? Instead(
        ContainerRequest request, EngineException failure, Func<ContainerEngineKind, ContainerEngine> find)
    {
        if (request.Engine != ContainerEngineKind.Auto || failure.ErrorId != ErrorIds.RuntimeNotFound)
            return null;
        return new[] { ContainerEngineKind.Apptainer, ContainerEngineKind.Singularity }
            .Select(find).FirstOrDefault(engine => engine.Available);
    }

    private static ContainerEngine Wanted(ContainerRequest request, Func<ContainerEngineKind, ContainerEngine> find)
    {
        var engine = find(request.Engine);
        return engine.Available ? engine : throw Unavailable(engine, request);
    }

    private static EngineException Unavailable(ContainerEngine engine, ContainerRequest request) =>
        new(engine.LacksOnlyNamespaces ? ErrorIds.NamespaceUnavailable : ErrorIds.RuntimeNotFound,
            $"The engine {engine.Engine} cannot be used here. {engine.Reason}",
            engine.Remedies.Count > 0
                ? $"As root: {string.Join("; ", engine.Remedies)}. Get-ContainerEngine -Detailed shows everything."
                : "Get-ContainerEngine shows what this machine can do.",
            request.ImagePath);

    private static EngineException NothingPulls(ContainerRequest request, List<ContainerEngine> asked) =>
        new(ErrorIds.ContainerImagePull,
            $"'{request.ImagePath}' has to be pulled first, which only Apptainer and Singularity do"
            + (asked.Count > 0 ? ", and neither is available." : "."),
            asked.SelectMany(engine => engine.Remedies).FirstOrDefault() is { } remedy
                ? $"Install with: {remedy}; or pull it elsewhere with 'apptainer pull', and name the file."
                : "Use -Engine Auto or Apptainer; or pull it with 'apptainer pull', and name the file.",
            request.ImagePath);
}
