using OverlayTools.Native;

namespace OverlayTools.Containers.Engines;

/// <summary>Starts containers with whatever engine the request, or the machine, calls for.</summary>
public static class ContainerEngines
{
    /// <summary>Chooses the engine, and starts the container.</summary>
    /// <param name="request">What to run, and by what.</param>
    /// <param name="startNative">Starts it with our own engine.</param>
    /// <param name="streams">What the command reads and writes.</param>
    /// <param name="notes">Takes what only a curious user wants to know: which engine, and why.</param>
    /// <exception cref="EngineException">When it cannot be run; nothing has been changed then.</exception>
    public static IRunningContainer Start(
        ContainerRequest request, Func<ContainerRequest, IRunningContainer> startNative, ContainerStreams streams,
        ICollection<string> notes)
    {
        var engine = EngineChooser.Choose(request, EngineCatalog.Find);
        if (engine.Engine != ContainerEngineKind.Native)
        {
            if (request.Engine == ContainerEngineKind.Auto && !ImageReference.IsPulled(request.ImagePath))
                notes.Add($"The engine Native cannot be used here: {EngineCatalog.Find(ContainerEngineKind.Native).Reason}");
            return StartForeign(request, engine, streams, notes);
        }

        try
        {
            notes.Add("The engine Native runs the container.");
            return startNative(request);
        }
        catch (EngineException failure) when (EngineChooser.Instead(request, failure, EngineCatalog.Find) is { } other)
        {
            notes.Add($"The engine Native cannot run this: {failure.Message}");
            return StartForeign(request, other, streams, notes);
        }
    }

    /// <summary>Refuses to start an instance of ours with another engine, and says how to start one of its own.</summary>
    /// <param name="request">What to run, and by what.</param>
    /// <param name="instance">The instance's name.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.EngineOptionUnsupported"/> or
    /// <see cref="ErrorIds.ContainerImagePull"/>.</exception>
    public static void RequireNative(ContainerRequest request, string instance)
    {
        var native = request.Engine is ContainerEngineKind.Auto or ContainerEngineKind.Native;
        if (native && !ImageReference.IsPulled(request.ImagePath))
            return;
        var engine = EngineChooser.Choose(request, EngineCatalog.Find);
        var line = ForeignCommandLine.ForInstance(request, instance, engine, User.EffectiveId() == 0, Directory.Exists);
        throw new EngineException(ErrorIds.EngineOptionUnsupported,
            $"Instances are started by the engine Native only: {engine.Engine} keeps its own, and its own list of them.",
            $"Run: {engine.Path} {string.Join(' ', line.Arguments)}", request.ImagePath);
    }

    private static ForeignContainer StartForeign(
        ContainerRequest request, ContainerEngine engine, ContainerStreams streams, ICollection<string> notes)
    {
        ContainerPlanner.CheckOptions(request);
        var line = ForeignCommandLine.For(request, engine, User.EffectiveId() == 0, Directory.Exists);
        notes.Add($"The engine {engine.Engine} {engine.Version} runs the container: {engine.Path} {string.Join(' ', line.Arguments)}");
        return ForeignContainer.Start(engine, request, line, streams);
    }
}
