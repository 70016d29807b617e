namespace OverlayTools.Containers;

/// <summary>Where the command's variables come from, the strongest last.</summary>
public sealed record EnvironmentPlan
{
    /// <summary>Variables of the host, passed on unless the image sets them.</summary>
    public required IReadOnlyDictionary<string, string> Forwarded { get; init; }

    /// <summary>Variables that tell about the container; the image's scripts see these, and no other.</summary>
    public required IReadOnlyDictionary<string, string> Own { get; init; }

    /// <summary>Variables that win over what the image's scripts set.</summary>
    public required IReadOnlyDictionary<string, string> Overrides { get; init; }

    /// <summary>What is put before and after lists of directories, whoever set them: name of the variable, text before,
    /// text after.</summary>
    public IReadOnlyList<PathAddition> Additions { get; init; } = [];
}

/// <summary>What is put around the value of a variable that is a list of directories.</summary>
/// <param name="Name">The variable.</param>
/// <param name="Before">Directories before it; empty for none.</param>
/// <param name="After">Directories after it; empty for none.</param>
public sealed record PathAddition(string Name, string Before, string After);
