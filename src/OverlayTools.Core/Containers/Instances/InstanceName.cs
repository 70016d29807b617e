using System.Text.RegularExpressions;

namespace OverlayTools.Containers.Instances;

/// <summary>Names of instances: Apptainer's rule.</summary>
public static partial class InstanceName
{
    private const int Longest = 128;

    /// <summary>Refuses what cannot be a name.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InstanceNameInvalid"/>.</exception>
    public static void Check(string name)
    {
        if (name.Length > Longest || name is "." or ".." || name.StartsWith('.') || !Allowed().IsMatch(name))
            throw new EngineException(ErrorIds.InstanceNameInvalid, $"'{name}' cannot be the name of an instance.",
                "Use letters, digits, '.', '_' and '-', and no '.' first.", name);
    }

    [GeneratedRegex("^[A-Za-z0-9._-]+\\z")]
    private static partial Regex Allowed();
}
