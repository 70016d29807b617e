using System.Globalization;
using System.Text;
using OverlayTools.Native;

namespace OverlayTools.Containers.Instances;

/// <summary>Stops instances.</summary>
public static class InstanceStopper
{
    private const int PollMilliseconds = 20;
    private const int PatienceMilliseconds = 10_000;

    /// <summary>
    /// Stops an instance, and waits until what it wrote is on the disk and nothing is mounted any more. For that there is
    /// no limit: a slow disk is no reason to lose data.
    /// </summary>
    /// <param name="instance">Which.</param>
    /// <param name="signal">The number of the signal that its processes get first.</param>
    /// <param name="grace">How long they then have time before they are killed.</param>
    /// <param name="progress">Hears what is being waited for, and for how many seconds.</param>
    /// <param name="warn">Takes a sentence when the waiting becomes long.</param>
    /// <param name="cancellation">Ends the waiting; the instance still ends.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/> when it has not ended in order.</exception>
    public static void Stop(
        ContainerInstance instance, int signal, TimeSpan grace, IProgress<EngineProgress> progress, Action<string> warn,
        CancellationToken cancellation)
    {
        var store = InstanceStore.Open();
        if (store.Find(instance.Name) is not { } record || record.Keeper.Id != instance.KeeperProcessId)
            return; // it has ended already
        if (!TrySend(store.DirectoryOf(record.Name), signal, grace) && record.Keeper.IsAlive())
            throw new EngineException(ErrorIds.HelperFailed, $"The instance '{record.Name}' does not listen.",
                string.Create(CultureInfo.InvariantCulture, $"End it with: kill {record.Keeper.Id}"), record.Name);

        var writing = 0;
        for (var waited = 0; !InstanceStore.IsGone(record); waited += PollMilliseconds)
        {
            var what = record.Init.IsAlive() ? "to end" : "to be written to the disk";
            progress.Report(new EngineProgress($"Waiting for '{record.Name}' {what}", waited / 1000, 0, "seconds"));
            writing += record.Init.IsAlive() ? 0 : PollMilliseconds;
            if (writing == PatienceMilliseconds)
                warn($"The processes of '{record.Name}' have ended; what they wrote is still being written to the disk. There is no "
                    + "time limit for that, so that nothing is lost.");
            cancellation.WaitHandle.WaitOne(PollMilliseconds);
            cancellation.ThrowIfCancellationRequested();
        }

        if (store.Find(record.Name) is { } left && left.Keeper == record.Keeper)
        {
            InstanceFinder.PutAway(store, left);
            throw new EngineException(ErrorIds.HelperFailed,
                $"The instance '{record.Name}' has not ended in order: {left.Failure ?? "the process that kept it was killed."}",
                "Check a writable overlay with Test-OverlayImage before you use it again.", record.Name);
        }
    }

    /// <summary>Tells an instance to end.</summary>
    /// <param name="directory">Where its record is.</param>
    /// <param name="signal">The first signal.</param>
    /// <param name="grace">The time before SIGKILL.</param>
    /// <returns>False when nobody listens.</returns>
    internal static bool TrySend(string directory, int signal, TimeSpan grace)
    {
        using var pipe = Open.TryFile(InstanceStore.PipeOf(directory), Open.WriteOnly | Open.NonBlock | Open.NoFollow, 0, out _);
        if (pipe is null)
            return false;
        Descriptors.Write(pipe, Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{signal} {(long)grace.TotalMilliseconds}\n")));
        return true;
    }
}
