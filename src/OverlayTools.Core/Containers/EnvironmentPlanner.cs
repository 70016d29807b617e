namespace OverlayTools.Containers;

/// <summary>Decides where the command's environment comes from (Apptainer's rules).</summary>
internal static class EnvironmentPlanner
{
    private const string Prepend = "PREPEND_";
    private const string Append = "APPEND_";

    private static readonly string[] s_prefixes = ["SINGULARITY", "APPTAINER"]; // the last one wins
    private static readonly string[] s_ownPrefixes = ["APPTAINER_", "SINGULARITY_", "APPTAINERENV_", "SINGULARITYENV_"];
    private static readonly HashSet<string> s_neverForwarded =
        ["HOME", ContainerEnvironment.PathVariable, ContainerEnvironment.LibraryPathVariable, "PSModulePath", "PWD"];

    // With a clean environment these still pass: the terminal's kind, and the way to the network.
    private static readonly HashSet<string> s_alwaysForwarded =
    [
        "TERM", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY",
        "ftp_proxy", "FTP_PROXY",
    ];

    private static readonly string[] s_lists = [ContainerEnvironment.PathVariable, ContainerEnvironment.LibraryPathVariable];

    /// <summary>The plan.</summary>
    /// <param name="request">What the user asked for.</param>
    /// <param name="facts">The caller's environment.</param>
    /// <param name="home">The home directory in the container.</param>
    /// <param name="fakeRoot">Whether the command <c>fakeroot</c> is used.</param>
    /// <param name="warnings">Takes what the user should know.</param>
    public static EnvironmentPlan Plan(
        ContainerRequest request, MachineFacts facts, string home, bool fakeRoot, List<string> warnings)
    {
        var overrides = Overrides(request, facts, warnings);
        var additions = new List<PathAddition>();
        foreach (var name in s_lists)
        {
            overrides.Remove(Prepend + name, out var before);
            overrides.Remove(Append + name, out var after);
            if (before is not null || after is not null)
                additions.Add(new PathAddition(name, before ?? string.Empty, after ?? string.Empty));
        }

        if (fakeRoot)
        {
            overrides["FAKEROOTDONTTRYCHOWN"] = "1";
            additions.Add(new PathAddition(ContainerEnvironment.PathVariable, string.Empty, FakeRootPlanner.Directory));
        }

        return new EnvironmentPlan
        {
            Forwarded = Forwarded(request, facts.Environment),
            Own = Own(request, home),
            Overrides = overrides,
            Additions = additions,
        };
    }

    private static Dictionary<string, string> Forwarded(ContainerRequest request, IReadOnlyDictionary<string, string> host)
    {
        var forwarded = host
            .Where(pair => !s_neverForwarded.Contains(pair.Key) && (!request.CleanEnvironment || s_alwaysForwarded.Contains(pair.Key)))
            .Where(pair => !s_ownPrefixes.Any(prefix => pair.Key.StartsWith(prefix, StringComparison.Ordinal)))
            // What no shell takes as a name, such as an exported function, is the host's shell's own.
            .Where(pair => pair.Key.Length > 0 && !char.IsAsciiDigit(pair.Key[0])
                && pair.Key.All(character => char.IsAsciiLetterOrDigit(character) || character == '_'))
            .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
        if (request.CleanEnvironment)
            forwarded["LANG"] = "C";
        else if (host.TryGetValue(ContainerEnvironment.PathVariable, out var path))
            forwarded["USER_PATH"] = path;
        return forwarded;
    }

    private static Dictionary<string, string> Own(ContainerRequest request, string home)
    {
        var own = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOME"] = home,
            [ContainerEnvironment.PathVariable] = ContainerEnvironment.DefaultPath,
            ["APPTAINER_APPNAME"] = string.Empty,
            ["APPTAINER_COMMAND"] = request.ActionName,
        };
        // What was bound is bound again when a container is started in this one.
        var binds = string.Join(',', request.Binds.Select(bind => Escape(bind.Destination)));
        foreach (var prefix in s_prefixes)
        {
            own[prefix + "_BIND"] = binds;
            own[prefix + "_CONTAINER"] = request.ImagePath;
            own[prefix + "_ENVIRONMENT"] = "/.singularity.d/env/91-environment.sh";
            own[prefix + "_NAME"] = Path.GetFileName(request.ImagePath);
        }

        return own;
    }

    private static Dictionary<string, string> Overrides(ContainerRequest request, MachineFacts facts, List<string> warnings)
    {
        var overrides = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var prefix in s_prefixes.Select(prefix => prefix + "ENV_"))
        {
            foreach (var (name, value) in facts.Environment)
            {
                if (name.StartsWith(prefix, StringComparison.Ordinal) && name.Length > prefix.Length)
                    overrides[name[prefix.Length..]] = value;
            }
        }

        foreach (var path in request.EnvironmentFiles)
        {
            var text = facts.ReadText(path);
            foreach (var (name, value) in EnvironmentFile.Parse(text, path, facts.Environment))
                overrides[name] = value;
        }

        foreach (var (name, value) in request.Environment)
            overrides[name] = value;
        foreach (var name in new[] { "HOME", "APPTAINER_SHELL", "SINGULARITY_SHELL", "APPTAINER_APPNAME", "SINGULARITY_APPNAME" })
        {
            if (overrides.Remove(name))
                warnings.Add($"The variable {name} of the container cannot be set this way{(name == "HOME" ? "; use -HomeDirectory" : string.Empty)}.");
        }

        return overrides;
    }

    private static string Escape(string path) =>
        path.Replace(":", "\\:", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
}
