namespace OverlayTools.Containers;

/// <summary>Puts the command's environment together (Apptainer's rules): the image wins over the host, the user over the
/// image.</summary>
public static class ContainerEnvironment
{
    /// <summary>The search path of a container that sets none.</summary>
    public const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>The variable of the search path.</summary>
    public const string PathVariable = "PATH";

    /// <summary>The variable of the search path for libraries.</summary>
    public const string LibraryPathVariable = "LD_LIBRARY_PATH";

    private const string Prompt = "PS1";

    // Shells set these for themselves; the image did not mean them.
    private static readonly HashSet<string> s_shellsOwn = ["PWD", "OLDPWD", "SHLVL", "_", "OPTIND", "IFS", "PS2", "PS4", "PPID"];

    /// <summary>The environment, sorted by name.</summary>
    /// <param name="plan">What was planned.</param>
    /// <param name="image">What the image's scripts exported; null when it has none.</param>
    /// <param name="directory">The working directory; null to say nothing of it.</param>
    /// <returns><c>NAME=value</c> strings.</returns>
    public static IReadOnlyList<string> Merge(
        EnvironmentPlan plan, IReadOnlyDictionary<string, string>? image = null, string? directory = null)
    {
        var result = new SortedDictionary<string, string>(StringComparer.Ordinal) { [Prompt] = "Apptainer> " };
        Add(result, plan.Forwarded);
        Add(result, plan.Own);
        // A variable that the image sets to nothing stays nothing: Apptainer takes it away.
        foreach (var (name, value) in image ?? new Dictionary<string, string>())
        {
            if (s_shellsOwn.Contains(name))
                continue;
            if (value.Length > 0 || plan.Own.ContainsKey(name))
                result[name] = value;
            else
                result.Remove(name);
        }

        Add(result, plan.Overrides);
        if (string.IsNullOrEmpty(result.GetValueOrDefault(PathVariable)))
            result[PathVariable] = DefaultPath;
        foreach (var addition in plan.Additions)
        {
            result[addition.Name] = string.Join(':', new[] { addition.Before, result.GetValueOrDefault(addition.Name), addition.After }
                .Where(part => !string.IsNullOrEmpty(part)));
        }

        if (directory is not null)
            result["PWD"] = directory;
        return [.. result.Select(pair => $"{pair.Key}={pair.Value}")];
    }

    private static void Add(SortedDictionary<string, string> result, IReadOnlyDictionary<string, string> variables)
    {
        foreach (var (name, value) in variables)
            result[name] = value;
    }
}
