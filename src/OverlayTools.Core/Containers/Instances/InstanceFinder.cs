namespace OverlayTools.Containers.Instances;

/// <summary>Finds the user's instances on this machine.</summary>
public static class InstanceFinder
{
    /// <summary>Those that are there, by name. What is left of others is put away.</summary>
    /// <param name="ended">Takes a sentence about each that has ended without being stopped.</param>
    public static IReadOnlyList<ContainerInstance> All(ICollection<string> ended)
    {
        var store = InstanceStore.Open();
        var found = new List<ContainerInstance>();
        foreach (var record in store.All())
        {
            if (!InstanceStore.IsGone(record))
            {
                found.Add(ContainerInstance.Of(record));
                continue;
            }

            PutAway(store, record);
            ended.Add(Describe(record));
        }

        return found;
    }

    /// <summary>The names of all, without looking after those that have ended.</summary>
    public static IReadOnlyList<string> Names() =>
        [.. InstanceStore.Open().All().Where(record => !InstanceStore.IsGone(record)).Select(record => record.Name)];

    /// <summary>Ends what is left of an instance, and forgets it.</summary>
    internal static void PutAway(InstanceStore store, InstanceRecord record)
    {
        if (record.BootId == InstanceStore.BootId)
        {
            Leftovers.Kill(record.Plan.SessionDirectory);
            try
            {
                Directory.Delete(record.Plan.SessionDirectory);
            }
            catch (IOException)
            {
                // It is removed already, or is not empty, and so not ours to remove.
            }
        }

        store.Remove(record.Name, record);
    }

    private static string Describe(InstanceRecord record)
    {
        var why = record.BootId != InstanceStore.BootId ? "The machine was started anew."
            : record.Failure ?? "The processes that kept it were killed.";
        return $"The instance '{record.Name}' has ended without being stopped: {why}"
            + (record.Plan.Stack.Upper is { } upper && record.Plan.Layers[upper].Descriptor >= 0
                ? $" Check its overlay '{record.Plan.Layers[upper].Path}' with Test-OverlayImage before you use it again."
                : string.Empty);
    }
}
