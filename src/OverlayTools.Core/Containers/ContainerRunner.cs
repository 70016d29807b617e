using OverlayTools.Native;
using OverlayTools.Overlays;

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
        using var images = new ImageSet { OnlyLooks = true, MountsAsRoot = MountsAsRoot(request) };
        var stack = ImageOpener.Open(request, images) with { DataImages = BindImageOpener.Open(request, images) };
        var plan = ContainerPlanner.Plan(ForDirectories(request, stack), stack, Machine.ReadFacts(), SessionDirectory.Choose());
        return plan with { Warnings = [.. images.Warnings, .. plan.Warnings] };
    }

    /// <summary>Opens the images, makes the plan, and starts the container.</summary>
    /// <param name="request">What to run.</param>
    /// <param name="streams">What the command reads and writes.</param>
    /// <param name="warnings">Takes what the user should know before the container starts.</param>
    /// <param name="progress">Told of what takes long before the container starts: waiting for an image, a replay, a
    /// copy.</param>
    /// <param name="token">Ends that.</param>
    /// <exception cref="EngineException">When it cannot be run; nothing has been changed then.</exception>
    public static ContainerProcess Start(
        ContainerRequest request, ContainerStreams streams, ICollection<string> warnings,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var times = new PhaseTimes();
        var (images, plan) = Prepare(request, warnings, progress, token);
        using var opened = images;
        times.End("images and plan");
        var session = plan.SessionDirectory;
        images.Add(SessionDirectory.Create(session), session);
        var marks = WriterMarks.For(plan, images.Files);
        try
        {
            var process = ContainerProcess.Start(plan, images.Files, streams, marks, times);
            _ = Task.Run(() => Leftovers.Sweep(Path.GetDirectoryName(session)!), CancellationToken.None);
            return process;
        }
        catch
        {
            marks.Dispose();
            Directory.Delete(session);
            throw;
        }
    }

    /// <summary>Opens the images and makes the plan; its session directory is still to be made, since nothing can be refused
    /// any more when it is.</summary>
    internal static (ImageSet Images, ContainerPlan Plan) Prepare(
        ContainerRequest request, ICollection<string> warnings, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        ContainerPlanner.CheckOptions(request);
        var (images, stack) = LockWait.Run(request.WaitForLock, namesHolders => Open(request, namesHolders, progress, token), progress, token);
        try
        {
            var fresh = BaseMemory.Check(stack, images);
            var plan = ContainerPlanner.Plan(ForDirectories(request, stack), stack, Machine.ReadFacts(), SessionDirectory.Choose());
            foreach (var warning in images.Warnings.Concat(plan.Warnings))
                warnings.Add(warning);
            if (fresh is not null)
                BaseMemory.Record(fresh, stack, images);
            return (images, plan);
        }
        catch
        {
            images.Dispose();
            throw;
        }
    }

    private static bool MountsAsRoot(ContainerRequest request) =>
        IdentityPlanner.IsRoot(request, User.EffectiveId(), Capabilities.MayMount());

    // A copy of a directory would have to be cleared away; in memory, what changes is gone by itself.
    private static ContainerRequest ForDirectories(ContainerRequest request, LayerStack stack) =>
        request.Ephemeral && stack.Overlays.All(layer => layer.ReadOnly) ? request with { WritableTmpfs = true } : request;

    private static (ImageSet Images, LayerStack Stack) Open(
        ContainerRequest request, bool namesHolders, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var images = new ImageSet
        {
            NamesHolders = namesHolders,
            MountsAsRoot = MountsAsRoot(request),
            Owner = request.FakeRoot ? OverlayOwner.Root : OverlayOwner.Caller,
            Progress = progress,
            Token = token,
        };
        try
        {
            return (images, ImageOpener.Open(request, images) with { DataImages = BindImageOpener.Open(request, images) });
        }
        catch
        {
            images.Dispose();
            throw;
        }
    }
}
