namespace OverlayTools.Containers.Engines;

/// <summary>The engines of this machine. What takes long to find out is remembered for the life of the process, until a
/// program on the search path is another one.</summary>
public static class EngineCatalog
{
    private static readonly object s_gate = new();
    private static (string Key, ContainerEngine Engine)? s_native;
    private static readonly Dictionary<string, (DateTime Modified, ForeignEngineFacts Facts)> s_foreign = new(StringComparer.Ordinal);

    /// <summary>All engines, with all that was found; looks anew each time.</summary>
    public static IReadOnlyList<ContainerEngine> List() => EngineJudgement.Judge(EngineFactsReader.ReadAll());

    /// <summary>One engine, as far as a normal run has to know it.</summary>
    /// <param name="kind">Which.</param>
    internal static ContainerEngine Find(ContainerEngineKind kind) =>
        kind == ContainerEngineKind.Native ? Native() : Foreign(kind);

    /// <summary>Our own engine, as far as a normal run has to know it.</summary>
    private static ContainerEngine Native()
    {
        var key = Environment.GetEnvironmentVariable("PATH") ?? string.Empty;
        lock (s_gate)
        {
            if (s_native is { } known && known.Key == key)
                return known.Engine;
        }

        var engine = EngineJudgement.Judge(EngineFactsReader.ReadEssentials())[0];
        lock (s_gate)
        {
            // What is mended meanwhile shall work at once: only a good answer is kept.
            s_native = engine.Available ? (key, engine) : null;
        }

        return engine;
    }

    /// <summary>Apptainer or Singularity.</summary>
    private static ContainerEngine Foreign(ContainerEngineKind kind)
    {
        var essentials = EngineFactsReader.ReadIdentity();
        var facts = kind == ContainerEngineKind.Apptainer
            ? essentials with { Apptainer = ReadRemembered("apptainer") }
            : essentials with { Singularity = ReadRemembered("singularity") };
        return EngineJudgement.JudgeForeign(kind, facts);
    }

    private static ForeignEngineFacts? ReadRemembered(string name)
    {
        if (ForeignEngineReader.Find(name) is not { } path)
            return null;
        var modified = File.GetLastWriteTimeUtc(path);
        lock (s_gate)
        {
            if (s_foreign.TryGetValue(path, out var known) && known.Modified == modified)
                return known.Facts;
        }

        var facts = ForeignEngineReader.Read(name);
        if (facts is { VersionText.Length: > 0 })
        {
            lock (s_gate)
                s_foreign[path] = (modified, facts);
        }

        return facts;
    }
}
