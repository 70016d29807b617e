using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace OverlayTools.Containers;

/// <summary>The files that Apptainer looks for inside an image.</summary>
internal static partial class ImageMetadata
{
    /// <summary>Their directory, at the root.</summary>
    public const string Directory = ".singularity.d";

    /// <summary>The directory below it with scripts that set variables.</summary>
    public const string EnvironmentDirectory = "env";

    private const uint Script = 0b111_101_101;
    private const uint Text = 0b110_100_100;
    private const string ShellLine = "#!/bin/sh\n";

    // Apptainer injects the variables of --env after this script, and nowhere when a directory env lacks it.
    private const string BaseScript = EnvironmentDirectory + "/99-base.sh";

    /// <summary>The files to put into the directory: name (perhaps with one directory), permissions, bytes.</summary>
    /// <param name="build">What is made.</param>
    /// <param name="exists">Whether the source has a file of that name in the directory.</param>
    public static IReadOnlyList<(string Name, uint Permissions, byte[] Bytes)> Files(
        SifBuild build, Func<string, bool> exists)
    {
        var files = new List<(string, uint, byte[])>();
        if (build.RunScript is { } script)
            files.Add(("runscript", Script, Encoding.UTF8.GetBytes(Complete(script))));
        if (build.Definition is { } definition)
            files.Add(("Singularity", Text, definition));
        if (Labels(build) is { } labels)
            files.Add(("labels.json", Text, labels));
        if (build.Environment is null)
            return files;
        files.Add((EnvironmentDirectory + "/90-environment.sh", Script,
            Encoding.UTF8.GetBytes(ShellLine + Exports(build.Environment))));
        if (!exists(BaseScript))
            files.Add((BaseScript, Script, Encoding.UTF8.GetBytes(ShellLine)));
        return files;
    }

    /// <summary>The labels as JSON, or null for none.</summary>
    public static byte[]? Labels(SifBuild build)
    {
        if (build.Labels is null)
            return null;
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in build.Labels.OrderBy(label => label.Key, StringComparer.Ordinal))
                writer.WriteString(name, value);
            writer.WriteEndObject();
        }

        return json.ToArray();
    }

    /// <summary>Shell commands that set the variables. In double quotes: the shell that Apptainer has for these scripts
    /// keeps the backslash of <c>'\''</c>.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifInvalidValue"/>: a name that no shell takes.</exception>
    public static string Exports(IReadOnlyDictionary<string, string> variables)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in variables.OrderBy(variable => variable.Key, StringComparer.Ordinal))
        {
            if (!Identifier().IsMatch(name) || value.Contains('\0', StringComparison.Ordinal))
                throw new EngineException(ErrorIds.SifInvalidValue, $"'{name}' cannot be a variable of a shell.",
                    "Use letters, digits and underscores, and no digit first.", name);
            text.Append("export ").Append(name).Append("=\"");
            foreach (var character in value)
                text.Append(character is '\\' or '"' or '$' or '`' ? "\\" : "").Append(character);
            text.Append("\"\n");
        }

        return text.ToString();
    }

    private static string Complete(string script)
    {
        var lines = script.ReplaceLineEndings("\n");
        if (!lines.StartsWith("#!", StringComparison.Ordinal))
            lines = ShellLine + lines;
        return lines.EndsWith('\n') ? lines : lines + "\n";
    }

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*\\z")]
    private static partial Regex Identifier();
}
