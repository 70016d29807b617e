namespace OverlayTools.Containers;

/// <summary>Decides the command's environment (Apptainer's rules, in its order).</summary>
internal static class EnvironmentPlanner
{
    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private static readonly string[] s_overridePrefixes = ["SINGULARITYENV_", "APPTAINERENV_"]; // the last one wins
    private static readonly string[] s_ownPrefixes = ["APPTAINER_", "SINGULARITY_", "APPTAINERENV_", "SINGULARITYENV_"];
    private static readonly HashSet<string> s_neverForwarded = ["HOME", "PATH", "LD_LIBRARY_PATH", "PSModulePath"];

    /// <summary>What the command gets from the host, and what even the image's own scripts must not change.</summary>
    public static (IReadOnlyList<string> Forwarded, IReadOnlyList<string> Overrides) Plan(
        IReadOnlyDictionary<string, string> host, string imagePath, string home)
    {
        var forwarded = host
            .Where(pair => !s_neverForwarded.Contains(pair.Key))
            .Where(pair => !s_ownPrefixes.Any(prefix => pair.Key.StartsWith(prefix, StringComparison.Ordinal)))
            .OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => $"{pair.Key}={pair.Value}")
            .ToList();
        forwarded.Add($"HOME={home}");
        forwarded.Add($"PATH={DefaultPath}");
        foreach (var prefix in new[] { "APPTAINER", "SINGULARITY" })
        {
            forwarded.Add($"{prefix}_CONTAINER={imagePath}");
            forwarded.Add($"{prefix}_NAME={Path.GetFileName(imagePath)}");
        }

        return (forwarded, [.. Overrides(host).Select(pair => $"{pair.Key}={pair.Value}")]);
    }

    private static Dictionary<string, string> Overrides(IReadOnlyDictionary<string, string> host)
    {
        var overrides = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var prefix in s_overridePrefixes)
        {
            foreach (var (name, value) in host)
            {
                if (name.StartsWith(prefix, StringComparison.Ordinal) && name.Length > prefix.Length)
                    overrides[name[prefix.Length..]] = value;
            }
        }

        overrides.Remove("HOME");
        return overrides;
    }
}
