using System.Management.Automation;
using OverlayTools.Containers.Instances;

namespace OverlayTools.Commands;

/// <summary>What cmdlets on instances share: the instances, by name.</summary>
public abstract class InstanceCommand : OverlayToolsCommand
{
    /// <summary>Those that the names mean, each once; a name without wildcards that means none is an error record.</summary>
    private protected IEnumerable<ContainerInstance> Matching(IReadOnlyList<string> names)
    {
        var ended = new List<string>();
        IReadOnlyList<ContainerInstance> all = [];
        ForTarget(null, () => all = InstanceFinder.All(ended));
        ended.ForEach(WriteWarning);
        var found = new HashSet<ContainerInstance>();
        foreach (var name in names)
        {
            var pattern = WildcardPattern.Get(name, WildcardOptions.None);
            var matching = all.Where(instance => pattern.IsMatch(instance.Name)).ToList();
            if (matching.Count == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
                WriteError(ErrorMapping.ToErrorRecord(InstanceJoiner.NotFound(name), name));
            foreach (var instance in matching.Where(found.Add))
                yield return instance;
        }
    }
}
