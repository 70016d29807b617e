namespace OverlayTools.Containers.Engines;

/// <summary>Looks at an installed Apptainer or Singularity.</summary>
internal static class ForeignEngineReader
{
    /// <summary>What is found under a name; null when nothing is.</summary>
    /// <param name="name"><c>apptainer</c> or <c>singularity</c>.</param>
    public static ForeignEngineFacts? Read(string name) =>
        Find(name) is { } path ? ReadAt(path) : null;

    /// <summary>Where the program is.</summary>
    public static string? Find(string name) => new HelperProgram([name], name, "run containers").Find();

    private static ForeignEngineFacts ReadAt(string path)
    {
        // Two programs of Go, each some tens of milliseconds: at the same time.
        var version = Task.Run(() => ProbeProgram.Run(path, "--version"));
        var build = Variables(ProbeProgram.Run(path, "buildcfg") is { ExitCode: 0 } said ? said.Output : string.Empty);
        var isApptainer = build.ContainsKey("APPTAINER_CONF_FILE");
        var starter = build.TryGetValue("LIBEXECDIR", out var directory)
            ? $"{directory}/{(isApptainer ? "apptainer" : "singularity")}/bin/starter-suid"
            : null;
        return new ForeignEngineFacts
        {
            Path = path,
            VersionText = version.Result is { ExitCode: 0 } answer ? answer.Output.Trim() : string.Empty,
            HasSetuidStarter = starter is not null && EngineFactsReader.IsSetuidRoot(starter),
            Configuration = ReadConfiguration(
                build.GetValueOrDefault("APPTAINER_CONF_FILE") ?? build.GetValueOrDefault("SINGULARITY_CONF_FILE")),
        };
    }

    /// <summary>Lines <c>NAME=value</c>.</summary>
    internal static Dictionary<string, string> Variables(string text) => Pairs(text.Split('\n'));

    /// <summary>Lines <c>name = value</c> of its configuration; <c>#</c> begins a comment.</summary>
    internal static Dictionary<string, string> Configuration(IEnumerable<string> lines) =>
        Pairs(lines.Where(line => !line.TrimStart().StartsWith('#')));

    private static Dictionary<string, string> ReadConfiguration(string? path)
    {
        try
        {
            return path is null ? [] : Configuration(File.ReadLines(path));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static Dictionary<string, string> Pairs(IEnumerable<string> lines)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in lines)
        {
            if (line.IndexOf('=') is > 0 and var at)
                pairs[line[..at].Trim()] = line[(at + 1)..].Trim();
        }

        return pairs;
    }
}
